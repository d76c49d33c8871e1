//! Video files: `appsrc ! encoder ! [parser !] muxer ! filesink`, and a second pass where there is sound. An MP4 in
//! fragments has none: its sound goes into the muxer in step with the frames.
//!
//! A disk that fills up ends the file with what it has. Before there is no room left the file is completed as usual; where
//! that comes too late, as when somebody else fills the disk, what was written of an MKV, a WebM or an MP4 in fragments is
//! kept as it is, which players and readers take for a recording that breaks off. An MP4 whose index was not written yet
//! holds nothing that can be played, and goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gst::prelude::*;
use gstreamer as gst;
use image::RgbImage;
use tempfile::TempPath;

use crate::codecs::in_short;
use crate::container::{Container, fragments};
use crate::elements;
use crate::encoders::{av1, ffv1, nvenc, vp9, x264};
use crate::error::MediaError;
use crate::graph::{Graph, does_not_start, entrance};
use crate::pending::{PendingFile, interim_file, parent};
use crate::pieces::frames_in;
use crate::planes::{Planar, rgb_info, timed, video_info};
use crate::room::Room;
use crate::settings::{Codec, EncoderSettings, H264Encoder};
use crate::sink::{Sink, VideoFormat, Written, check_frame};
use crate::sound::{Beside, Job, Plan, mux};

/// Frames between conversion and encoder; more would only delay the moment at which rendering feels the encoder.
const QUEUED_FRAMES: u64 = 4;

/// A video file being written.
pub(crate) struct GstFile {
    path: PathBuf,
    format: VideoFormat,
    frames: u64,
    /// `None` when it has ended.
    writing: Option<Writing>,
}

/// What is at work.
struct Writing {
    graph: Graph,
    pending: PendingFile,
    /// Where the MP4 muxer keeps the coded frames until it knows what to write before them.
    coded: Option<TempPath>,
    sound: Option<Sound>,
    /// Sound that goes in with the frames.
    beside: Option<Beside>,
    format: VideoFormat,
    planar: Planar,
    room: Room,
}

/// Sound that goes in when all frames are there.
struct Sound {
    plan: Plan,
    container: Container,
    /// The frames until then.
    pictures: TempPath,
}

impl GstFile {
    pub(crate) fn open(
        path: &Path,
        container: Container,
        codec: Codec,
        format: &VideoFormat,
        settings: &EncoderSettings,
        sound: Option<Plan>,
        overwrite: bool,
    ) -> Result<Self, MediaError> {
        elements::start()?;
        let (pending, file) = PendingFile::create(path, overwrite)?;
        drop(file);
        Self::start(pending, container, codec, format, settings, sound)
    }

    /// Builds and starts the media graph that writes `pending`.
    fn start(
        pending: PendingFile,
        container: Container,
        codec: Codec,
        format: &VideoFormat,
        settings: &EncoderSettings,
        sound: Option<Plan>,
    ) -> Result<Self, MediaError> {
        let path = pending.target().to_owned();
        let info = if codec == Codec::Ffv1 { rgb_info(&path, format)? } else { video_info(&path, format)? };
        let source = entrance(&path, info.to_caps().ok().as_ref())?;
        source.set_max_buffers(QUEUED_FRAMES);
        source.set_max_bytes(0);

        let mut chain = vec![source.clone().upcast()];
        chain.extend(coders(&path, codec, format, settings)?);
        let is_fragmented = settings.fragmented && container == Container::Mp4;
        let is_indexed = container == Container::Mp4 && !is_fragmented;
        let coded = if is_indexed { Some(interim_file(&path)?) } else { None };
        let (sound, beside) = match sound {
            Some(plan) if is_fragmented => (None, Some(plan)),
            Some(plan) => (Some(Sound { plan, container, pictures: interim_file(&path)? }), None),
            None => (None, None),
        };
        let [muxer, file] = match &sound {
            _ if is_fragmented => fragments(&path, pending.temporary())?,
            // The second pass puts the index in its place.
            Some(sound) => container.writer(&path, &sound.pictures, None)?,
            None => container.writer(&path, pending.temporary(), coded.as_deref())?,
        };
        chain.extend([muxer.clone(), file]);

        let broken = |error: gst::glib::BoolError| does_not_start(&path, error.to_string());
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&chain).map_err(broken)?;
        gst::Element::link_many(&chain).map_err(broken)?;
        let beside = beside.map(|plan| Beside::open(&path, &pipeline, &muxer, &plan)).transpose()?;
        let planar = Planar::new(&info, QUEUED_FRAMES as usize + 2);
        let graph = Graph::run(pipeline, source, &path)?;
        let room = Room::new(parent(&path));
        let writing = Writing { graph, pending, coded, sound, beside, format: *format, planar, room };
        Ok(Self { path, format: *format, frames: 0, writing: Some(writing) })
    }
}

