//! Parts of one film that were rendered apart, put together: videos without being encoded again, numbered frames as
//! they are.

use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use image::ImageReader;
use moue_timeline::FrameRate;

use crate::container::Container;
use crate::error::MediaError;
use crate::frames::{FrameFolder, FramePattern, Pattern, Writer};
use crate::info::probe;
use crate::join::{Film, join};
use crate::output::{Output, OutputKind};
use crate::sink::{Sink, VideoFormat, Written};
use crate::sound::Cue;
use crate::source::Source;

/// Parts of a film: all of them videos, in the order in which they are shown, or all of them folders of numbered PNG
/// frames, in any order.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The files, or the folders.
    pub paths: &'a [PathBuf],
    /// Frames per second of videos; what the first of them says by default.
    pub rate: Option<FrameRate>,
    /// What is heard of a video; parts have no sound of their own.
    pub sounds: &'a [Cue],
}

/// Puts parts of one film together. Coded frames and PNG files are copied as they are. Everything is checked before
/// anything is written.
///
/// `progress` is told how many frames have been copied, and may stop it.
///
/// # Errors
/// [`MediaError::Part`] and [`MediaError::Piece`]: parts that do not fit to each other, in kind, size, rate or coding;
/// numbered frames that are missing, or there twice. As [`join`] otherwise. Nothing is left behind then.
pub fn join_parts(
    output: &Output,
    parts: &Parts<'_>,
    overwrite: bool,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, MediaError> {
    let is_folder = |path: &PathBuf| path.is_dir();
    let Some(first) = parts.paths.first() else { return Err(MediaError::NoFrames { path: output.path().to_owned() }) };
    if let Some(missing) = parts.paths.iter().find(|path| !path.exists()) {
        return Err(MediaError::Missing { path: missing.clone() });
    }
    if let Some(other) = parts.paths.iter().find(|path| is_folder(path) != is_folder(first)) {
        let kind = |path: &PathBuf| if is_folder(path) { "a folder of frames" } else { "a video" };
        let problem = format!("expected {} as {} is, found {}", kind(first), first.display(), kind(other));
        return Err(part_error(other, problem, "join videos with videos, and folders of PNG frames with folders"));
    }
    if is_folder(first) {
        return join_frames(output, parts.paths, overwrite, progress);
    }
    let look = probe(&Source::File(first.clone()))?;
    let Some(video) = look.video else {
        return Err(part_error(first, "there are no pictures in it".to_owned(), "name the videos that were rendered"));
    };
    check_container(output, first, &video.codec)?;
    let Some(rate) = parts.rate.or(video.rate.map(usual)) else {
        let problem = "it does not say how many frames it has a second".to_owned();
        return Err(part_error(first, problem, "say it with --fps"));
    };
    let format = VideoFormat::new(video.stored_size.0, video.stored_size.1, rate);
    join(output, &Film { format, pieces: parts.paths, sounds: parts.sounds }, overwrite, progress)
}

/// Whether frames that are coded so fit into the output as they are.
fn check_container(output: &Output, part: &Path, codec: &str) -> Result<(), MediaError> {
    let holds = |container: Container| container.codecs().iter().any(|held| held.name() == codec);
    let hint = match (holds(Container::Mp4), holds(Container::Webm), holds(Container::Mkv)) {
        _ if output.kind().container().is_none_or(holds) => return Ok(()),
        (true, ..) => "name the whole .mp4 or .mkv",
        (_, true, _) => "name the whole .webm or .mkv",
        (.., true) => "name the whole .mkv",
        _ => "join what moue wrote",
    };
    let kind = output.kind();
    Err(part_error(part, format!("its frames are coded as {codec}, which does not go into a {kind}"), hint))
}

/// Containers round the time of a frame: a rate that is as good as one of television's is that one.
fn usual(rate: FrameRate) -> FrameRate {
    let broadcast =
        [24_000, 30_000, 48_000, 60_000, 120_000].into_iter().filter_map(|num| FrameRate::new(num, 1001).ok());
    let whole = FrameRate::new(rate.fps().round().max(1.0) as u32, 1).ok();
    let near = |other: &FrameRate| (other.fps() / rate.fps() - 1.0).abs() < 2e-4;
    broadcast.chain(whole).find(near).unwrap_or(rate)
}

/// The frames of one folder.
struct Numbered<'a> {
    folder: &'a Path,
    numbers: Range<u64>,
    size: (u32, u32),
}

