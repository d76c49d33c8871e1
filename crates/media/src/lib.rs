//! Pictures in, GStreamer out: files, frame folders and contact sheets.
//!
//! [`load_picture`] reads a portrait. [`Output::parse`] says from a name what will be written, [`Output::open`] gives
//! the [`Sink`] that frames go into. [`VideoReader`] reads a video back. [`doctor::probe`] says what this machine has.
//!
//! # Invariants
//! - Nothing appears under its final name before [`Sink::finish`] has succeeded; until then it lies beside it under a
//!   temporary, hidden name, and goes away when the sink is aborted or dropped.
//! - Frame `i` is shown at `rate.pts(i)`, never at a sum of durations.
//! - Pixels are 8-bit sRGB, full range, rows without padding. In video files they are BT.709, limited range, 4:2:0 with
//!   chroma sited left; the conversion happens here and nowhere else, because GStreamer's own is off by up to 2.5
//!   levels.
//! - No other crate sees a GStreamer type.

mod contact_sheet;
pub mod doctor;
mod elements;
mod encoders;
mod error;
mod frames;
mod gif_file;
mod graph;
mod gst_file;
mod output;
mod palette;
mod pending;
mod picture;
mod png_file;
mod quantise;
mod reader;
mod settings;
mod sink;
mod yuv;

pub use error::MediaError;
pub use output::{Output, OutputKind};
pub use picture::{ALPHA_BACKGROUND, MAX_PIXELS, MAX_SIDE, Picture, load_picture, read_picture};
pub use png_file::save_png;
pub use reader::VideoReader;
pub use settings::{Codec, Crf, EncoderSettings, IdrInterval, Speed};
pub use sink::{Sink, VideoFormat, Written};
