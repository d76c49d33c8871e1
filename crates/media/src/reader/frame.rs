//! From a decoded buffer to an upright RGB picture with square pixels.

use gst_video::{VideoColorMatrix, VideoColorRange, VideoFrameExt, VideoTransferFunction};
use gstreamer as gst;
use gstreamer_video as gst_video;
use image::RgbImage;
use image::metadata::Orientation;

use crate::to_rgb::{Chroma, Component, Decoded, Depth, Pixels, ToRgb};
use crate::upright::{stretched, turned};
use crate::yuv::Matrix;

/// What is taken from decoders as it is. Anything else GStreamer converts to one of these: packings that no decoder of
/// common files makes, such as 16 bits per sample, palettes, or luma and chroma with transparency.
pub(crate) const FORMATS: &[gst_video::VideoFormat] = {
    use gst_video::VideoFormat::*;
    &[
        I420, Yv12, Y42b, Y444, Nv12, Nv21, Nv16, Nv24, I42010le, I42210le, Y44410le, P01010le, I42012le, I42212le,
        Y44412le, Yuy2, Uyvy, Yvyu, Gray8, Rgb, Bgr, Rgbx, Bgrx, Xrgb, Xbgr, Rgba, Bgra, Argb, Abgr, Gbr, Gbr10le,
        Gbr12le,
    ]
};

/// Makes pictures of buffers.
#[derive(Debug)]
pub(crate) struct Converter {
    orientation: Orientation,
    to_rgb: ToRgb,
    /// The picture as stored, where it is not shown like that: memory of its size takes as long to get as to fill.
    stored: RgbImage,
}

impl Converter {
    pub(crate) fn new(orientation: Orientation) -> Self {
        Self { orientation, to_rgb: ToRgb::default(), stored: RgbImage::new(0, 0) }
    }

    /// The picture as it is to be shown.
    ///
    /// # Errors
    /// The buffer does not hold what its caps promise.
    pub(crate) fn convert(&mut self, sample: &gst::Sample) -> Result<RgbImage, String> {
        let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else { return Err("no frame".to_owned()) };
        let info = gst_video::VideoInfo::from_caps(caps).map_err(|error| error.to_string())?;
        let frame =
            gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|error| error.to_string())?;
        let decoded = decoded(&frame, &info)?;
        let (stored, (width, height)) = ((info.width(), info.height()), square(&info));
        if (width, height) == stored && self.orientation == Orientation::NoTransforms {
            let mut image = RgbImage::new(width, height);
            self.to_rgb.convert(&decoded, &mut image)?;
            return Ok(image);
        }
        if self.stored.dimensions() != stored {
            self.stored = RgbImage::new(stored.0, stored.1);
        }
        self.to_rgb.convert(&decoded, &mut self.stored)?;
        if (width, height) == stored {
            return Ok(turned(&self.stored, self.orientation));
        }
        let square = stretched(&self.stored, width, height);
        Ok(if self.orientation == Orientation::NoTransforms { square } else { turned(&square, self.orientation) })
    }
}

/// The size at which the pixels are square: the short side of each is stretched, so that nothing gets lost.
pub(crate) fn square(info: &gst_video::VideoInfo) -> (u32, u32) {
    let (width, height, aspect) = (info.width(), info.height(), info.par());
    let stretched = |length: u32, by: i32, of: i32| {
        let length = (i64::from(length) * i64::from(by) + i64::from(of) / 2) / i64::from(of);
        u32::try_from(length).unwrap_or(u32::MAX)
    };
    let (x, y) = (aspect.numer(), aspect.denom());
    match x.cmp(&y) {
        _ if x <= 0 || y <= 0 => (width, height),
        std::cmp::Ordering::Greater => (stretched(width, x, y), height),
        std::cmp::Ordering::Less => (width, stretched(height, y, x)),
        std::cmp::Ordering::Equal => (width, height),
    }
}

