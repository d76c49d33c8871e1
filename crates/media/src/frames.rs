//! Numbered PNG files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use moue_timeline::counted;
use tempfile::{TempDir, TempPath};

use crate::error::MediaError;
use crate::pending::{cannot_publish, check_parent, parent, pending_folder};
use crate::png_file::{CompressionType, write_png};
use crate::sink::{Sink, VideoFormat, Written, check_frame};

/// A file name with a number in it, such as `shot_%05d.png`; numbers start at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    prefix: String,
    /// At least so many digits, filled with zeros.
    digits: usize,
    suffix: String,
}

impl Pattern {
    /// Reads the last part of `path`; says what is wrong with it otherwise.
    pub(crate) fn parse(path: &Path) -> Result<Self, String> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if parent(path).to_string_lossy().contains('%') {
            return Err("the folder holds a '%'; expected it in the file name only".to_owned());
        }
        let Some((prefix, rest)) = name.split_once('%') else {
            return Err("expected a '%' in the file name".to_owned());
        };
        let Some((digits, suffix)) = rest.split_once('d') else {
            return Err("expected a number such as %05d".to_owned());
        };
        let zero_padded = digits.is_empty() || digits.starts_with('0');
        let digits = if digits.is_empty() { Some(1) } else { digits.parse().ok() };
        let Some(digits) = digits.filter(|digits| zero_padded && (1..=9).contains(digits)) else {
            return Err(format!("found '%{}d', expected %d or %01d to %09d", &rest[..rest.len() - suffix.len() - 1]));
        };
        if suffix.contains('%') {
            return Err("found a second '%', expected one number".to_owned());
        }
        if !suffix.to_lowercase().ends_with(".png") {
            return Err("numbered frames are written as .png".to_owned());
        }
        Ok(Self { prefix: prefix.to_owned(), digits, suffix: suffix.to_owned() })
    }

    /// `00000.png` and so on.
    pub(crate) fn plain() -> Self {
        Self { prefix: String::new(), digits: 5, suffix: ".png".to_owned() }
    }

    pub(crate) fn name(&self, index: u64) -> String {
        let Self { prefix, digits, suffix } = self;
        format!("{prefix}{index:0digits$}{suffix}")
    }

    /// The number in a name that this pattern makes.
    pub(crate) fn index(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)?;
        number.parse().ok().filter(|index| self.name(*index) == name)
    }

    /// The names in `folder` that fit, and those that do not.
    pub(crate) fn sort(&self, folder: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
        let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().partition(|name| self.index(name).is_some()))
    }
}

/// Frames written into a temporary folder.
pub(crate) struct Writer {
    path: PathBuf,
    pattern: Pattern,
    folder: TempDir,
    format: VideoFormat,
    frames: u64,
    bytes: u64,
}

impl Writer {
    fn write(&mut self, frame: &RgbImage) -> Result<(), MediaError> {
        check_frame(&self.path, &self.format, frame)?;
        let file = self.next();
        let failed = |error| MediaError::from_io(&self.path, "writing a frame", error);
        // Speed before size: these files are made by the hundred, to be read by the next program.
        write_png(frame, File::create(&file).map_err(failed)?, &self.path, CompressionType::Fast)?;
        self.bytes += fs::metadata(&file).map_err(failed)?.len();
        self.frames += 1;
        Ok(())
    }

    /// Takes a frame over as the file that it is.
    pub(crate) fn copy(&mut self, from: &Path) -> Result<(), MediaError> {
        let copied = fs::copy(from, self.next());
        self.bytes += copied.map_err(|error| MediaError::from_io(&self.path, "copying a frame", error))?;
        self.frames += 1;
        Ok(())
    }

    /// The file of the next frame.
    fn next(&self) -> PathBuf {
        let number = self.format.part_from.unwrap_or(0) + self.frames;
        self.folder.path().join(self.pattern.name(number))
    }

    fn written(&self) -> Result<Written, MediaError> {
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path: self.path.clone() });
        }
        Ok(Written { path: self.path.clone(), frames: self.frames, bytes: self.bytes, notes: Vec::new() })
    }
}

/// A folder of frames, which appears as a whole.
pub(crate) struct FrameFolder {
    pub(crate) writer: Writer,
    overwrite: bool,
}

