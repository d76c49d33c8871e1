//! GIF: a palette that changes only when it must, only the pixels that change, delays that add up.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};
use image::RgbImage;

use crate::error::MediaError;
use crate::palette::{COLOURS, Palette};
use crate::pending::PendingFile;
use crate::sink::{Sink, VideoFormat, Written, check_frame};

/// The place in the palette that leaves a pixel as it is.
const UNCHANGED: u8 = COLOURS as u8;
/// Hundredths of a second; browsers slow frames down that are shorter.
const SHORTEST_DELAY: u64 = 2;

/// A GIF being written.
pub(crate) struct GifFile {
    pending: PendingFile,
    file: Target,
    format: VideoFormat,
    palette: Option<Palette>,
    /// Whether the palette is still the first frame's, which the file's head holds.
    is_palette_global: bool,
    /// What a viewer sees now.
    shown: Vec<[u8; 3]>,
    /// The latest frame; how long it stays is known when the next one comes.
    held: Option<Held>,
    frames: u64,
}

/// The head of the file holds the first frame's palette, so it is written with that frame.
enum Target {
    Untouched(File),
    Begun(Box<Encoder<BufWriter<File>>>),
    Lost,
}

struct Held {
    frame: Frame<'static>,
    /// When it appears, in hundredths of a second.
    start: u64,
}

impl GifFile {
    pub(crate) fn open(path: &Path, format: &VideoFormat, overwrite: bool) -> Result<Self, MediaError> {
        let (pending, file) = PendingFile::create(path, overwrite)?;
        Ok(Self::start(pending, file, format))
    }

    fn start(pending: PendingFile, file: File, format: &VideoFormat) -> Self {
        Self {
            pending,
            file: Target::Untouched(file),
            format: *format,
            palette: None,
            is_palette_global: true,
            shown: Vec::new(),
            held: None,
            frames: 0,
        }
    }

    /// Writes the head of the file if that has not been done.
    fn encoder(&mut self) -> Result<&mut Encoder<BufWriter<File>>, MediaError> {
        let lost = || io::Error::other("an earlier write failed");
        let begun = match std::mem::replace(&mut self.file, Target::Lost) {
            Target::Begun(encoder) => Ok(encoder),
            Target::Untouched(file) => self.begin(file).map(Box::new),
            Target::Lost => Err(EncodingError::Io(lost())),
        };
        self.file = Target::Begun(begun.map_err(|error| failed(self.pending.target(), error))?);
        match &mut self.file {
            Target::Begun(encoder) => Ok(encoder),
            _ => Err(MediaError::from_io(self.pending.target(), "writing it", lost())),
        }
    }

    fn begin(&self, file: File) -> Result<Encoder<BufWriter<File>>, EncodingError> {
        // `Output::open` has checked the size: it is below 16 bits.
        let (width, height) = (self.format.width as u16, self.format.height as u16);
        let palette = self.palette.as_ref().map(Palette::bytes).unwrap_or_default();
        let mut encoder = Encoder::new(BufWriter::with_capacity(1 << 16, file), width, height, &palette)?;
        encoder.set_repeat(Repeat::Infinite)?;
        Ok(encoder)
    }

    /// Start of a frame in hundredths of a second, rounded.
    fn start_of(&self, index: u64) -> u64 {
        (self.format.rate.pts(index).0 + 5_000_000) / 10_000_000
    }

    /// Writes the held frame, which stays until `end`.
    fn release(&mut self, end: u64) -> Result<(), MediaError> {
        if let Some(Held { mut frame, start }) = self.held.take() {
            let delay = end.saturating_sub(start).max(SHORTEST_DELAY);
            frame.delay = u16::try_from(delay).unwrap_or(u16::MAX);
            let written = self.encoder()?.write_frame(&frame);
            written.map_err(|error| failed(self.pending.target(), error))?;
        }
        Ok(())
    }