fn join_frames(
    output: &Output,
    folders: &[PathBuf],
    overwrite: bool,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, MediaError> {
    let mut parts = folders.iter().map(|folder| Numbered::read(folder)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.numbers.start);
    for pair in parts.windows(2) {
        let [before, after] = pair else { continue };
        let (end, start) = (before.numbers.end, after.numbers.start);
        if start != end {
            let (problem, hint) = if start < end {
                (format!("frame {start} is in {} too", before.folder.display()), "leave one of the two out")
            } else {
                let missing = format!("frames {end}..{start} are missing between {} and it", before.folder.display());
                (missing, "render them with --frames A..B, and name their folder too")
            };
            return Err(part_error(after.folder, problem, hint));
        }
        if after.size != before.size {
            let problem = format!(
                "its frames have {}x{} pixels, those of {} {}x{}",
                after.size.0,
                after.size.1,
                before.folder.display(),
                before.size.0,
                before.size.1
            );
            return Err(part_error(after.folder, problem, "render all parts with one --size"));
        }
    }
    let Some(first) = parts.first() else { return Err(MediaError::NoFrames { path: output.path().to_owned() }) };
    let frames = parts.iter().map(|part| part.numbers.end - part.numbers.start).sum();
    let format = VideoFormat {
        expected_frames: Some(frames),
        part_from: Some(first.numbers.start),
        ..VideoFormat::new(first.size.0, first.size.1, FrameRate::FPS_25)
    };
    let mut copied = 0;
    let mut fill = |writer: &mut Writer| {
        for part in &parts {
            for number in part.numbers.clone() {
                writer.copy(&part.folder.join(Pattern::plain().name(number)))?;
                copied += 1;
                if progress(copied).is_break() {
                    return Err(MediaError::Interrupted { path: output.path().to_owned() });
                }
            }
        }
        Ok(())
    };
    match output.kind() {
        OutputKind::FrameFolder => {
            let mut sink = FrameFolder::open(output.path(), &format, overwrite)?;
            fill(&mut sink.writer)?;
            Box::new(sink).finish()
        }
        OutputKind::FramePattern => {
            let mut sink = FramePattern::open(output.path(), &format, overwrite)?;
            fill(&mut sink.writer)?;
            Box::new(sink).finish()
        }
        kind => Err(MediaError::OutputName {
            name: output.path().display().to_string(),
            problem: format!("folders of frames are joined to frames, not to a {kind}"),
            hint: "write a folder, or a name such as shot_%05d.png; parts that are videos are joined to a video"
                .to_owned(),
        }),
    }
}

impl<'a> Numbered<'a> {
    fn read(folder: &'a Path) -> Result<Self, MediaError> {
        let pattern = Pattern::plain();
        let listing = pattern.sort(folder).map_err(|error| MediaError::from_io(folder, "listing it", error))?;
        if let Some(other) = listing.1.first() {
            let problem = format!("it holds other things than numbered frames ('{other}')");
            return Err(part_error(folder, problem, "name folders that `moue animate -o FOLDER/` wrote"));
        }
        let mut numbers: Vec<u64> = listing.0.iter().filter_map(|name| pattern.index(name)).collect();
        numbers.sort_unstable();
        let (Some(&start), Some(&last)) = (numbers.first(), numbers.last()) else {
            return Err(part_error(folder, "it is empty".to_owned(), "name folders that hold frames"));
        };
        let Some(end) = last.checked_add(1) else {
            let problem = format!("no film has a frame {last}, expected smaller numbers");
            return Err(part_error(folder, problem, "name folders that `moue animate -o FOLDER/` wrote"));
        };
        if let Some(pair) = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
            let problem = format!("frame {} is missing in it", pair[0] + 1);
            return Err(part_error(folder, problem, "render this part anew"));
        }
        let mut size = None;
        for number in &numbers {
            let path = folder.join(pattern.name(*number));
            let found = dimensions(&path)?;
            let first = *size.get_or_insert(found);
            if found != first {
                let problem =
                    format!("this frame has {}x{} pixels, the first {}x{}", found.0, found.1, first.0, first.1);
                return Err(part_error(&path, problem, "render this part anew"));
            }
        }
        Ok(Self { folder, numbers: start..end, size: size.unwrap_or_default() })
    }
}

/// Width and height of a PNG file, by its header; a frame that is cut off is no frame.
fn dimensions(path: &Path) -> Result<(u32, u32), MediaError> {
    let failed = |error| MediaError::from_io(path, "reading it", error);
    // The last chunk is empty and always the same.
    const END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
    let bytes = fs::read(path).map_err(failed)?;
    let hint = "render this part anew";
    if !bytes.ends_with(&END) {
        return Err(part_error(path, "this is no whole PNG file".to_owned(), hint));
    }
    let reader = ImageReader::with_format(std::io::Cursor::new(&bytes), image::ImageFormat::Png);
    reader.into_dimensions().map_err(|error| part_error(path, format!("this is no PNG file ({error})"), hint))
}