/// Whether the picture is made for screens with more light than ours; then it is read as if it were not.
pub(crate) fn is_high_dynamic_range(info: &gst_video::VideoInfo) -> bool {
    matches!(info.colorimetry().transfer(), VideoTransferFunction::Smpte2084 | VideoTransferFunction::AribStdB67)
}

fn decoded<'a>(
    frame: &'a gst_video::VideoFrameRef<&'a gst::BufferRef>,
    info: &gst_video::VideoInfo,
) -> Result<Decoded<'a>, String> {
    let format = info.format_info();
    let component = |index: u32| {
        let data = frame.comp_data(index).map_err(|error| error.to_string())?;
        let positive =
            |value: i32| usize::try_from(value).map_err(|_| "a picture that is stored upside down".to_owned());
        let (stride, step) = (positive(frame.comp_stride(index))?, positive(frame.comp_pstride(index))?);
        Ok::<_, String>(Component { data, stride, step })
    };
    let three = || Ok::<_, String>([component(0)?, component(1)?, component(2)?]);
    let pixels = if format.is_rgb() {
        Pixels::Rgb(three()?)
    } else if format.is_gray() {
        Pixels::Grey(component(0)?, matrix(info))
    } else {
        let site = info.chroma_site();
        let is_between = site.contains(gst_video::VideoChromaSite::NONE);
        let chroma = Chroma {
            is_halved: [format.w_sub()[1] == 1, format.h_sub()[1] == 1],
            // What says nothing is sited as MPEG-2 and everything after it does by default.
            is_cosited: [!is_between, site.contains(gst_video::VideoChromaSite::V_COSITED)],
        };
        Pixels::Yuv(three()?, chroma, matrix(info))
    };
    let depth = Depth { bits: format.depth()[0], shift: format.shift()[0] };
    let depth = if depth.bits == 8 { Depth { shift: 0, ..depth } } else { depth };
    Ok(Decoded { width: info.width() as usize, height: info.height() as usize, depth, pixels })
}

/// What the stream says about its colours; a silent one is high definition from 720 lines on, as players assume.
fn matrix(info: &gst_video::VideoInfo) -> Matrix {
    let matrix = match info.colorimetry().matrix() {
        VideoColorMatrix::Bt709 => Matrix::BT709,
        VideoColorMatrix::Bt601 => Matrix::BT601,
        VideoColorMatrix::Bt2020 => Matrix::BT2020,
        VideoColorMatrix::Smpte240m => Matrix::SMPTE240,
        VideoColorMatrix::Fcc => Matrix::FCC,
        _ if info.height() >= 720 => Matrix::BT709,
        _ => Matrix::BT601,
    };
    match info.colorimetry().range() {
        VideoColorRange::Range0_255 => matrix.full_range(),
        _ => matrix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_square_by_stretching() {
        crate::elements::start().unwrap();
        let size = |width, height, x, y| {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height);
            square(&info.par(gst::Fraction::new(x, y)).build().unwrap())
        };
        assert_eq!(size(1440, 1080, 4, 3), (1920, 1080));
        assert_eq!(size(720, 576, 16, 15), (768, 576));
        assert_eq!(size(720, 480, 8, 9), (720, 540));
        assert_eq!(size(101, 51, 1, 1), (101, 51));
    }

    #[test]
    fn a_silent_stream_has_the_colours_that_players_assume() {
        crate::elements::start().unwrap();
        for (height, expected) in
            [(480, Matrix::BT601), (576, Matrix::BT601), (720, Matrix::BT709), (2160, Matrix::BT709)]
        {
            let caps = gst_video::VideoCapsBuilder::new()
                .format(gst_video::VideoFormat::I420)
                .width(16)
                .height(height)
                .framerate(gst::Fraction::new(25, 1))
                .build();
            assert_eq!(matrix(&gst_video::VideoInfo::from_caps(&caps).unwrap()), expected, "{height} lines");
        }
    }
}
