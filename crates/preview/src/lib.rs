//! The preview page in the browser, and what a run does as Prometheus metrics.
//!
//! [`Preview::open`] opens a page that shows frames ([`Preview::show`]) with the curves of their coefficients, and how
//! the run is going ([`Preview::status`]). People press buttons there ([`Preview::commands`]) and try expressions on the
//! portrait with sliders; the page writes them as a storyboard's `expressions` has them. `/metrics` says the same in
//! OpenMetrics; [`MetricsServer`] has it alone.
//!
//! # Invariants
//! - Whoever renders never waits: frames and states are handed over, the newest counts, and what a page or the encoder
//!   does not get to is left out, never queued.
//! - No file of the host is served: every address that is answered is written in `routes.rs`, with its content compiled
//!   in. Nothing is loaded from elsewhere either.
//! - Off the loopback everything asks for a token. On it, only requests to the loopback's own names are answered, and
//!   nowhere those of other sites' pages.
//! - Connections, pages, requests, messages and their sizes are limited: see [`Limits`].

mod address;
mod error;
mod film;
mod guard;
mod hub;
mod limits;
mod messages;
mod metrics;
mod picture;
mod pose;
mod poser;
mod preview;
mod routes;
mod scene;
mod server;
mod site;
mod socket;
mod status;
mod token;

pub use address::PreviewAddress;
pub use error::PreviewError;
pub use limits::Limits;
pub use poser::PoseRenderer;
pub use preview::{MetricsServer, Preview};
pub use scene::{Command, Controls, Scene, Shown};
pub use status::{LegState, LegStatus, Playback, Queue, StageStatus, Status};
