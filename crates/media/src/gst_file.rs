//! Video files: `appsrc ! encoder ! [parser !] muxer ! filesink`.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use image::RgbImage;
use moue_engine::Pool;
use tempfile::TempPath;

use crate::elements::{self, Element};
use crate::encoders::{vp9, x264};
use crate::error::MediaError;
use crate::graph::Graph;
use crate::pending::{PendingFile, interim_file};
use crate::settings::{Codec, EncoderSettings};
use crate::sink::{Sink, VideoFormat, Written, check_frame};
use crate::yuv::{Layout, Matrix, ToI420};

/// Frames between conversion and encoder; more would only delay the moment at which rendering feels the encoder.
const QUEUED_FRAMES: u64 = 4;

/// What holds the compressed video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mp4,
    Mkv,
    Webm,
}

impl Container {
    /// What it can hold here, the default first.
    pub(crate) fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Mp4 => &[Codec::H264],
            Self::Mkv => &[Codec::H264, Codec::Vp9],
            Self::Webm => &[Codec::Vp9],
        }
    }

    fn muxer(self) -> Element {
        match self {
            Self::Mp4 => elements::MP4MUX,
            Self::Mkv => elements::MATROSKAMUX,
            Self::Webm => elements::WEBMMUX,
        }
    }
}

/// A video file being written.
pub(crate) struct GstFile {
    graph: Graph,
    pending: PendingFile,
    /// Where the MP4 muxer keeps the coded frames until it knows what to write before them.
    _coded: Option<TempPath>,
    format: VideoFormat,
    to_i420: ToI420,
    layout: Layout,
    planes: Pool<Vec<u8>>,
    frames: u64,
}

impl GstFile {
    pub(crate) fn open(
        path: &Path,
        container: Container,
        codec: Codec,
        format: &VideoFormat,
        settings: &EncoderSettings,
        overwrite: bool,
    ) -> Result<Self, MediaError> {
        elements::start()?;
        let (pending, file) = PendingFile::create(path, overwrite)?;
        drop(file);
        Self::start(pending, container, codec, format, settings)
    }

    /// Builds and starts the media graph that writes `pending`.
    fn start(
        pending: PendingFile,
        container: Container,
        codec: Codec,
        format: &VideoFormat,
        settings: &EncoderSettings,
    ) -> Result<Self, MediaError> {
        let path = pending.target().to_owned();
        let info = video_info(&path, format)?;
        let source = elements::APPSRC.make(&path)?;
        let source = source.downcast::<gst_app::AppSrc>().map_err(|_| elements::APPSRC.missing(&path))?;
        source.set_caps(info.to_caps().ok().as_ref());
        source.set_format(gst::Format::Time);
        source.set_block(true);
        source.set_max_buffers(QUEUED_FRAMES);
        source.set_max_bytes(0);

        let mut chain = vec![source.clone().upcast()];
        match codec {
            Codec::H264 => {
                chain.push(x264(&path, format, settings)?);
                chain.push(elements::H264PARSE.make(&path)?);
            }
            Codec::Vp9 => chain.push(vp9(&path, format, settings)?),
        }
        let muxer = container.muxer().make(&path)?;
        let mut coded = None;
        if container == Container::Mp4 {
            // The index goes before the pictures, so that a browser can start at once. The muxer would put its
            // interim file into /tmp, which may be small, or memory.
            let interim = interim_file(&path)?;
            muxer.set_property("faststart", true);
            muxer.set_property("faststart-file", text(&interim));
            coded = Some(interim);
        }
        chain.push(muxer);
        let filesink = elements::FILESINK.make(&path)?;
        filesink.set_property("location", text(pending.temporary()));
        filesink.set_property("sync", false);
        chain.push(filesink);

        let layout = Layout {
            width: format.width as usize,
            height: format.height as usize,
            offsets: [0, 1, 2].map(|plane| info.offset()[plane]),
            strides: [0, 1, 2].map(|plane| info.stride()[plane] as usize),
        };
        let bytes = info.size();
        let planes = Pool::new(QUEUED_FRAMES as usize + 2, move || vec![0; bytes]);
        let graph = Graph::start(source, &chain, &path)?;
        let to_i420 = ToI420::new(Matrix::BT709);
        Ok(Self { graph, pending, _coded: coded, format: *format, to_i420, layout, planes, frames: 0 })
    }
}

