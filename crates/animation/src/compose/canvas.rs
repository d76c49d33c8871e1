//! The portrait at the resolution that paintings are put into, and where the painted square lies in it.

use image::RgbImage;
use image::imageops::{FilterType, resize};
use moue_face::align::{ALIGNED_SIDE, AlignedFace, Similarity};
use moue_mesh::View;
use moue_topology::LANDMARK_COUNT;

/// The portrait at its own resolution, or at that of the frames where they are coarser.
///
/// Its positions are pixels, where pixel `i` covers `i..i + 1`. Positions in the painted square are parts of its side,
/// whatever number of pixels is painted: (0, 0) is its upper left corner, (1, 1) its lower right one.
pub struct Canvas {
    /// The portrait.
    pub picture: RgbImage,
    /// Canvas pixels for each of the portrait's, along x and y: equal but for the rounding of the size.
    scale: [f64; 2],
    /// Both count from the centre of the first pixel.
    aligned_from_source: Similarity,
}

impl Canvas {
    /// For frames with `scale` pixels for each of the portrait's.
    pub fn new(portrait: &RgbImage, aligned: &AlignedFace, scale: f64) -> Self {
        let (width, height) = portrait.dimensions();
        let reduced = |side: u32| ((f64::from(side) * scale.min(1.0)).round() as u32).max(1);
        let size = (reduced(width), reduced(height));
        let picture = if size == (width, height) {
            portrait.clone()
        } else {
            resize(portrait, size.0, size.1, FilterType::Lanczos3)
        };
        Self {
            scale: [f64::from(size.0) / f64::from(width), f64::from(size.1) / f64::from(height)],
            picture,
            aligned_from_source: aligned.source_from_aligned().inverse(),
        }
    }

    /// The tracker's landmarks of the portrait as the mesh takes those of the canvas.
    ///
    /// To the tracker, whole numbers are pixel centres; to the mesh, pixel `i` covers `i..i + 1`.
    pub fn landmarks(&self, landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> [[f32; 3]; LANDMARK_COUNT] {
        let [along, down] = self.scale.map(|scale| scale as f32);
        landmarks.map(|[x, y, z]| [(x + 0.5) * along, (y + 0.5) * down, z * along])
    }

    /// A view of the portrait as a view of the canvas.
    pub fn view(&self, view: View) -> View {
        let [along, down] = self.scale;
        View { origin: [view.origin[0] * along, view.origin[1] * down], scale: view.scale / along }
    }

    /// Where a position of the canvas lies in the painted square; outside of 0 to 1 it does not.
    pub fn square_from_canvas(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let source = [x / self.scale[0] - 0.5, y / self.scale[1] - 0.5];
        self.aligned_from_source.apply(source).map(|at| (at + 0.5) / f64::from(ALIGNED_SIDE))
    }

    /// Where a position of the painted square lies in the canvas.
    pub fn canvas_from_square(&self, at: [f64; 2]) -> [f64; 2] {
        let source_from_aligned = self.aligned_from_source.inverse();
        let [x, y] = source_from_aligned.apply(at.map(|at| at * f64::from(ALIGNED_SIDE) - 0.5));
        [(x + 0.5) * self.scale[0], (y + 0.5) * self.scale[1]]
    }

    /// Positions of the canvas in the painted square.
    pub fn in_square(&self, positions: &[[f64; 2]]) -> Vec<[f64; 2]> {
        positions.iter().map(|at| self.square_from_canvas(*at)).collect()
    }

    /// Side of the painted square in canvas pixels.
    pub fn side_of_square(&self) -> f64 {
        f64::from(ALIGNED_SIDE) / self.aligned_from_source.scale() * self.scale[0]
    }

    /// Whether the portrait reaches to a position of the painted square. What lies beyond was made up by the alignment.
    pub fn shows(&self, at: [f64; 2]) -> bool {
        let [x, y] = self.canvas_from_square(at);
        let (width, height) = self.picture.dimensions();
        (0.0..f64::from(width)).contains(&x) && (0.0..f64::from(height)).contains(&y)
    }

    /// The upright box of the canvas that the painted square lies in: x, y, width, height.
    pub fn part_of_square(&self) -> [u32; 4] {
        let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(|at| self.canvas_from_square(at));
        let (width, height) = self.picture.dimensions();
        let along = |axis: usize, side: u32| {
            let low = corners.iter().map(|corner| corner[axis]).fold(f64::INFINITY, f64::min);
            let high = corners.iter().map(|corner| corner[axis]).fold(f64::NEG_INFINITY, f64::max);
            let [low, high] = [low.floor(), high.ceil()].map(|at| (at.max(0.0) as u32).min(side));
            (low, high - low)
        };
        let ((x, width), (y, height)) = (along(0, width), along(1, height));
        [x, y, width, height]
    }

    /// All pixels whose centres lie in the painted square, with their places in it.
    pub fn pixels_in_square(&self) -> impl Iterator<Item = (u32, u32, [f64; 2])> + '_ {
        let [left, top, width, height] = self.part_of_square();
        let all = (top..top + height).flat_map(move |y| (left..left + width).map(move |x| (x, y)));
        all.filter_map(|(x, y)| {
            let at = self.square_from_canvas([f64::from(x) + 0.5, f64::from(y) + 0.5]);
            at.iter().all(|at| (0.0..=1.0).contains(at)).then_some((x, y, at))
        })
    }
}
