//! A picture with what the tracker sees drawn into it.

use image::{
    Rgb, RgbImage,
    imageops::{self, FilterType},
};
use moue_face::Face;
use moue_topology as topology;

/// Faces narrower than this are enlarged with their picture, so that their points can be told apart; in pixels.
const READABLE_FACE: f32 = 400.0;
/// No side becomes longer than this by enlarging, in pixels.
const MAX_ENLARGED_SIDE: u32 = 4096;

const BOX: Rgb<u8> = Rgb([255, 214, 0]);
const MESH: Rgb<u8> = Rgb([255, 255, 255]);
const CONTOUR: Rgb<u8> = Rgb([0, 230, 160]);
const IRIS: Rgb<u8> = Rgb([80, 170, 255]);
const POINT: Rgb<u8> = Rgb([255, 80, 80]);

/// Draws each face's box, number (from 1), mesh, contours and points into a copy of the picture.
///
/// A picture whose largest face is small is enlarged by a whole factor first. Returns the factor too.
pub fn annotate(picture: &RgbImage, faces: &[Face]) -> (RgbImage, u32) {
    let factor = enlargement(picture, faces);
    let (width, height) = picture.dimensions();
    let mut canvas = match factor {
        1 => picture.clone(),
        _ => imageops::resize(picture, width * factor, height * factor, FilterType::CatmullRom),
    };
    for (index, face) in faces.iter().enumerate() {
        draw_face(&mut canvas, face, factor as f32, index + 1);
    }
    (canvas, factor)
}

fn enlargement(picture: &RgbImage, faces: &[Face]) -> u32 {
    let widest = faces.iter().map(|face| face.box_in_image[2]).fold(0.0, f32::max);
    if widest <= 0.0 {
        return 1;
    }
    let wanted = (READABLE_FACE / widest).ceil().max(1.0) as u32;
    let longest = picture.width().max(picture.height()).max(1);
    wanted.min(MAX_ENLARGED_SIDE / longest).max(1)
}

fn draw_face(canvas: &mut RgbImage, face: &Face, scale: f32, number: usize) {
    // The tracker's whole numbers are pixel centres; enlarged pixels have theirs elsewhere.
    let at = |index: u16| {
        let [x, y, _] = face.landmarks[usize::from(index)];
        [(x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5]
    };
    for [a, b, c] in topology::triangles().iter().copied() {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            // Inner edges belong to two triangles: draw them once.
            if from < to {
                line(canvas, at(from), at(to), MESH, 0.25);
            }
        }
    }
    let open: [&[u16]; 10] = [
        &topology::OUTER_LIP_UPPER,
        &topology::OUTER_LIP_LOWER,
        &topology::INNER_LIP_UPPER,
        &topology::INNER_LIP_LOWER,
        &topology::LEFT_LID_UPPER,
        &topology::LEFT_LID_LOWER,
        &topology::RIGHT_LID_UPPER,
        &topology::RIGHT_LID_LOWER,
        &topology::LEFT_BROW_UPPER,
        &topology::RIGHT_BROW_UPPER,
    ];
    for contour in open {
        contour.windows(2).for_each(|pair| line(canvas, at(pair[0]), at(pair[1]), CONTOUR, 0.9));
    }
    closed(canvas, topology::FACE_OVAL.map(at).as_slice(), CONTOUR);
    for iris in [topology::LEFT_IRIS, topology::RIGHT_IRIS] {
        closed(canvas, iris[1..].iter().map(|&index| at(index)).collect::<Vec<_>>().as_slice(), IRIS);
    }
    for index in 0..topology::LANDMARK_COUNT as u16 {
        dot(canvas, at(index), POINT, 0.9);
    }
    let [x, y, width, height] = face.box_in_image.map(|side| (side * scale).round());
    for border in 0..2 {
        let (x, y, width, height) =
            (x - border as f32, y - border as f32, width + 2.0 * border as f32, height + 2.0 * border as f32);
        closed(canvas, &[[x, y], [x + width, y], [x + width, y + height], [x, y + height]], BOX);
    }
    label(canvas, [x, y], number, (width / 12.0).clamp(7.0, 42.0));
}

fn closed(canvas: &mut RgbImage, points: &[[f32; 2]], colour: Rgb<u8>) {
    for (index, &from) in points.iter().enumerate() {
        line(canvas, from, points[(index + 1) % points.len()], colour, 1.0);
    }
}

fn blend(canvas: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>, opacity: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(pixel) = canvas.get_pixel_mut_checked(x, y) else { return };
    for (value, new) in pixel.0.iter_mut().zip(colour.0) {
        *value = (f32::from(*value) + (f32::from(new) - f32::from(*value)) * opacity).round() as u8;
    }
}

/// A line one pixel wide; each step along its longer axis is shared by the two pixels it passes between.
fn line(canvas: &mut RgbImage, from: [f32; 2], to: [f32; 2], colour: Rgb<u8>, opacity: f32) {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let steep = dy.abs() > dx.abs();
    let steps = dx.abs().max(dy.abs()).ceil().clamp(1.0, 65_536.0);
    for step in 0..=steps as u32 {
        let t = step as f32 / steps;
        let (x, y) = (from[0] + t * dx, from[1] + t * dy);
        let (along, across) = if steep { (y, x) } else { (x, y) };
        let (first, share) = (across.floor(), across - across.floor());
        for (offset, share) in [(0, 1.0 - share), (1, share)] {
            let (along, across) = (along.round() as i64, first as i64 + offset);
            let (px, py) = if steep { (across, along) } else { (along, across) };
            blend(canvas, px, py, colour, opacity * share);
        }
    }
}