/// What makes coded frames of the buffers.
fn coders(
    path: &Path,
    codec: Codec,
    format: &VideoFormat,
    settings: &EncoderSettings,
) -> Result<Vec<gst::Element>, MediaError> {
    Ok(match (codec, settings.encoder) {
        (Codec::H264, Some(H264Encoder::Nvenc)) => {
            vec![nvenc(path, format, settings)?, elements::H264PARSE.make(path)?]
        }
        (Codec::H264, _) => vec![x264(path, format, settings)?, elements::H264PARSE.make(path)?],
        (Codec::Vp9, _) => vec![vp9(path, format, settings)?],
        (Codec::Av1, _) => vec![av1(path, format, settings)?, elements::AV1PARSE.make(path)?],
        (Codec::Ffv1, _) => vec![ffv1(path)?],
    })
}

impl Sink for GstFile {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        check_frame(&self.path, &self.format, frame)?;
        let Some(writing) = &mut self.writing else {
            return Err(MediaError::Media {
                path: self.path.clone(),
                action: "encoding",
                message: "the file has ended".to_owned(),
                detail: String::new(),
            });
        };
        let buffer = timed(writing.planar.buffer(frame), &self.format, self.frames);
        if let Err(error) = writing.graph.push(buffer, &self.path) {
            if !matches!(error, MediaError::DiskFull { .. }) {
                return Err(error);
            }
            return Err(match self.writing.take() {
                Some(writing) => writing.salvaged(error, false),
                None => error,
            });
        }
        self.frames += 1;
        if let Some(beside) = &mut writing.beside {
            beside.until(self.format.rate.pts(self.frames).0);
        }
        if writing.is_short_of_room()
            && let Some(writing) = self.writing.take()
        {
            writing.finish(self.frames)?;
            let at = self.format.rate.seconds_at(self.frames);
            return Err(MediaError::CutShort { path: self.path.clone(), frames: self.frames, at, lacking: "" });
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, MediaError> {
        let writing = self.writing.take().filter(|_| self.frames > 0);
        let Some(writing) = writing else { return Err(MediaError::NoFrames { path: self.path.clone() }) };
        writing.finish(self.frames)
    }

    fn abort(self: Box<Self>) {}
}

impl Writing {
    /// Completes the file and gives it its name.
    fn finish(mut self, frames: u64) -> Result<Written, MediaError> {
        let path = self.pending.target().to_owned();
        let early = |complaint| format!("the sound ends early: {complaint}");
        let mut notes: Vec<_> = self.beside.take().and_then(Beside::finish).map(early).into_iter().collect();
        match self.graph.finish(&path) {
            Err(error @ MediaError::DiskFull { .. }) => return Err(self.salvaged(error, false)),
            ended => ended?,
        }
        match self.add_sound(frames) {
            Err(error @ MediaError::DiskFull { .. }) => return Err(self.salvaged(error, true)),
            told => notes.extend(told?),
        }
        let bytes = self.pending.publish()?;
        Ok(Written { path, frames, bytes, notes })
    }

    /// The second pass. Sound that cannot be read to its end ends where it does, or is left out: the film is worth more.
    fn add_sound(&mut self, frames: u64) -> Result<Vec<String>, MediaError> {
        let Some(Sound { plan, container, pictures }) = &self.sound else { return Ok(Vec::new()) };
        let job = Job {
            path: self.pending.target(),
            pictures,
            container: *container,
            target: self.pending.temporary(),
            interim: self.coded.as_deref(),
            end: self.format.rate.pts(frames).0,
        };
        match mux(&job, Some(plan)) {
            Ok(complaint) => {
                Ok(complaint.map(|complaint| format!("the sound ends early: {complaint}")).into_iter().collect())
            }
            Err(error @ MediaError::DiskFull { .. }) => Err(error),
            Err(error) => {
                mux(&job, None)?;
                Ok(vec![format!("the sound was left out: {}", in_short(&error))])
            }
        }
    }

    /// Whether the rest of the disk is needed to complete the file.
    fn is_short_of_room(&mut self) -> bool {
        // The MP4 muxer copies the pictures behind their index, and so does the second pass.
        let copies = u64::from(self.coded.is_some()) + u64::from(self.sound.is_some());
        let pictures = self.sound.as_ref().map(|sound| &*sound.pictures).or(self.coded.as_deref());
        self.room.is_short(pictures.unwrap_or(self.pending.temporary()), copies)
    }

    /// Keeps what there is after the disk filled up; `are_complete`: whether the pictures were there before.
    fn salvaged(self, error: MediaError, are_complete: bool) -> MediaError {
        let Self { graph, pending, coded, sound, format, .. } = self;
        // Closes the file.
        drop(graph);
        let path = pending.target().to_owned();
        let (kept, lacking) = match (sound, coded) {
            (Some(Sound { container, pictures, .. }), _) if are_complete || container != Container::Mp4 => {
                (Some(pictures), ", without its sound")
            }
            (None, None) => (None, ""),
            _ => return error,
        };
        let frames = frames_in(kept.as_deref().unwrap_or(pending.temporary()));
        if frames == 0 {
            return error;
        }
        let named = match kept {
            Some(pictures) => pending.publish_instead(pictures),
            None => pending.publish(),
        };
        match named {
            Ok(_) => MediaError::CutShort { path, frames, at: format.rate.seconds_at(frames), lacking },
            Err(_) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use image::Rgb;
    use moue_timeline::FrameRate;

    use super::*;

    fn noise(width: u32, height: u32, seed: u32) -> Arc<RgbImage> {
        let mut state = seed + 1;
        Arc::new(RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        }))
    }

