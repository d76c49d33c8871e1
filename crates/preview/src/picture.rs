//! Frames as JPEG files.

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Of 100: no blocks are seen, at a tenth of the bytes of a lossless picture.
const QUALITY: u8 = 85;

/// Encodes a picture. It fails for pictures that JPEG cannot hold: those without pixels, or of more than 65 535 to a side.
pub(crate) fn jpeg(image: &RgbImage) -> Result<Vec<u8>, String> {
    let (Ok(width), Ok(height)) = (u16::try_from(image.width()), u16::try_from(image.height())) else {
        return Err(format!("a picture of {} x {} is too large for a preview", image.width(), image.height()));
    };
    let mut file = Vec::with_capacity(image.as_raw().len() / 8);
    let mut encoder = Encoder::new(&mut file, QUALITY);
    // As videos have it, at two thirds of the time of full colour.
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode(image.as_raw(), width, height, ColorType::Rgb).map_err(|error| error.to_string())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pictures_come_back_nearly_as_they_were() {
        for (width, height) in [(64, 48), (33, 17), (1, 1)] {
            let picture = RgbImage::from_fn(width, height, |x, y| Rgb([3 * x as u8, 5 * y as u8, 90]));
            let decoded = image::load_from_memory(&jpeg(&picture).unwrap()).unwrap().to_rgb8();
            assert_eq!(decoded.dimensions(), (width, height));
            let worst = picture.as_raw().iter().zip(decoded.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst < Some(30), "{worst:?}");
        }
    }

    #[test]
    fn pictures_that_jpeg_cannot_hold_are_told() {
        assert!(jpeg(&RgbImage::new(0, 0)).is_err());
        assert_eq!(jpeg(&RgbImage::new(65_536, 1)).unwrap_err(), "a picture of 65536 x 1 is too large for a preview");
    }
}
