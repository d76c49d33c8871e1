//! Reading a video back, frame by frame.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use gstreamer_video::{VideoColorMatrix, VideoColorRange, VideoFrameExt};
use image::RgbImage;
use moue_timeline::Pts;

use crate::elements;
use crate::error::MediaError;
use crate::yuv::{Layout, Matrix, to_rgb};

/// How long to wait for a frame before looking whether something broke.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// The frames of a video file (8-bit 4:2:0) in order, as an iterator of time and 8-bit sRGB picture.
///
/// The conversion from Y'CbCr is our own: GStreamer's darkens by 2.5 levels.
#[derive(Debug)]
pub struct VideoReader {
    path: PathBuf,
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    sink: gst_app::AppSink,
    is_over: bool,
}

impl VideoReader {
    /// Opens a video file.
    ///
    /// # Errors
    /// The file is missing, or GStreamer or one of its elements is.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        elements::start()?;
        if !path.is_file() {
            return Err(MediaError::Missing { path: path.to_owned() });
        }
        let source = elements::FILESRC.make(path)?;
        source.set_property("location", path.to_string_lossy().into_owned());
        let decoder = elements::DECODEBIN.make(path)?;
        let sink = elements::APPSINK.make(path)?;
        let sink = sink.downcast::<gst_app::AppSink>().map_err(|_| elements::APPSINK.missing(path))?;
        sink.set_caps(Some(&gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::I420).build()));
        sink.set_max_buffers(4);
        sink.set_property("sync", false);

        let pipeline = gst::Pipeline::new();
        let broken = |detail: String| failed(path, "the media graph does not start", detail);
        let chain = [&source, &decoder, sink.upcast_ref()];
        pipeline.add_many(chain).map_err(|error| broken(error.to_string()))?;
        source.link(&decoder).map_err(|error| broken(error.to_string()))?;
        let target = sink.static_pad("sink").ok_or_else(|| broken("no pad".to_owned()))?;
        decoder.connect_pad_added(move |_, pad| {
            let is_video = pad.current_caps().and_then(|caps| Some(caps.structure(0)?.name().starts_with("video/")));
            if is_video == Some(true) && !target.is_linked() {
                // If it does not fit, the stream ends with an error on the bus.
                let _ = pad.link(&target);
            }
        });
        let bus = pipeline.bus().ok_or_else(|| broken("no bus".to_owned()))?;
        let reader = Self { path: path.to_owned(), pipeline, bus, sink, is_over: false };
        match reader.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(reader),
            Err(error) => Err(reader.broken().unwrap_or_else(|| broken(error.to_string()))),
        }
    }

    /// What the bus says went wrong, if anything.
    fn broken(&self) -> Option<MediaError> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        let gst::MessageView::Error(error) = message.view() else { return None };
        let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
        Some(failed(&self.path, error.error().message(), debug))
    }

    fn frame(&mut self) -> Result<Option<(Pts, RgbImage)>, MediaError> {
        loop {
            if let Some(sample) = self.sink.try_pull_sample(PATIENCE) {
                return decoded(&sample).map(Some).map_err(|problem| failed(&self.path, &problem, String::new()));
            }
            if let Some(error) = self.broken() {
                return Err(error);
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
        }
    }
}

impl Iterator for VideoReader {
    type Item = Result<(Pts, RgbImage), MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let frame = self.frame().transpose();
        self.is_over = !matches!(frame, Some(Ok(_)));
        frame
    }
}

impl Drop for VideoReader {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Time since the start of the stream, and the picture.
fn decoded(sample: &gst::Sample) -> Result<(Pts, RgbImage), String> {
    let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else { return Err("no frame".to_owned()) };
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = segment.and_then(|segment| segment.to_running_time(buffer.pts()));
    let time = time.ok_or("a frame without a time")?;
    let info = gst_video::VideoInfo::from_caps(caps).map_err(|error| error.to_string())?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|error| error.to_string())?;
    let (width, height) = (info.width(), info.height());
    if width % 2 != 0 || height % 2 != 0 {
        return Err(format!("a video of {width}x{height}; expected an even size"));
    }
    let planes = [0, 1, 2].map(|plane| frame.plane_data(plane).map_err(|error| error.to_string()));
    let [y, cb, cr] = planes;
    let bytes = [y?, cb?, cr?].concat();
    let lengths = [0, 1].map(|plane| frame.plane_data(plane).map_or(0, <[u8]>::len));
    let layout = Layout {
        width: width as usize,
        height: height as usize,
        offsets: [0, lengths[0], lengths[0] + lengths[1]],
        strides: [0, 1, 2].map(|plane| frame.plane_stride()[plane] as usize),
    };
    let mut image = RgbImage::new(width, height);
    to_rgb(&bytes, &layout, matrix(&info), &mut image);
    Ok((Pts(time.nseconds()), image))
}

/// What the file says about its colours; a silent one is high definition from 720 lines on, as players assume.
fn matrix(info: &gst_video::VideoInfo) -> Matrix {
    let matrix = match info.colorimetry().matrix() {
        VideoColorMatrix::Bt709 => Matrix::BT709,
        VideoColorMatrix::Bt601 => Matrix::BT601,
        _ if info.height() >= 720 => Matrix::BT709,
        _ => Matrix::BT601,
    };
    match info.colorimetry().range() {
        VideoColorRange::Range0_255 => matrix.full_range(),
        _ => matrix,
    }
}

fn failed(path: &Path, message: &str, detail: String) -> MediaError {
    MediaError::Media { path: path.to_owned(), action: "reading it", message: message.to_owned(), detail }
}