    /// The part of the frame that differs from what is shown, in palette colours.
    fn difference(&mut self, frame: &RgbImage) -> Frame<'static> {
        let width = frame.width() as usize;
        let is_first = self.shown.is_empty();
        if self.palette.as_mut().is_some_and(|palette| !palette.suits(frame)) {
            self.palette = None;
            self.is_palette_global = false;
        }
        let palette = self.palette.get_or_insert_with(|| Palette::of(frame));
        self.shown.resize(width * frame.height() as usize, [0; 3]);
        let mut places = Vec::with_capacity(self.shown.len());
        let mut changed = Bounds::default();
        for (index, (pixel, shown)) in frame.pixels().zip(&mut self.shown).enumerate() {
            let (x, y) = (index % width, index / width);
            let (place, colour) = palette.dithered(pixel.0, x, y);
            if *shown == colour && !is_first {
                places.push(UNCHANGED);
            } else {
                *shown = colour;
                changed.add(x, y);
                places.push(place);
            }
        }
        let [left, top, right, bottom] = changed.or_one_pixel();
        let rows = places.chunks_exact(width).skip(top).take(bottom - top);
        Frame {
            left: left as u16,
            top: top as u16,
            width: (right - left) as u16,
            height: (bottom - top) as u16,
            dispose: DisposalMethod::Keep,
            transparent: Some(UNCHANGED),
            palette: (!self.is_palette_global).then(|| palette.bytes()),
            buffer: rows.flat_map(|row| &row[left..right]).copied().collect::<Vec<u8>>().into(),
            ..Frame::default()
        }
    }
}

impl Sink for GifFile {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        check_frame(self.pending.target(), &self.format, frame)?;
        let start = self.start_of(self.frames);
        self.frames += 1;
        if self.held.as_ref().is_some_and(|held| start < held.start + SHORTEST_DELAY) {
            return Ok(());
        }
        // First, as the head of the file takes the palette that there is now.
        self.release(start)?;
        self.held = Some(Held { frame: self.difference(frame), start });
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, MediaError> {
        let path = self.pending.target().to_owned();
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path });
        }
        self.release(self.start_of(self.frames))?;
        let Self { pending, file, frames, .. } = *self;
        let Target::Begun(encoder) = file else { return Err(MediaError::NoFrames { path }) };
        let flushed = encoder.into_inner().map_err(|error| failed(&path, error))?.into_inner();
        flushed.map_err(|error| MediaError::from_io(&path, "writing it", error.into_error()))?;
        let bytes = pending.publish()?;
        Ok(Written { path, frames, bytes, notes: Vec::new() })
    }

    fn abort(self: Box<Self>) {}
}

/// A rectangle that grows.
#[derive(Default)]
struct Bounds(Option<[usize; 4]>);

impl Bounds {
    fn add(&mut self, x: usize, y: usize) {
        let [left, top, right, bottom] = self.0.unwrap_or([x, y, x, y]);
        self.0 = Some([left.min(x), top, right.max(x + 1), bottom.max(y + 1)]);
    }

    /// Left, top, right, bottom. A frame without any change is still a frame, of one pixel.
    fn or_one_pixel(&self) -> [usize; 4] {
        self.0.unwrap_or([0, 0, 1, 1])
    }
}

fn failed(path: &Path, error: EncodingError) -> MediaError {
    let error = match error {
        EncodingError::Io(error) => error,
        other => io::Error::other(other),
    };
    MediaError::from_io(path, "writing it", error)
}

#[cfg(test)]
mod tests {
    use gif::{ColorOutput, DecodeOptions};
    use image::Rgb;
    use moue_timeline::FrameRate;

    use super::*;
    use crate::pending::fill_the_disk_at;

