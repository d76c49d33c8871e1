//! Square, turned regions of a picture, the nets' inputs.

use image::RgbImage;
use rayon::prelude::*;

use crate::sampling::{Border, Grid};

/// A square region of a picture that may be turned and may reach out of the picture.
///
/// Points are picture coordinates as MediaPipe uses them on the CPU: the integer (x, y) is the centre of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    /// Centre (x, y), pixels.
    pub(crate) center: [f32; 2],
    /// Side, pixels.
    pub(crate) side: f32,
    /// Turn in radians; positive turns the region's x axis towards the picture's y axis (clockwise as seen).
    pub(crate) angle: f32,
}

impl Region {
    /// The smallest centred square that holds a whole picture.
    pub(crate) fn whole(image: &RgbImage) -> Self {
        let (width, height) = (image.width() as f32, image.height() as f32);
        Self { center: [width / 2.0, height / 2.0], side: width.max(height), angle: 0.0 }
    }

    /// The region around a box and an eye line that the landmark net was trained for: 1.5 times the longer side,
    /// turned so that the line from `right_eye` to `left_eye` (the subject's) lies level.
    pub(crate) fn around(bounds: &Bounds, right_eye: [f32; 2], left_eye: [f32; 2]) -> Self {
        let [width, height] = bounds.size();
        Self {
            center: bounds.center(),
            side: width.max(height) * 1.5,
            angle: (left_eye[1] - right_eye[1]).atan2(left_eye[0] - right_eye[0]),
        }
    }

    /// Whether the region can be sampled: finite, and with an extent.
    pub(crate) fn is_usable(&self) -> bool {
        self.center.iter().all(|c| c.is_finite()) && self.side.is_finite() && self.side >= 1.0 && self.angle.is_finite()
    }

    /// Maps region coordinates, 0..1 from corner to corner, to the picture.
    pub(crate) fn image_from_region(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = ((u - 0.5) * self.side, (v - 0.5) * self.side);
        [self.center[0] + cos * x - sin * y, self.center[1] + sin * x + cos * y]
    }

    /// Samples the region on a grid of `size` x `size` points into three planes (R, G, B) of `size` rows, each
    /// value `pixel * scale + offset`, by plain bilinear interpolation.
    ///
    /// Grid point i lies at i / `size` of the side, as in MediaPipe's CPU path. Shrinking is not antialiased on
    /// purpose: the nets never saw that, and landmarks move by pixels when they do.
    pub(crate) fn sample(&self, image: &RgbImage, size: usize, border: Border, scale: f32, offset: f32) -> Vec<f32> {
        let row = size * 3;
        let mut rows = vec![0.0; size * row];
        Grid::new(self, image, size, border).sample(0, row, scale, offset, &mut rows);
        (0..3).flat_map(|c| rows.iter().skip(c).step_by(3).copied()).collect()
    }

    /// The same into rows of pixels (R, G and B beside each other), on the threads of the pool it is called in. A row
    /// is a `size`-th of `rows`; what is left of it after `size` pixels stays as it is.
    pub(crate) fn sample_rows(&self, image: &RgbImage, size: usize, border: Border, scale: f32, rows: &mut [f32]) {
        let grid = Grid::new(self, image, size, border);
        let (row, at_once) = (rows.len() / size, size.div_ceil(rayon::current_num_threads()));
        let parts = rows.par_chunks_mut(row * at_once).enumerate();
        parts.for_each(|(part, rows)| grid.sample(part * at_once, row, scale, 0.0, rows));
    }
}

/// An upright box between two corners, in whatever units its points have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: [f32; 2],
    pub(crate) max: [f32; 2],
}

impl Bounds {
    /// The tightest box around points; `None` for no points.
    pub(crate) fn of_points(points: impl IntoIterator<Item = [f32; 2]>) -> Option<Self> {
        points.into_iter().fold(None, |bounds, point| {
            Some(match bounds {
                None => Self { min: point, max: point },
                Some(Self { min, max }) => Self {
                    min: [min[0].min(point[0]), min[1].min(point[1])],
                    max: [max[0].max(point[0]), max[1].max(point[1])],
                },
            })
        })
    }

    /// Width and height.
    pub(crate) fn size(&self) -> [f32; 2] {
        [self.max[0] - self.min[0], self.max[1] - self.min[1]]
    }