impl Sink for GstFile {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        let path = self.pending.target();
        check_frame(path, &self.format, frame)?;
        let mut planes = Planes { bytes: self.planes.take(), pool: self.planes.clone() };
        self.to_i420.convert(frame.as_raw(), &mut planes.bytes, &self.layout);
        let mut buffer = gst::Buffer::from_mut_slice(planes);
        let (start, end) = (self.format.rate.pts(self.frames), self.format.rate.pts(self.frames + 1));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(start.0));
            buffer.set_duration(gst::ClockTime::from_nseconds(end.0 - start.0));
        }
        self.graph.push(buffer, path)?;
        self.frames += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, MediaError> {
        let path = self.pending.target().to_owned();
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path });
        }
        self.graph.finish(&path)?;
        let bytes = self.pending.publish()?;
        Ok(Written { path, frames: self.frames, bytes })
    }

    fn abort(self: Box<Self>) {}
}

/// Planes that go back to their pool when GStreamer lets go of them.
struct Planes {
    bytes: Vec<u8>,
    pool: Pool<Vec<u8>>,
}

impl AsRef<[u8]> for Planes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Planes {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Planes {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.bytes));
    }
}

fn video_info(path: &Path, format: &VideoFormat) -> Result<gst_video::VideoInfo, MediaError> {
    let unfit = |problem: String| MediaError::Settings {
        path: path.to_owned(),
        problem,
        hint: "25 and 30000/1001 are usual frame rates".to_owned(),
    };
    let part = |value: u32| i32::try_from(value).map_err(|_| unfit(format!("{value} is too large for a frame rate")));
    let rate = gst::Fraction::new(part(format.rate.num())?, part(format.rate.den())?);
    let colorimetry = gst_video::VideoColorimetry::new(
        gst_video::VideoColorRange::Range16_235,
        gst_video::VideoColorMatrix::Bt709,
        gst_video::VideoTransferFunction::Bt709,
        gst_video::VideoColorPrimaries::Bt709,
    );
    gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, format.width, format.height)
        .fps(rate)
        .par(gst::Fraction::new(1, 1))
        .colorimetry(&colorimetry)
        .chroma_site(gst_video::VideoChromaSite::MPEG2)
        .build()
        .map_err(|error| unfit(format!("{}x{} at {rate}: {error}", format.width, format.height)))
}

/// GStreamer takes paths as UTF-8, which those of an [`Output`](crate::Output) are.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
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
            let sink = GstFile::start(pending, container, codec, &format, &EncoderSettings::default()).unwrap();
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
        let sink = GstFile::start(pending, Container::Mp4, Codec::H264, &format, &settings).unwrap();
        // The muxer opens its interim file with the first frame.
        let interim = sink._coded.as_ref().unwrap().to_path_buf();
        crate::pending::fill_the_disk_at(&interim);
        let (error, frames) = until_it_fails(Box::new(sink), 200);
        assert!(matches!(error, MediaError::DiskFull { .. }), "after {frames}: {error:?}");
    }

    #[test]
    fn a_graph_that_breaks_wakes_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(256, 256, FrameRate::FPS_25);
        elements::start().unwrap();
        let (pending, _) = PendingFile::create(&folder.path().join("clip"), false).unwrap();
        let settings = EncoderSettings::default();
        let sink = GstFile::start(pending, Container::Mkv, Codec::H264, &format, &settings).unwrap();
        let source = sink.graph.source().clone();
        let writer = std::thread::spawn(move || until_it_fails(Box::new(sink), 100_000));
        std::thread::sleep(Duration::from_millis(200));
        gst::element_error!(source, gst::CoreError::Failed, ("the plug was pulled"));
        let began = Instant::now();
        let (error, frames) = writer.join().unwrap();
        assert!(error.to_string().contains("the plug was pulled"), "after {frames}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