fn part_error(path: &Path, problem: String, hint: &'static str) -> MediaError {
    MediaError::Part { path: path.to_owned(), problem, hint }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;
    use crate::EncoderSettings;
    use crate::pending::tests::names;

    fn part(root: &Path, name: &str, numbers: Range<u64>, size: (u32, u32)) -> PathBuf {
        let path = root.join(name);
        let format =
            VideoFormat { part_from: Some(numbers.start), ..VideoFormat::new(size.0, size.1, FrameRate::FPS_25) };
        let output = Output::parse(&format!("{}/", path.display())).unwrap();
        let mut sink = output.open(&format, &EncoderSettings::default(), false).unwrap();
        for number in numbers {
            let picture = RgbImage::from_fn(size.0, size.1, |x, y| image::Rgb([number as u8, x as u8, y as u8]));
            sink.write(&Arc::new(picture)).unwrap();
        }
        sink.finish().unwrap();
        path
    }

    fn joined(to: &str, paths: &[PathBuf]) -> Result<Written, MediaError> {
        let parts = Parts { paths, rate: None, sounds: &[] };
        join_parts(&Output::parse(to).unwrap(), &parts, false, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn folders_of_frames_become_one_with_the_same_bytes() {
        let root = tempfile::tempdir().unwrap();
        let parts = [("c", 5..6), ("a", 2..4), ("b", 4..5)].map(|(name, range)| part(root.path(), name, range, (6, 4)));
        let to = root.path().join("whole");
        let written = joined(&format!("{}/", to.display()), &parts).unwrap();
        assert_eq!(
            (written.frames, names(&to)),
            (4, ["00002.png", "00003.png", "00004.png", "00005.png"].map(str::to_owned).to_vec())
        );
        assert_eq!(fs::read(to.join("00004.png")).unwrap(), fs::read(parts[2].join("00004.png")).unwrap());
        joined(root.path().join("x_%03d.png").to_str().unwrap(), &parts).unwrap();
        assert!(root.path().join("x_005.png").exists());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused_and_nothing_is_written() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str, range, size| part(root.path(), name, range, size);
        let (a, b, c) = (make("a", 0..3, (6, 4)), make("b", 2..5, (6, 4)), make("c", 7..8, (6, 4)));
        let (d, e) = (make("d", 3..4, (8, 4)), make("e", 3..6, (6, 4)));
        fs::remove_file(e.join("00004.png")).unwrap();
        let (f, g) = (make("f", 3..4, (6, 4)), make("g", 3..4, (6, 4)));
        let whole = fs::read(f.join("00003.png")).unwrap();
        fs::write(f.join("00003.png"), &whole[..whole.len() / 2]).unwrap();
        fs::write(g.join("notes.txt"), "mine").unwrap();
        let h = make("h", 3..4, (6, 4));
        fs::rename(h.join("00003.png"), h.join(format!("{}.png", u64::MAX))).unwrap();
        let video = root.path().join("v.mp4");
        fs::write(&video, "no video").unwrap();
        let to = format!("{}/", root.path().join("to").display());
        for (parts, words) in [
            (vec![&a, &b], ["frame 2 is in ", "/a too"]),
            (vec![&c, &a], ["frames 3..7 are missing", "--frames"]),
            (vec![&a, &d], ["8x4 pixels", "6x4"]),
            (vec![&a, &e], ["frame 4 is missing", "/e"]),
            (vec![&a, &f], ["no whole PNG", "00003.png"]),
            (vec![&a, &g], ["notes.txt", "/g"]),
            (vec![&a, &h], ["frame 18446744073709551615", "/h"]),
            (vec![&a, &video], ["a folder of frames", "found a video"]),
        ] {
            let parts: Vec<PathBuf> = parts.into_iter().cloned().collect();
            let error = joined(&to, &parts).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)) && error.contains("\nhint: "), "{error}");
        }
        let error = joined(root.path().join("x.mp4").to_str().unwrap(), &[a]).unwrap_err().to_string();
        assert!(error.contains("not to a MP4"), "{error}");
        assert!(!root.path().join("to").exists() && !root.path().join("x.mp4").exists());
    }

    #[test]
    fn rates_that_a_container_rounded_are_known_again() {
        for (found, expected) in [
            ((33_333, 1112), (30_000, 1001)),
            ((25, 1), (25, 1)),
            ((100_000, 4171), (24_000, 1001)),
            ((1000, 33), (1000, 33)),
        ] {
            let rate = |(num, den)| FrameRate::new(num, den).unwrap();
            assert_eq!(usual(rate(found)), rate(expected));
        }
    }
}