impl FrameFolder {
    pub(crate) fn open(path: &Path, format: &VideoFormat, overwrite: bool) -> Result<Self, MediaError> {
        // `.` and `a/..` have no name of their own to put a temporary one beside.
        let place = if path.file_name().is_some() { path.to_owned() } else { absolute(path)? };
        let parent = check_parent(&place)?;
        check_replaceable(&place, overwrite)?;
        let folder = pending_folder(&place, parent)?;
        let writer = Writer { path: place, pattern: Pattern::plain(), folder, format: *format, frames: 0, bytes: 0 };
        Ok(Self { writer, overwrite })
    }
}

impl Sink for FrameFolder {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        self.writer.write(frame)
    }

    fn finish(self: Box<Self>) -> Result<Written, MediaError> {
        let written = self.writer.written()?;
        let place = &self.writer.path;
        let failed = |error| cannot_publish(place, error);
        check_replaceable(place, self.overwrite)?;
        // The old folder steps aside, so that there is no moment with a mixture of both.
        let aside = pending_folder(place, parent(place))?;
        let is_replacing = place.exists();
        let old = aside.path().join("old");
        if is_replacing {
            fs::rename(place, &old).map_err(failed)?;
        }
        // Fails if someone else has put files there meanwhile.
        if let Err(error) = fs::rename(self.writer.folder.path(), place) {
            if is_replacing {
                fs::rename(&old, place).map_err(failed)?;
            }
            return Err(failed(error));
        }
        let _published = self.writer.folder.keep();
        Ok(written)
    }

    fn abort(self: Box<Self>) {}
}

