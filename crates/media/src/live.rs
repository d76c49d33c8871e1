//! Live outputs: streams to servers (RTMP, SRT) and playlists (HLS) that are watched while they are made.
//!
//! A [`LiveLeg`] never slows whoever renders, and breaks nothing but itself. It has a thread of its own, and one fresh
//! media graph per session; [`LiveLeg::show`] only puts the newest frame where that thread finds it. The thread sends at
//! a constant rate on a clock of its own: the newest frame, or the one before once more. When a session breaks, its graph
//! is thrown away and another one is tried half a second later, then after one, then every two seconds, for ever.
//!
//! The thread's ticks lie half a frame's time after the frames that come, and follow a slow drift between the two clocks
//! ([`phase`]); a tick that is late takes the frame that was the newest when it was due. So a renderer that shows one frame
//! per period, give or take a fifth of it, is streamed without a frame repeated or dropped.
//!
//! Sound follows the numbers of the frames that are seen ([`follower`]): a frame that is repeated because rendering is slow
//! is silent, and the sound goes on with the next one. It is decoded ahead in a thread of its own, encoded as AAC, and
//! muxed beside the pictures, which wait for its encoder for a frame or two.

mod chain;
mod follower;
mod hls;
mod output;
mod phase;
mod report;
mod run;
mod session;
mod settings;
mod slot;
mod watchdog;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use image::RgbImage;

use self::chain::Chain;
use self::follower::Follower;
pub use self::output::{LiveKind, LiveOutput};
pub use self::report::{LegEvent, LegState, LegStats};
use self::run::{Runner, Sound};
pub use self::settings::{Bitrate, LiveSettings};
use self::slot::{Order, Slot};
use self::words::Loss;
use crate::elements;
use crate::error::MediaError;
use crate::graph::does_not_start;
use crate::planes::{Planar, video_info};
use crate::sink::{VideoFormat, check_frame};
use crate::sound::{Cue, Score, Tape};

/// How long an end may take before the thread is left to itself.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// Frames that are converted at most at a time: the latest, and those in the media graph.
const SPARE_FRAMES: usize = 6;

/// A live output that frames are shown to. Dropping it is the same as [`abort`](Self::abort).
pub struct LiveLeg {
    slot: Arc<Slot>,
    format: VideoFormat,
    /// What errors call it.
    shown: PathBuf,
    thread: Option<JoinHandle<Option<Loss>>>,
    /// Closed when the thread is done.
    done: Receiver<()>,
}

impl LiveLeg {
    /// Opens it. What can be known without speaking to a server is checked here; the first session begins with the
    /// first frame, and before that nothing is sent.
    ///
    /// `sound` is what is heard at the times of the output, as of a film; the sound of a driving file is
    /// [`Soundtrack::for_live`](crate::Soundtrack::for_live). Without any, the stream has no sound at all.
    ///
    /// `on_event` is called on the leg's thread, once per change, and ought to return soon.
    ///
    /// # Errors
    /// [`MediaError`]: the size does not suit H.264, an element is missing, the folder of a playlist cannot be made or takes
    /// no files, another file has the playlist's name; a sound is missing, is live, or cannot be decoded.
    pub fn open(
        output: &LiveOutput,
        format: &VideoFormat,
        settings: &LiveSettings,
        sound: &[Cue],
        on_event: impl FnMut(LegEvent) + Send + 'static,
    ) -> Result<Self, MediaError> {
        let shown = output.shown_path();
        check_size(&shown, format)?;
        elements::start()?;
        if let Some(playlist) = output.playlist_path() {
            hls::make_folder(playlist)?;
            hls::check(playlist)?;
        }
        let info = video_info(&shown, format)?;
        let encoder = chain::encoder_of(settings);
        let sound = match Score::read(sound)? {
            Some(score) => Some(Sound { tape: Tape::start(score, &shown)?, follower: Follower::new(format.rate) }),
            None => None,
        };
        // Whatever is missing is missed now.
        Chain::build(output, format, settings, encoder, &info, sound.is_some(), 0)?;
        let slot = Arc::new(Slot::new());
        let runner = Runner {
            output: output.clone(),
            format: *format,
            settings: *settings,
            encoder,
            planar: Planar::new(&info, SPARE_FRAMES),
            info,
            slot: Arc::clone(&slot),
            sound,
            on_event: Box::new(on_event),
            latest: None,
            lost: None,
        };
        let (is_done, done) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new()
            .name("live leg".to_owned())
            .spawn(move || {
                let failure = runner.run();
                drop(is_done);
                failure
            })
            .map_err(|error| does_not_start(&shown, error.to_string()))?;
        Ok(Self { slot, format: *format, shown, thread: Some(thread), done })
    }

    /// Makes this the newest frame. It never waits: a frame that was not sent yet is replaced, and counted.
    ///
    /// `number` is its place on the output's grid: it is seen at `number / rate`, and that moment's sound goes with it.
    /// A frame that is sent again is silent; a number that jumps, as back to 0 in a loop, takes the sound along.
    ///
    /// # Errors
    /// A frame of another size than the format's. That the stream is broken is no error; see [`stats`](Self::stats).
    pub fn show(&self, frame: &Arc<RgbImage>, number: u64) -> Result<(), MediaError> {
        check_frame(&self.shown, &self.format, frame)?;
        self.slot.show(frame, number);
        Ok(())
    }

    /// Counts so far.
    pub fn stats(&self) -> LegStats {
        self.slot.stats()
    }

    /// Sends the newest frame, says farewell where somebody listens, and ends, within two seconds.
    ///
    /// # Errors
    /// [`MediaError::Stream`]: why no session stood at the end, or, with [`fail_fast`](LiveSettings::fail_fast), why it had
    /// ended before.
    pub fn end(mut self) -> Result<LegStats, MediaError> {
        let failure = self.stop(Order::End);
        match failure {
            Some(Loss { why, hint }) => {
                let was_live = self.stats().sessions > 0;
                let problem = if was_live { format!("it was lost before the end: {why}") } else { why };
                Err(MediaError::Stream { output: self.shown.display().to_string(), problem, hint })
            }
            None => Ok(self.stats()),
        }
    }

    /// Ends at once.
    pub fn abort(mut self) -> LegStats {
        self.stop(Order::Abort);
        self.stats()
    }

    fn stop(&mut self, order: Order) -> Option<Loss> {
        self.slot.order(order);
        let thread = self.thread.take()?;
        if self.done.recv_timeout(END_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // Something in the media graph hangs. It holds nothing of ours but memory.
            let hint = "see whether what it is written to hangs; it is left to itself";
            return Some(Loss::new("it does not end", hint));
        }
        thread.join().ok().flatten()
    }
}

impl Drop for LiveLeg {
    fn drop(&mut self) {
        self.stop(Order::Abort);
    }
}

fn check_size(shown: &std::path::Path, format: &VideoFormat) -> Result<(), MediaError> {
    let (width, height) = (format.width, format.height);
    let wrong = |problem: String, hint| Err(MediaError::FrameSize { path: shown.to_owned(), problem, hint });
    if width.min(height) < 16 || width.max(height) > 8192 {
        return wrong(
            format!("frames are {width}x{height}; a stream takes 16x16 to 8192x8192"),
            "choose another --size",
        );
    }
    if width % 2 != 0 || height % 2 != 0 {
        let problem = format!("frames are {width}x{height}; a stream needs an even width and height");
        return wrong(problem, "round the size before rendering");
    }
    Ok(())
}
