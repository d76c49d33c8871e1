//! A film put together from pieces that are coded already, with its sound.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstreamer as gst;
use moue_timeline::FrameRate;

use crate::container::Container;
use crate::elements;
use crate::error::MediaError;
use crate::graph::{Graph, does_not_start, entrance};
use crate::output::Output;
use crate::pending::{PendingFile, interim_file};
use crate::pieces::Pieces;
use crate::sink::{VideoFormat, Written};
use crate::sound::{Cue, Mixed, Score, Sounding};
use crate::stamps;

/// Coded frames that wait for the muxer.
const QUEUED_FRAMES: u64 = 8;

/// A film to be put together from coded pieces and sounds.
#[derive(Clone, Copy, Debug)]
pub struct Film<'a> {
    /// The size and rate of all pieces, as they were written.
    pub format: VideoFormat,
    /// Files with the film's frames, in order: MKV as an [`Output`] writes it, all with the same settings.
    pub pieces: &'a [PathBuf],
    /// What is heard, in any order. Sounds at the same time are added up; where the sum would leave full scale, all of
    /// it is turned down for some milliseconds. The film has no sound where there is none.
    pub sounds: &'a [Cue],
}

/// Puts a film together: an MP4 (of pieces in H.264), an MKV, or a WebM (of pieces in VP9). Coded frames are copied as
/// they are, so this takes hardly longer than copying files. The sound is decoded and encoded once, to AAC or in WebM to
/// Opus, and ends with the frames.
///
/// Equal pieces and sounds make equal MP4s, byte for byte; MKV and WebM hold random numbers that tell files apart.
///
/// Frame `i` of the film is shown at `rate.pts(i)`, whatever times the pieces have. Everything is checked before
/// anything is written, by reading all pieces once. One piece is open at a time, and those sounds that are being heard.
///
/// `progress` is told how many frames have been copied, often, and may stop it.
///
/// # Errors
/// [`MediaError::Piece`]: a piece is missing, cut off, no piece, of another size, rate or coding than the film.
/// Of a sound: it is missing, has no sound in it, or cannot be decoded. [`MediaError::Interrupted`]: `progress` said so.
/// As [`Output::open`] and [`Sink::finish`](crate::Sink::finish) otherwise. Nothing is left behind then.
pub fn join(
    output: &Output,
    film: &Film<'_>,
    overwrite: bool,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, MediaError> {
    let path = output.path();
    let Some(container) = output.kind().container() else {
        return Err(MediaError::OutputName {
            name: path.display().to_string(),
            problem: format!("coded frames do not fit into a {}", output.kind()),
            hint: "write MP4, MKV or WebM".to_owned(),
        });
    };
    output.check_size(&film.format)?;
    elements::start()?;
    let (pending, file) = PendingFile::create(path, overwrite)?;
    drop(file);
    write(pending, container, film, progress)
}

fn write(
    pending: PendingFile,
    container: Container,
    film: &Film<'_>,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, MediaError> {
    let path = pending.target().to_owned();
    let mut report = |frames| match progress(frames) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(MediaError::Interrupted { path: path.clone() }),
    };
    let score = Score::read(film.sounds)?;
    let mut pieces = Pieces::new(film.pieces, container, &film.format);
    let mut frames = 0;
    while pieces.next()?.is_some() {
        report(0)?;
        frames += 1;
    }
    let Some(caps) = pieces.caps() else { return Err(MediaError::NoFrames { path }) };
    let end = film.format.rate.pts(frames).0;

    let interim = if container == Container::Mp4 { Some(interim_file(&path)?) } else { None };
    let broken = |error: gst::glib::BoolError| does_not_start(&path, error.to_string());
    let [muxer, file] = container.writer(&path, pending.temporary(), interim.as_deref())?;
    let source = entrance(&path, Some(&caps))?;
    source.set_max_buffers(QUEUED_FRAMES);
    source.set_max_bytes(0);
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([source.upcast_ref(), &muxer, &file]).map_err(broken)?;
    muxer.link(&file).map_err(broken)?;
    // Asked for before anything runs: the muxer must know of both streams before it writes its header.
    source.link_pads(None, &muxer, Some("video_%u")).map_err(broken)?;
    let mixed = match score {
        Some(score) => Some(Mixed::open(&path, &pipeline, &muxer, container, score, end)?),
        None => None,
    };
    let mut graph = Graph::run(pipeline, source, &path)?;
    let mut sound = mixed.map(|mixed| mixed.start(&path)).transpose()?;
    let pieces = Pieces::new(film.pieces, container, &film.format);
    let copied = copy(&mut graph, &path, film.format.rate, pieces, |copied| {
        report(copied)?;
        sound.as_mut().map_or(Ok(()), Sounding::check)
    });
    let outcome = copied.and_then(|copied| if copied == frames { graph.finish(&path) } else { Err(changed(film)) });
    // Wakes the sound where it waits for a muxer that broke.
    drop(graph);
    let notes = sound.map_or_else(|| Ok(Vec::new()), Sounding::finish);
    outcome?;
    let notes = notes?;
    if container == Container::Mp4 {
        stamps::take_out(pending.temporary()).map_err(|error| MediaError::from_io(&path, "completing it", error))?;
    }
    let bytes = pending.publish()?;
    Ok(Written { path, frames, bytes, notes })
}

/// Hands over all frames, each with its time; how many there were.
fn copy(
    graph: &mut Graph,
    path: &Path,
    rate: FrameRate,
    mut pieces: Pieces<'_>,
    mut report: impl FnMut(u64) -> Result<(), MediaError>,
) -> Result<u64, MediaError> {
    let mut frames = 0;
    while let Some(mut frame) = pieces.next()? {
        let (start, end) = (rate.pts(frames), rate.pts(frames + 1));
        let changed = frame.make_mut();
        changed.set_pts(gst::ClockTime::from_nseconds(start.0));
        changed.set_dts(gst::ClockTime::from_nseconds(start.0));
        changed.set_duration(gst::ClockTime::from_nseconds(end.0 - start.0));
        changed.unset_flags(gst::BufferFlags::DISCONT);
        graph.push(frame, path)?;
        frames += 1;
        report(frames)?;
    }
    Ok(frames)
}

fn changed(film: &Film<'_>) -> MediaError {
    MediaError::Piece {
        path: film.pieces.last().cloned().unwrap_or_default(),
        problem: "this piece, or one before it, changed while the film was put together".to_owned(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;
    use crate::settings::EncoderSettings;

    #[test]
    fn a_full_disk_is_told_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(64, 48, FrameRate::FPS_25);
        let piece = folder.path().join("piece.mkv");
        let mut sink =
            Output::parse(piece.to_str().unwrap()).unwrap().open(&format, &EncoderSettings::default(), false).unwrap();
        (0..50).for_each(|_| sink.write(&Arc::new(RgbImage::new(64, 48))).unwrap());
        sink.finish().unwrap();
        let pieces = vec![piece; 40];
        for container in [Container::Mp4, Container::Mkv] {
            let (pending, _) = PendingFile::create(&folder.path().join("film"), false).unwrap();
            crate::pending::fill_the_disk_at(pending.temporary());
            let film = Film { format, pieces: &pieces, sounds: &[] };
            let error = write(pending, container, &film, &mut |_| ControlFlow::Continue(())).unwrap_err();
            assert!(matches!(error, MediaError::DiskFull { .. }), "{container:?}: {error:?}");
            assert_eq!(crate::pending::tests::names(folder.path()), ["piece.mkv"]);
        }
    }
}