/// A folder makes way if it is empty, or, when overwriting, if it holds numbered frames and nothing else.
fn check_replaceable(path: &Path, overwrite: bool) -> Result<(), MediaError> {
    let taken = |found: String, hint| Err(MediaError::Exists { path: path.to_owned(), found, hint });
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(MediaError::from_io(path, "looking at it", error)),
        Ok(found) if !found.is_dir() => return taken("there is a file of that name".to_owned(), "choose another name"),
        Ok(_) => {}
    }
    let sorted = Pattern::plain().sort(path).map_err(|error| MediaError::from_io(path, "listing it", error))?;
    match sorted {
        (frames, others) if frames.is_empty() && others.is_empty() => Ok(()),
        (frames, others) if others.is_empty() => {
            if overwrite {
                return Ok(());
            }
            taken(
                format!(
                    "there {} {} in it",
                    if frames.len() == 1 { "is" } else { "are" },
                    counted(frames.len(), "frame")
                ),
                "--overwrite replaces them",
            )
        }
        (_, others) => taken(
            format!("it holds other things ('{}')", others[0]),
            "choose a new folder, or put the frames among other files with a name such as frame_%05d.png",
        ),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, MediaError> {
    fs::canonicalize(path).map_err(|error| MediaError::from_io(path, "finding it", error))
}

/// Numbered frames among other files.
pub(crate) struct FramePattern {
    pub(crate) writer: Writer,
    overwrite: bool,
}

impl FramePattern {
    pub(crate) fn open(path: &Path, format: &VideoFormat, overwrite: bool) -> Result<Self, MediaError> {
        let pattern = Pattern::parse(path).map_err(|problem| MediaError::OutputName {
            name: path.display().to_string(),
            problem,
            hint: "write for example shot_%05d.png".to_owned(),
        })?;
        let parent = check_parent(path)?;
        let (mut taken, _) =
            pattern.sort(parent).map_err(|error| MediaError::from_io(path, "listing its folder", error))?;
        if let Some(first) = format.part_from {
            let own = first..first.saturating_add(format.expected_frames.unwrap_or(u64::MAX));
            taken.retain(|name| pattern.index(name).is_some_and(|index| own.contains(&index)));
        }
        if let Some(first) = taken.iter().min().filter(|_| !overwrite) {
            return Err(MediaError::Exists {
                path: path.to_owned(),
                found: format!("there are {} such frames, from '{first}' on,", taken.len()),
                hint: "--overwrite replaces them all; or choose another name",
            });
        }
        let folder = pending_folder(path, parent)?;
        let writer = Writer { path: path.to_owned(), pattern, folder, format: *format, frames: 0, bytes: 0 };
        Ok(Self { writer, overwrite })
    }
}

impl Sink for FramePattern {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        self.writer.write(frame)
    }

    fn finish(self: Box<Self>) -> Result<Written, MediaError> {
        let written = self.writer.written()?;
        let Writer { path, pattern, folder, format, frames, .. } = &self.writer;
        let own = format.part_from.unwrap_or(0)..format.part_from.unwrap_or(0) + frames;
        let place = parent(path);
        let failed = |error| cannot_publish(path, error);
        let (mut old, _) = pattern.sort(place).map_err(failed)?;
        if format.part_from.is_some() {
            old.retain(|name| pattern.index(name).is_some_and(|index| own.contains(&index)));
        }
        if !old.is_empty() && !self.overwrite {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        for index in own.clone() {
            let name = pattern.name(index);
            if let Err(error) = put(&folder.path().join(&name), &place.join(&name), self.overwrite) {
                // Half a clip is of no use; what was overwritten, however, is gone.
                for index in own.start..index {
                    let _ = fs::remove_file(place.join(pattern.name(index)));
                }
                return Err(failed(error));
            }
        }
        // Frames of an older, longer clip would look like the end of this one.
        for name in old.iter().filter(|name| pattern.index(name).is_some_and(|index| index >= own.end)) {
            fs::remove_file(place.join(name)).map_err(failed)?;
        }
        Ok(written)
    }

    fn abort(self: Box<Self>) {}
}

/// Moves a file into place in one step.
fn put(from: &Path, to: &Path, overwrite: bool) -> io::Result<()> {
    let from = TempPath::try_from_path(from)?;
    let put = if overwrite { from.persist(to) } else { from.persist_noclobber(to) };
    put.map_err(|failed| failed.error)
}

#[cfg(test)]
mod tests {
    use moue_timeline::FrameRate;

    use super::*;
    use crate::pending::tests::names;
    use crate::{EncoderSettings, Output, pending};

    const FORMAT: (u32, u32) = (6, 4);

    fn open(path: &Path, overwrite: bool) -> Result<Box<dyn Sink>, MediaError> {
        let format = VideoFormat::new(FORMAT.0, FORMAT.1, FrameRate::FPS_25);
        Output::parse(path.to_str().unwrap()).unwrap().open(&format, &EncoderSettings::default(), overwrite)
    }

    fn frame(shade: u8) -> Arc<RgbImage> {
        Arc::new(RgbImage::from_fn(FORMAT.0, FORMAT.1, |x, y| image::Rgb([shade, x as u8, y as u8])))
    }

    fn render(path: &Path, shades: &[u8], overwrite: bool) -> Result<Written, MediaError> {
        let mut sink = open(path, overwrite)?;
        for shade in shades {
            sink.write(&frame(*shade))?;
        }
        sink.finish()
    }

    #[test]
    fn patterns_make_names_and_know_them_again() {
        let pattern = Pattern::parse(Path::new("a/shot_%03d.png")).unwrap();
        assert_eq!((pattern.name(7), pattern.name(12345)), ("shot_007.png".to_owned(), "shot_12345.png".to_owned()));
        assert_eq!((pattern.index("shot_007.png"), pattern.index("shot_12345.png")), (Some(7), Some(12345)));
        for other in ["shot_07.png", "shot_0012345.png", "x.png", "shot_+07.png"] {
            assert_eq!(pattern.index(other), None, "{other}");
        }
        assert_eq!(Pattern::parse(Path::new("%d.png")).unwrap().name(5), "5.png");
        assert!(Pattern::parse(Path::new("%5d.png")).unwrap_err().contains("%09d"));
    }

    #[test]
    fn a_folder_appears_whole_with_the_pixels_that_went_in() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("frames");
        let mut sink = open(&folder, false).unwrap();
        sink.write(&frame(1)).unwrap();
        assert!(!folder.exists());
        sink.write(&frame(2)).unwrap();
        let written = sink.finish().unwrap();
        assert_eq!(names(root.path()), ["frames"]);
        assert_eq!(names(&folder), ["00000.png", "00001.png"]);
        assert_eq!(image::open(folder.join("00001.png")).unwrap().to_rgb8(), *frame(2));
        assert_eq!((written.frames, &written.path), (2, &folder));
        assert!(written.bytes > 100);
    }

    #[test]
    fn a_dropped_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut sink = open(&root.path().join("frames"), false).unwrap();
        sink.write(&frame(1)).unwrap();
        sink.abort();
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn overwriting_a_folder_replaces_frames_but_never_other_files() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("frames");
        render(&folder, &[1, 2, 3], false).unwrap();
        let error = render(&folder, &[4], false).unwrap_err().to_string();
        assert!(error.contains("3 frames") && error.contains("--overwrite"), "{error}");
        render(&folder, &[4], true).unwrap();
        assert_eq!(names(&folder), ["00000.png"]);
        fs::write(folder.join("thesis.txt"), "mine").unwrap();
        let error = render(&folder, &[5], true).unwrap_err().to_string();
        assert!(error.contains("thesis.txt"), "{error}");
        assert_eq!(names(root.path()), ["frames"]);
    }

    #[test]
    fn a_pattern_goes_among_other_files_and_replaces_a_longer_clip() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("notes.txt"), "mine").unwrap();
        let pattern = root.path().join("a_%02d.png");
        let mut sink = open(&pattern, false).unwrap();
        sink.write(&frame(1)).unwrap();
        assert!(!root.path().join("a_00.png").exists());
        for shade in [2, 3] {
            sink.write(&frame(shade)).unwrap();
        }
        sink.finish().unwrap();
        assert_eq!(names(root.path()), ["a_00.png", "a_01.png", "a_02.png", "notes.txt"]);
        let error = open(&pattern, false).err().unwrap().to_string();
        assert!(error.contains("3 such frames") && error.contains("a_00.png"), "{error}");
        render(&pattern, &[9, 8], true).unwrap();
        assert_eq!(names(root.path()), ["a_00.png", "a_01.png", "notes.txt"]);
        assert_eq!(image::open(root.path().join("a_00.png")).unwrap().to_rgb8(), *frame(9));
    }

    #[test]
    fn a_part_keeps_the_numbers_of_the_whole_and_the_frames_of_other_parts() {
        let root = tempfile::tempdir().unwrap();
        let pattern = root.path().join("a_%02d.png");
        let part = |path: &Path, first: u64, shades: &[u8], overwrite: bool| {
            let mut format = VideoFormat::new(FORMAT.0, FORMAT.1, FrameRate::FPS_25);
            (format.part_from, format.expected_frames) = (Some(first), Some(shades.len() as u64));
            let output = Output::parse(path.to_str().unwrap()).unwrap();
            let mut sink = output.open(&format, &EncoderSettings::default(), overwrite)?;
            shades.iter().try_for_each(|shade| sink.write(&frame(*shade)))?;
            sink.finish()
        };
        part(&pattern, 4, &[4, 5], false).unwrap();
        part(&pattern, 0, &[0, 1], false).unwrap();
        assert_eq!(names(root.path()), ["a_00.png", "a_01.png", "a_04.png", "a_05.png"]);
        let error = part(&pattern, 1, &[9, 9], false).unwrap_err().to_string();
        assert!(error.contains("1 such frames, from 'a_01.png'"), "{error}");
        part(&pattern, 1, &[9, 9], true).unwrap();
        assert_eq!(names(root.path()), ["a_00.png", "a_01.png", "a_02.png", "a_04.png", "a_05.png"]);
        assert_eq!(image::open(root.path().join("a_01.png")).unwrap().to_rgb8(), *frame(9));
        part(&root.path().join("folder"), 7, &[1], false).unwrap();
        assert_eq!(names(&root.path().join("folder")), ["00007.png"]);
    }

    #[test]
    fn no_frames_is_an_error_and_makes_no_folder() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(render(&root.path().join("frames"), &[], false), Err(MediaError::NoFrames { .. })));
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let root = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(FORMAT.0, FORMAT.1, FrameRate::FPS_25);
        let mut sink = FrameFolder::open(&root.path().join("frames"), &format, false).unwrap();
        pending::fill_the_disk_at(&sink.writer.folder.path().join("00001.png"));
        sink.write(&frame(1)).unwrap();
        let error = sink.write(&frame(2)).unwrap_err();
        assert!(matches!(error, MediaError::DiskFull { .. }), "{error}");
        drop(sink);
        assert_eq!(names(root.path()), [""; 0]);
    }
}
