//! Which part of a portrait a frame of a shot shows.

use moue_animation::{Layout, Portrait, head_square};
use moue_face::FaceError;
use moue_storyboard::{Framing, FramingAt, Region, View};

/// A part of a picture: x, y, width and height in its pixels.
pub(crate) type Part = [f64; 4];

/// The parts of a picture between which a shot's view moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Move {
    picture: (u32, u32),
    from: Part,
    to: Part,
    size: (u32, u32),
}

impl Move {
    /// In a portrait, for frames of `size`.
    pub fn in_portrait(framing: Framing, portrait: &Portrait, size: (u32, u32)) -> Result<Self, FaceError> {
        let picture = portrait.image.dimensions();
        let part = |view| part_of_portrait(view, portrait);
        Ok(Self { picture, from: part(framing.from)?, to: part(framing.to)?, size })
    }

    /// In a painted square of `side` pixels, which is the aligned face.
    pub fn in_painting(framing: Framing, side: u32, size: (u32, u32)) -> Self {
        let picture = (side, side);
        let whole = [0.0, 0.0, f64::from(side), f64::from(side)];
        let part = |view: View| zoomed(whole, view.zoom, picture);
        Self { picture, from: part(framing.from), to: part(framing.to), size }
    }

    /// Whether every frame shows the same part.
    pub fn is_still(&self) -> bool {
        self.from == self.to
    }

    /// Where the picture lies in a frame.
    pub fn layout(&self, at: FramingAt) -> Layout {
        Layout::fitted(self.picture, self.part(at.progress), self.size)
    }

    /// The least and the greatest number of output pixels per picture pixel that the move passes through.
    pub fn scales(&self) -> (f64, f64) {
        let scale = |part| Layout::fitted(self.picture, part, self.size).scale;
        let (from, to) = (scale(self.from), scale(self.to));
        (from.min(to), from.max(to))
    }

    /// The part at a share of the way. Its size changes by equal factors in equal times, which is what a steady push-in
    /// looks like, and the point that both parts have in the same place stays where it is. Shares beyond 0 and 1 go on
    /// in the same way, as far as the picture reaches.
    fn part(&self, progress: f64) -> Part {
        let along = |start: usize, limit: u32| {
            let length = start + 2;
            let (from, to) = (self.from[length], self.to[length]);
            let limit = f64::from(limit);
            let now = (from * (to / from).powf(progress)).clamp(1.0_f64.min(limit), limit);
            // How far the place has come follows from the size, where that changes.
            let share = if (to - from).abs() > 1e-6 * from { (now - from) / (to - from) } else { progress };
            let place = self.from[start] + (self.to[start] - self.from[start]) * share;
            (place.clamp(0.0, limit - now), now)
        };
        let ((x, width), (y, height)) = (along(0, self.picture.0), along(1, self.picture.1));
        [x, y, width, height]
    }
}

/// The part of the portrait that a view shows.
fn part_of_portrait(view: View, portrait: &Portrait) -> Result<Part, FaceError> {
    let picture = portrait.image.dimensions();
    let (width, height) = (f64::from(picture.0), f64::from(picture.1));
    let part = match view.region {
        Region::Whole => [0.0, 0.0, width, height],
        Region::Head => head_square(picture, &portrait.face().landmarks),
        Region::Crop([x, y, w, h]) => [x * width, y * height, w * width, h * height],
        Region::Face => {
            // The aligned square without its turn: what the diffusion renderer paints upright is drawn as it stands.
            let corners = portrait.face().aligned(&portrait.image)?.corners;
            let middle = |axis: usize| corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0 + 0.5;
            let [a, b] = [corners[0], corners[3]];
            let side = (b[0] - a[0]).hypot(b[1] - a[1]);
            [middle(0) - side / 2.0, middle(1) - side / 2.0, side, side]
        }
    };
    Ok(zoomed(part, view.zoom, picture))
}

/// A part seen `zoom` times as near, about its centre; moved, then made smaller, where it would leave the picture.
fn zoomed([x, y, width, height]: Part, zoom: f64, picture: (u32, u32)) -> Part {
    let along = |start: f64, length: f64, limit: u32| {
        let (middle, limit) = (start + length / 2.0, f64::from(limit));
        let length = (length / zoom).clamp(1.0_f64.min(limit), limit);
        ((middle - length / 2.0).clamp(0.0, limit - length), length)
    };
    let ((x, width), (y, height)) = (along(x, width, picture.0), along(y, height, picture.1));
    [x, y, width, height]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moving(from: Part, to: Part) -> Move {
        Move { picture: (1000, 800), from, to, size: (640, 360) }
    }

    #[test]
    fn a_push_in_is_steady_and_its_fixed_point_stays() {
        let push = moving([100.0, 100.0, 800.0, 400.0], [300.0, 200.0, 400.0, 200.0]);
        let (mut before, mut ratios) = (push.part(0.0), Vec::new());
        for step in 1..=10 {
            let part = push.part(f64::from(step) / 10.0);
            ratios.push(part[2] / before[2]);
            // Both parts have their middle at (500, 300).
            assert!((part[0] + part[2] / 2.0 - 500.0).abs() < 1e-9 && (part[1] + part[3] / 2.0 - 300.0).abs() < 1e-9);
            before = part;
        }
        assert!(ratios.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1e-12), "{ratios:?}");
        assert_eq!(push.part(1.0).map(f64::round), [300.0, 200.0, 400.0, 200.0]);
    }

    #[test]
    fn a_pan_moves_evenly_and_nothing_leaves_the_picture() {
        let pan = moving([0.0, 0.0, 400.0, 300.0], [600.0, 500.0, 400.0, 300.0]);
        assert_eq!(pan.part(0.5), [300.0, 250.0, 400.0, 300.0]);
        for progress in [-0.4, 1.3, 5.0] {
            let [x, y, width, height] = pan.part(progress);
            assert!(x >= 0.0 && y >= 0.0 && x + width <= 1000.0 && y + height <= 800.0);
        }
        let out = moving([300.0, 200.0, 400.0, 200.0], [0.0, 0.0, 1000.0, 800.0]);
        assert!(out.part(1.5)[2] <= 1000.0);
    }

    #[test]
    fn a_zoom_keeps_to_the_picture() {
        assert_eq!(zoomed([0.0, 0.0, 100.0, 100.0], 2.0, (200, 200)), [25.0, 25.0, 50.0, 50.0]);
        assert_eq!(zoomed([0.0, 0.0, 100.0, 100.0], 0.5, (200, 150)), [0.0, 0.0, 200.0, 150.0]);
    }
}