/// A point as wide as a pixel and a half.
fn dot(canvas: &mut RgbImage, [x, y]: [f32; 2], colour: Rgb<u8>, opacity: f32) {
    let (cx, cy) = (x.round() as i64, y.round() as i64);
    for (dx, dy) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)] {
        let share = if dx == 0 && dy == 0 { 1.0 } else { 0.35 };
        blend(canvas, cx + dx, cy + dy, colour, opacity * share);
    }
}

/// Segments of a digit, as on a calculator: top, top right, bottom right, bottom, bottom left, top left, middle.
const SEGMENTS: [[u8; 7]; 10] = [
    [1, 1, 1, 1, 1, 1, 0],
    [0, 1, 1, 0, 0, 0, 0],
    [1, 1, 0, 1, 1, 0, 1],
    [1, 1, 1, 1, 0, 0, 1],
    [0, 1, 1, 0, 0, 1, 1],
    [1, 0, 1, 1, 0, 1, 1],
    [1, 0, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0, 0],
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 1, 1],
];

/// A number on a plate whose lower left corner is at `corner`; inside the box where there is no room above it.
fn label(canvas: &mut RgbImage, corner: [f32; 2], number: usize, height: f32) {
    let digits: Vec<usize> = number.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    let (width, margin) = (height * 0.55, height * 0.25);
    let plate = [digits.len() as f32 * (width + margin) + margin, height + 2.0 * margin];
    let left = corner[0].max(0.0);
    let top = if corner[1] >= plate[1] { corner[1] - plate[1] } else { corner[1].max(0.0) };
    for y in 0..plate[1] as i64 {
        for x in 0..plate[0] as i64 {
            blend(canvas, left as i64 + x, top as i64 + y, BOX, 1.0);
        }
    }
    let thickness = (height / 7.0).ceil().max(1.0) as i64;
    for (place, digit) in digits.into_iter().enumerate() {
        let (x0, y0) = (left + margin + place as f32 * (width + margin), top + margin);
        let (x1, y1, middle) = (x0 + width, y0 + height, y0 + height / 2.0);
        let ends = [
            ([x0, y0], [x1, y0]),
            ([x1, y0], [x1, middle]),
            ([x1, middle], [x1, y1]),
            ([x0, y1], [x1, y1]),
            ([x0, middle], [x0, y1]),
            ([x0, y0], [x0, middle]),
            ([x0, middle], [x1, middle]),
        ];
        for ((from, to), _) in ends.into_iter().zip(SEGMENTS[digit]).filter(|(_, lit)| *lit == 1) {
            for offset in 0..thickness {
                let nudge = offset as f32 - (thickness - 1) as f32 / 2.0;
                let across = if from[0] == to[0] { [nudge, 0.0] } else { [0.0, nudge] };
                let moved = |point: [f32; 2]| [point[0] + across[0], point[1] + across[1]];
                line(canvas, moved(from), moved(to), Rgb([0, 0, 0]), 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32, side: f32) -> Face {
        let mut landmarks = [[0.0; 3]; topology::LANDMARK_COUNT];
        for (landmark, vertex) in landmarks.iter_mut().zip(topology::vertices()) {
            // The canonical face is about 15 cm wide and 18 cm high around its origin.
            *landmark = [x + side * (0.5 + vertex[0] / 20.0), y + side * (0.5 - vertex[1] / 20.0), 0.0];
        }
        Face {
            score: 1.0,
            box_in_image: [x, y, side, side],
            landmarks,
            blendshapes: [0.0; moue_face::BLENDSHAPE_COUNT],
            pose: [[0.0; 4]; 4],
        }
    }

    #[test]
    fn a_picture_without_faces_stays_as_it_is() {
        let picture = RgbImage::from_pixel(40, 30, Rgb([9, 8, 7]));
        assert_eq!(annotate(&picture, &[]), (picture, 1));
    }

    #[test]
    fn small_faces_are_enlarged_within_limits() {
        let picture = RgbImage::new(200, 100);
        let (canvas, factor) = annotate(&picture, &[face(20.0, 10.0, 80.0)]);
        assert_eq!((factor, canvas.dimensions()), (5, (1000, 500)));
        assert_eq!(canvas.get_pixel(100, 200), &BOX, "the box's left side, enlarged");
        assert_eq!(annotate(&RgbImage::new(3000, 100), &[face(20.0, 10.0, 80.0)]).1, 1);
        assert_eq!(annotate(&RgbImage::new(900, 900), &[face(20.0, 10.0, 800.0)]).1, 1);
    }

    #[test]
    fn faces_that_reach_out_of_the_picture_are_drawn_as_far_as_they_are_in_it() {
        let picture = RgbImage::new(500, 500);
        let (canvas, _) = annotate(&picture, &[face(-200.0, -200.0, 450.0), face(300.0, 300.0, 450.0)]);
        assert_ne!(canvas, picture);
    }
}