    /// The middle.
    pub(crate) fn center(&self) -> [f32; 2] {
        [(self.min[0] + self.max[0]) / 2.0, (self.min[1] + self.max[1]) / 2.0]
    }

    /// Area; 0 for an inside-out box.
    pub(crate) fn area(&self) -> f32 {
        let [width, height] = self.size();
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0..1.
    pub(crate) fn iou(&self, other: &Self) -> f32 {
        let common = Self {
            min: [self.min[0].max(other.min[0]), self.min[1].max(other.min[1])],
            max: [self.max[0].min(other.max[0]), self.max[1].min(other.max[1])],
        }
        .area();
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn gradient() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 100]))
    }

    #[test]
    fn samples_come_from_where_the_region_says() {
        let size = 16;
        for angle in [0.0, 0.4, -2.0, 3.0] {
            let region = Region { center: [20.0, 15.0], side: 12.0, angle };
            let samples = region.sample(&gradient(), size, Border::Black, 1.0, 0.0);
            for row in 0..size {
                for column in 0..size {
                    let [x, y] = region.image_from_region([column as f32, row as f32].map(|i| i / size as f32));
                    let at = row * size + column;
                    let expected = [x * 6.0, y * 8.0, 100.0];
                    for c in 0..3 {
                        let found = samples[c * size * size + at];
                        assert!((found - expected[c]).abs() < 0.01, "{angle}: {found}, not {expected:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn outside_is_black_or_the_nearest_pixel() {
        let picture = RgbImage::from_pixel(4, 4, Rgb([200, 100, 50]));
        let beside = Region { center: [-20.0, 2.0], side: 8.0, angle: 0.0 };
        assert!(beside.sample(&picture, 8, Border::Black, 1.0, 0.0).iter().all(|&value| value == 0.0));
        let nearest = beside.sample(&picture, 8, Border::Nearest, 1.0, 0.0);
        assert!(nearest[..64].iter().all(|&value| value == 200.0) && nearest[128..].iter().all(|&value| value == 50.0));
        // Half way over the edge a black border darkens by half.
        let edge = Region { center: [-0.5, 2.0], side: 1.0, angle: 0.0 }.sample(&picture, 2, Border::Black, 1.0, 0.0);
        assert_eq!(&edge[..2], [0.0, 100.0]);
    }

    #[test]
    fn scale_and_offset_apply_to_every_value() {
        let region = Region { center: [1.0, 1.0], side: 2.0, angle: 0.0 };
        let samples =
            region.sample(&RgbImage::from_pixel(4, 4, Rgb([255, 0, 51])), 2, Border::Black, 1.0 / 127.5, -1.0);
        let expected = [1.0, -1.0, -0.6].into_iter().flat_map(|value| [value; 4]);
        assert!(samples.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{samples:?}");
    }

    #[test]
    fn the_region_around_a_face_has_the_eyes_level() {
        let bounds = Bounds { min: [10.0, 20.0], max: [30.0, 60.0] };
        let region = Region::around(&bounds, [12.0, 30.0], [22.0, 40.0]);
        assert_eq!((region.center, region.side), ([20.0, 40.0], 60.0));
        let along = [region.image_from_region([0.25, 0.5]), region.image_from_region([0.75, 0.5])];
        let [dx, dy] = [along[1][0] - along[0][0], along[1][1] - along[0][1]];
        assert!((dx - dy).abs() < 1e-4 && dx > 0.0, "{dx} {dy}");
    }

    #[test]
    fn overlap_of_boxes() {
        let unit = Bounds { min: [0.0, 0.0], max: [2.0, 2.0] };
        let shifted = Bounds { min: [1.0, 0.0], max: [3.0, 2.0] };
        let apart = Bounds { min: [5.0, 5.0], max: [6.0, 6.0] };
        let empty = Bounds { min: [1.0, 1.0], max: [1.0, 1.0] };
        assert!((unit.iou(&shifted) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!([unit.iou(&unit), unit.iou(&apart), unit.iou(&empty), empty.iou(&empty)], [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn bounds_of_points() {
        assert_eq!(Bounds::of_points([]), None);
        let bounds = Bounds::of_points([[3.0, -1.0], [1.0, 4.0], [2.0, 0.0]]);
        assert_eq!(bounds, Some(Bounds { min: [1.0, -1.0], max: [3.0, 4.0] }));
    }
}
