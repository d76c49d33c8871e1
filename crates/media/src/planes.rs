//! Rendered frames as GStreamer takes them: planes in buffers, with their times.

use std::path::Path;

use gstreamer as gst;
use gstreamer_video as gst_video;
use image::RgbImage;
use moue_engine::Pool;

use crate::error::MediaError;
use crate::sink::VideoFormat;
use crate::yuv::{Layout, Matrix, ToI420};

/// Makes buffers of RGB frames, I420 or BGRx, in memory that is used again.
pub(crate) struct Planar {
    to_i420: ToI420,
    /// `None` for BGRx, whose rows have no padding.
    layout: Option<Layout>,
    pool: Pool<Vec<u8>>,
}

impl Planar {
    /// For pictures as `info` describes them, keeping at most `most_spare` buffers.
    pub(crate) fn new(info: &gst_video::VideoInfo, most_spare: usize) -> Self {
        let layout = Layout {
            width: info.width() as usize,
            height: info.height() as usize,
            offsets: [0, 1, 2].map(|plane| info.offset().get(plane).copied().unwrap_or(0)),
            strides: [0, 1, 2].map(|plane| info.stride().get(plane).map_or(0, |stride| *stride as usize)),
        };
        let layout = (info.format() == gst_video::VideoFormat::I420).then_some(layout);
        let bytes = info.size();
        let pool = Pool::new(most_spare, move || vec![0; bytes]);
        Self { to_i420: ToI420::new(Matrix::BT709), layout, pool }
    }

    /// The frame, which has the size that was agreed on, without a time.
    pub(crate) fn buffer(&mut self, frame: &RgbImage) -> gst::Buffer {
        let mut planes = Planes { bytes: self.pool.take(), pool: self.pool.clone() };
        match &self.layout {
            Some(layout) => self.to_i420.convert(frame.as_raw(), &mut planes.bytes, layout),
            None => {
                let (pixels, _) = planes.bytes.as_chunks_mut::<4>();
                for (pixel, [r, g, b]) in pixels.iter_mut().zip(frame.as_raw().as_chunks::<3>().0) {
                    *pixel = [*b, *g, *r, 255];
                }
            }
        }
        gst::Buffer::from_mut_slice(planes)
    }
}

/// The same picture as frame `index`. The pixels are shared where others hold the buffer too.
pub(crate) fn timed(mut buffer: gst::Buffer, format: &VideoFormat, index: u64) -> gst::Buffer {
    let (start, end) = (format.rate.pts(index), format.rate.pts(index + 1));
    let times = buffer.make_mut();
    times.set_pts(gst::ClockTime::from_nseconds(start.0));
    times.set_duration(gst::ClockTime::from_nseconds(end.0 - start.0));
    buffer
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

/// I420, BT.709, limited range, chroma sited left.
pub(crate) fn video_info(path: &Path, format: &VideoFormat) -> Result<gst_video::VideoInfo, MediaError> {
    let colorimetry = gst_video::VideoColorimetry::new(
        gst_video::VideoColorRange::Range16_235,
        gst_video::VideoColorMatrix::Bt709,
        gst_video::VideoTransferFunction::Bt709,
        gst_video::VideoColorPrimaries::Bt709,
    );
    info_as(path, format, gst_video::VideoFormat::I420, |info| {
        info.colorimetry(&colorimetry).chroma_site(gst_video::VideoChromaSite::MPEG2)
    })
}

/// BGRx, which is sRGB as it is.
pub(crate) fn rgb_info(path: &Path, format: &VideoFormat) -> Result<gst_video::VideoInfo, MediaError> {
    info_as(path, format, gst_video::VideoFormat::Bgrx, |info| info)
}

fn info_as<'a>(
    path: &Path,
    format: &VideoFormat,
    pixels: gst_video::VideoFormat,
    more: impl FnOnce(gst_video::VideoInfoBuilder<'a>) -> gst_video::VideoInfoBuilder<'a>,
) -> Result<gst_video::VideoInfo, MediaError> {
    let unfit = |problem: String| MediaError::Settings {
        path: path.to_owned(),
        problem,
        hint: "25 and 30000/1001 are usual frame rates".to_owned(),
    };
    let part = |value: u32| i32::try_from(value).map_err(|_| unfit(format!("{value} is too large for a frame rate")));
    let rate = gst::Fraction::new(part(format.rate.num())?, part(format.rate.den())?);
    let info = gst_video::VideoInfo::builder(pixels, format.width, format.height).fps(rate);
    more(info.par(gst::Fraction::new(1, 1)))
        .build()
        .map_err(|error| unfit(format!("{}x{} at {rate}: {error}", format.width, format.height)))
}