    /// Delay and picture of each frame, as a viewer composes them.
    fn decoded(path: &Path) -> Vec<(u16, Vec<[u8; 3]>)> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        let mut decoder = options.read_info(File::open(path).unwrap()).unwrap();
        assert!(matches!(decoder.repeat(), Repeat::Infinite));
        let width = decoder.width() as usize;
        let mut canvas = vec![[0; 3]; width * decoder.height() as usize];
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            for (index, pixel) in frame.buffer.chunks_exact(4).enumerate() {
                let (x, y) = (index % frame.width as usize, index / frame.width as usize);
                if pixel[3] != 0 {
                    canvas[(y + frame.top as usize) * width + x + frame.left as usize] = [pixel[0], pixel[1], pixel[2]];
                }
            }
            frames.push((frame.delay, canvas.clone()));
        }
        frames
    }

    fn render(rate: &str, frames: &[RgbImage]) -> Vec<(u16, Vec<[u8; 3]>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let format = VideoFormat::new(frames[0].width(), frames[0].height(), rate.parse::<FrameRate>().unwrap());
        let mut sink = Box::new(GifFile::open(&path, &format, false).unwrap());
        for frame in frames {
            sink.write(&Arc::new(frame.clone())).unwrap();
        }
        assert_eq!(sink.finish().unwrap().frames, frames.len() as u64);
        decoded(&path)
    }

    fn moving(count: u32) -> Vec<RgbImage> {
        let pixel =
            |i, x: u32, y: u32| if x.abs_diff(4 * i) < 6 { Rgb([220, 60, 40]) } else { Rgb([x as u8, y as u8, 99]) };
        (0..count).map(|i| RgbImage::from_fn(64, 48, |x, y| pixel(i, x, y))).collect()
    }

    #[test]
    fn every_frame_is_there_and_looks_like_itself() {
        let frames = moving(12);
        let shown = render("25", &frames);
        assert_eq!(shown.len(), 12);
        for ((delay, shown), frame) in shown.iter().zip(&frames) {
            assert_eq!(*delay, 4);
            let error: f64 = shown
                .iter()
                .zip(frame.pixels())
                .flat_map(|(a, b)| (0..3).map(|c| f64::from(a[c].abs_diff(b.0[c]))))
                .sum();
            assert!(error / (64.0 * 48.0 * 3.0) < 4.0, "{error}");
        }
    }

    #[test]
    fn a_held_picture_keeps_its_frames() {
        let frame = moving(1).remove(0);
        let shown = render("25", &[frame.clone(), frame.clone(), frame]);
        assert_eq!(shown.len(), 3);
        assert_eq!(shown[0], shown[2]);
    }

    #[test]
    fn a_change_of_scene_gets_its_own_colours() {
        let flat = |colour| RgbImage::from_pixel(32, 32, Rgb(colour));
        let shown = render("10", &[flat([200, 30, 30]), flat([20, 40, 220])]);
        for (shown, colour) in shown.iter().zip([[200u8, 30, 30], [20, 40, 220]]) {
            assert!((0..3).all(|c| shown.1[77][c].abs_diff(colour[c]) <= 6), "{:?}", shown.1[77]);
        }
    }

    #[test]
    fn delays_add_up_to_the_duration() {
        let delays = |rate: &str, count| render(rate, &moving(count)).iter().map(|frame| frame.0).collect::<Vec<_>>();
        assert_eq!(delays("30", 30).iter().sum::<u16>(), 100);
        assert!(delays("30", 30).iter().all(|delay| (3..=4).contains(delay)));
        assert_eq!(delays("24000/1001", 24).iter().sum::<u16>(), 100);
        let fast = delays("120", 60);
        assert!(fast.iter().all(|delay| (2..=4).contains(delay)), "{fast:?}");
        assert!((49..=51).contains(&fast.iter().sum::<u16>()), "{fast:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
        let (pending, _) = PendingFile::create(&folder.path().join("a.gif"), false).unwrap();
        fill_the_disk_at(pending.temporary());
        let file = File::options().write(true).open(pending.temporary()).unwrap();
        let mut sink = Box::new(GifFile::start(pending, file, &format));
        for frame in moving(4) {
            sink.write(&Arc::new(frame)).unwrap();
        }
        let error = sink.finish().unwrap_err();
        assert!(matches!(error, MediaError::DiskFull { .. }), "{error}");
    }
}
