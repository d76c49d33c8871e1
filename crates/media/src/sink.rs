use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use moue_timeline::FrameRate;

use crate::error::MediaError;

/// What every frame of a video has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames per second, exactly.
    pub rate: FrameRate,
    /// How many frames will come, if that is known; a contact sheet then looks at fewer of them. The true number may
    /// differ, as it does when a run is cut short.
    pub expected_frames: Option<u64>,
    /// Of a part of a longer video: the number of its first frame there. Numbered frames keep the numbers of the whole,
    /// and those of other parts beside them are left alone.
    pub part_from: Option<u64>,
}

impl VideoFormat {
    /// A format of unknown length.
    pub fn new(width: u32, height: u32, rate: FrameRate) -> Self {
        Self { width, height, rate, expected_frames: None, part_from: None }
    }
}

/// Takes frames in order and makes an output of them.
///
/// Dropping a sink is the same as [`abort`](Self::abort): no file appears.
pub trait Sink: Send {
    /// Adds the next frame, waiting while the encoder has enough to do.
    ///
    /// # Errors
    /// A frame of another size than the format's, a full disk, a broken encoder. The output is lost then; any further
    /// call fails too.
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError>;

    /// Completes the output and gives it its final name.
    ///
    /// # Errors
    /// No frame was written, the disk is full, or someone else made a file of that name meanwhile and overwriting
    /// was not asked for. Nothing is left behind then.
    fn finish(self: Box<Self>) -> Result<Written, MediaError>;

    /// Stops at once and removes what was written.
    fn abort(self: Box<Self>);
}

/// What a sink has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file; for frames the folder, or the pattern as given.
    pub path: PathBuf,
    /// Frames taken in. A contact sheet shows some of them; a GIF of more than 50 frames per second leaves some out.
    pub frames: u64,
    /// Size on disk, in bytes, of all files together.
    pub bytes: u64,
    /// What a person may want to know, each a sentence without a full stop: that the sound broke off, for example.
    pub notes: Vec<String>,
}

/// Refuses a frame of another size than was agreed on.
pub(crate) fn check_frame(path: &Path, format: &VideoFormat, frame: &RgbImage) -> Result<(), MediaError> {
    if frame.dimensions() == (format.width, format.height) {
        return Ok(());
    }
    let (width, height) = frame.dimensions();
    Err(MediaError::FrameSize {
        path: path.to_owned(),
        problem: format!("found a frame of {width}x{height}, expected {}x{}", format.width, format.height),
        hint: "every frame of an output has the size it was opened with",
    })
}