    /// Writes until it fails; the error, and how many frames went in before.
    fn until_it_fails(mut sink: Box<dyn Sink>, frames: u32) -> (MediaError, u32) {
        for index in 0..frames {
            if let Err(error) = sink.write(&noise(256, 256, index)) {
                assert!(sink.write(&noise(256, 256, index)).is_err(), "a broken sink stays broken");
                return (error, index);
            }
        }
        (sink.finish().unwrap_err(), frames)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_and_never_hangs() {
        let format = VideoFormat::new(256, 256, FrameRate::FPS_25);
        for (container, codec) in
            [(Container::Mkv, Codec::H264), (Container::Mp4, Codec::H264), (Container::Webm, Codec::Vp9)]
        {
            let folder = tempfile::tempdir().unwrap();
            elements::start().unwrap();
            let (pending, _) = PendingFile::create(&folder.path().join("clip"), false).unwrap();
            crate::pending::fill_the_disk_at(pending.temporary());
            let sink = GstFile::start(pending, container, codec, &format, &EncoderSettings::default(), None).unwrap();
            let began = Instant::now();
            let (error, _) = until_it_fails(Box::new(sink), 60);
            assert!(matches!(error, MediaError::DiskFull { .. }), "{container:?}: {error:?}");
            assert!(began.elapsed() < Duration::from_secs(30));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_is_full_before_the_index_is_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(256, 256, FrameRate::FPS_25);
        elements::start().unwrap();
        let (pending, _) = PendingFile::create(&folder.path().join("clip"), false).unwrap();
        let settings = EncoderSettings { crf: 1u8.try_into().ok(), ..EncoderSettings::default() };
        let sink = GstFile::start(pending, Container::Mp4, Codec::H264, &format, &settings, None).unwrap();
        // The muxer opens its interim file with the first frame.
        let interim = sink.writing.as_ref().unwrap().coded.as_ref().unwrap().to_path_buf();
        crate::pending::fill_the_disk_at(&interim);
        let (error, frames) = until_it_fails(Box::new(sink), 200);
        assert!(matches!(error, MediaError::DiskFull { .. }), "after {frames}: {error:?}");
    }

    #[test]
    fn a_file_is_completed_before_the_disk_is_full() {
        elements::start().unwrap();
        let format = VideoFormat::new(256, 256, FrameRate::FPS_25);
        for (container, codec, fragmented) in [
            (Container::Mp4, Codec::H264, false),
            (Container::Mp4, Codec::H264, true),
            (Container::Mkv, Codec::Ffv1, false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip");
            let (pending, _) = PendingFile::create(&path, false).unwrap();
            let settings = EncoderSettings { fragmented, ..EncoderSettings::default() };
            let mut sink = GstFile::start(pending, container, codec, &format, &settings, None).unwrap();
            for index in 0..30 {
                sink.write(&noise(256, 256, index)).unwrap();
            }
            sink.writing.as_mut().unwrap().room = Room::with(folder.path(), |_| Some(1000));
            let error = sink.write(&noise(256, 256, 30)).unwrap_err();
            assert!(matches!(error, MediaError::CutShort { frames: 31, lacking: "", .. }), "{container:?}: {error:?}");
            assert!(error.to_string().contains("after 31 frames, at 1.24 s, and can be played"), "{error}");
            assert!(sink.write(&noise(256, 256, 31)).is_err());
            assert!(Box::new(sink).finish().is_err());
            assert_eq!(frames_in(&path), 31);
            assert_eq!(crate::pending::tests::names(folder.path()), ["clip"]);
        }
    }

    #[test]
    fn a_graph_that_breaks_wakes_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(256, 256, FrameRate::FPS_25);
        elements::start().unwrap();
        let (pending, _) = PendingFile::create(&folder.path().join("clip"), false).unwrap();
        let settings = EncoderSettings::default();
        let sink = GstFile::start(pending, Container::Mkv, Codec::H264, &format, &settings, None).unwrap();
        let source = sink.writing.as_ref().unwrap().graph.source().clone();
        let writer = std::thread::spawn(move || until_it_fails(Box::new(sink), 100_000));
        std::thread::sleep(Duration::from_millis(200));
        gst::element_error!(source, gst::CoreError::Failed, ("the plug was pulled"));
        let began = Instant::now();
        let (error, frames) = writer.join().unwrap();
        assert!(error.to_string().contains("the plug was pulled"), "after {frames}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
