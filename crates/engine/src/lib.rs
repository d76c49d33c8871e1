//! Named stages on threads, bounded channels between them, cancellation, root-cause errors and statistics.
//!
//! ```
//! use moue_engine::{CancelToken, run};
//!
//! let ((), report) = run(&CancelToken::new(), |scope| {
//!     let (numbers, source) = scope.channel::<u64>("numbers", 4);
//!     let (squares, squared) = scope.channel::<u64>("squares", 4);
//!     scope.stage("count", move |stage| {
//!         for n in 0..100 {
//!             if stage.is_finishing() {
//!                 break;
//!             }
//!             numbers.send(n)?;
//!         }
//!         numbers.close();
//!         Ok(())
//!     });
//!     // Two threads square numbers; the results come in the order of the numbers.
//!     scope.fan_out("square", 2, source, squares, |_worker| Ok(()), |(), n| Ok(n * n));
//!     scope.stage("check", move |_| {
//!         let mut n = 0;
//!         while let Some(square) = squared.recv()? {
//!             assert_eq!(square, n * n);
//!             n += 1;
//!         }
//!         Ok(())
//!     });
//! })
//! .unwrap();
//! assert_eq!(report.channel("squares").unwrap().received, 100);
//! ```
//!
//! # Invariants
//! - Every channel is bounded, so memory does not depend on how long the stream is.
//! - The end of a stream is said ([`Sender::close`]), never inferred: a stage that fails drops its senders unclosed,
//!   and those downstream learn that they were stopped rather than take what they have for the whole.
//! - Whatever fails first ends the run, wakes every stage, and is what [`run`] returns.
//! - This crate knows nothing of video.

mod cancel;
mod channel;
mod error;
mod fan_out;
mod pool;
mod scope;
mod stats;

pub use cancel::{Cancel, CancelToken};
pub use channel::{Receiver, Sender};
pub use error::{EngineError, StageError, Stopped};
pub use pool::Pool;
pub use scope::{Monitor, Scope, Stage, run};
pub use stats::{ChannelStats, Report, StageStats};
