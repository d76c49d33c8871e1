//! Between ARKit coefficients and FLAME's.
//!
//! [`bridge`] turns a track of one family into one of the other. Lids and the jaw mean the same in both and follow a
//! rule ([`rule`]); all else needs a [`LinearMap`], which [`fit`] makes of recordings that both trackers have seen, or
//! [`LinearMap::from_third_party`] of somebody else's arrays. What is mapped by neither is told in [`Bridged`].
//!
//! This crate does no I/O: a map goes into files and comes out of them as [`NamedArrays`].

mod affine;
mod arrays;
mod convert;
mod error;
mod fit;
mod map;
mod ridge;
pub mod rule;
mod split;
mod third_party;

pub use affine::{Affine, Score};
pub use arrays::{ArrayData, NamedArray, NamedArrays};
pub use convert::{Bridged, Family, bridge};
pub use error::BridgeError;
pub use fit::{Pair, fit};
pub use map::{LinearMap, Source};
