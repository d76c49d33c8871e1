//! Pictures and videos in, pictures and videos out, with sound.
//!
//! [`load_picture`] reads a portrait. [`VideoReader`] reads the frames of a [`Source`]: a file, a folder of pictures, an
//! address; [`probe`] says what is in one. [`Output::parse`] says from a name what will be written, [`Output::open`]
//! gives the [`Sink`] that frames go into, [`Output::open_with_sound`] one that takes a [`Soundtrack`] along. [`join`] puts
//! a [`Film`] together from pieces that were written so, without encoding their frames again.
//! [`RawOutput`] is an output in GStreamer's own words.
//! [`LiveLeg`] streams what it is shown to a [`LiveOutput`]: RTMP, SRT, HLS.
//! [`doctor::probe`] says what this machine has.
//!
//! # Invariants
//! - Nothing appears under its final name before [`Sink::finish`] has succeeded; until then it lies beside it under a
//!   temporary, hidden name, and goes away when the sink is aborted or dropped.
//! - Frame `i` is written to be shown at `rate.pts(i)`, never at a sum of durations. Frames that are read have their
//!   own times, from the first frame on, and those are the times of the sound too.
//! - Pixels are 8-bit sRGB, full range, rows without padding. In video files that are written they are BT.709, limited
//!   range, 4:2:0 with chroma sited left; files that are read are what they say they are. The conversions happen here
//!   and nowhere else, because GStreamer's own is off by up to 2.5 levels.
//! - No other crate sees a GStreamer type.

mod codecs;
mod contact_sheet;
mod container;
pub mod doctor;
mod elements;
mod encoders;
mod error;
mod frames;
mod gif_file;
mod graph;
mod gst_file;
mod info;
mod join;
mod live;
mod output;
mod palette;
mod parts;
mod pending;
mod picture;
mod pieces;
mod planes;
mod png_file;
mod quantise;
mod raw;
mod raw_leg;
mod reader;
mod room;
mod settings;
mod sink;
mod sound;
mod source;
mod stamps;
mod to_rgb;
mod upright;
mod yuv;

pub use error::MediaError;
pub use info::{SoundStream, SourceInfo, VideoStream, probe};
pub use join::{Film, join};
pub use live::{Bitrate, LegEvent, LegState, LegStats, LiveKind, LiveLeg, LiveOutput, LiveSettings};
pub use output::{Output, OutputKind};
pub use parts::{Parts, join_parts};
pub use pending::resolved;
pub use picture::{ALPHA_BACKGROUND, MAX_PIXELS, MAX_SIDE, Picture, load_picture, read_picture};
pub use png_file::{save_bytes, save_png};
pub use raw::RawOutput;
pub use reader::VideoReader;
pub use settings::{Codec, Crf, EncoderSettings, H264Encoder, IdrInterval, Speed};
pub use sink::{Sink, VideoFormat, Written};
pub use sound::{Cue, SoundUse, Soundtrack};
pub use source::Source;
