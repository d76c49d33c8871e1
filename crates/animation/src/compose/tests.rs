use image::Rgb;
use moue_face::{BLENDSHAPE_COUNT, Face};
use moue_timeline::Shape;
use moue_topology::{LANDMARK_COUNT, LEFT_IRIS, RIGHT_IRIS, vertices};
use proptest::prelude::*;

use super::*;
use crate::{Framing, Size};

/// A face of smooth colours in a picture of `size`: so many pixels per centimetre, turned, its middle there.
fn portrait(size: (u32, u32), scale: f64, angle: f64, middle: [f64; 2]) -> Portrait {
    let image = RgbImage::from_fn(size.0, size.1, |x, y| {
        let wave = |by: f64, down: f64| {
            let (x, y) = (f64::from(x) / scale, f64::from(y) / scale);
            (125.0 + 60.0 * (x * by + y * down).sin()) as u8
        };
        Rgb([wave(0.7, 0.2), wave(0.3, -0.5), wave(-0.2, 0.6)])
    });
    let mut landmarks = [[0.0; 3]; LANDMARK_COUNT];
    let (sine, cosine) = (angle.sin() * scale, angle.cos() * scale);
    for (landmark, [x, y, z]) in landmarks.iter_mut().zip(vertices()) {
        let (x, y) = (f64::from(*x), -f64::from(*y));
        let at = [middle[0] + x * cosine - y * sine, middle[1] + x * sine + y * cosine, -f64::from(*z) * scale];
        *landmark = at.map(|at| at as f32);
    }
    for (iris, corners) in [(RIGHT_IRIS, [33, 133]), (LEFT_IRIS, [362, 263])] {
        let [a, b] = corners.map(|index: usize| landmarks[index]);
        let centre = [0, 1, 2].map(|axis| (a[axis] + b[axis]) / 2.0);
        let radius = (a[0] - b[0]).hypot(a[1] - b[1]) * 0.2;
        for (point, [x, y]) in iris.into_iter().zip([[0.0, 0.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]]) {
            landmarks[point as usize] = [centre[0] + x * radius, centre[1] + y * radius, centre[2]];
        }
    }
    let face = Face {
        score: 1.0,
        box_in_image: [0.0, 0.0, 10.0, 10.0],
        landmarks,
        blendshapes: [0.0; BLENDSHAPE_COUNT],
        pose: [[0.0; 4]; 4],
    };
    Portrait { path: "face.png".into(), image, faces: vec![face], chosen: 0, notes: Vec::new() }
}

fn composer(portrait: &Portrait) -> Composer {
    let view = View { origin: [0.0; 2], scale: 1.0 };
    Composer::new(portrait, view, portrait.image.dimensions()).unwrap()
}

fn aligned(portrait: &Portrait) -> RgbImage {
    portrait.face().aligned(&portrait.image).unwrap().picture
}

fn pasted(composer: &Composer, painting: &RgbImage, expression: &Expression) -> RgbImage {
    let mut picture = composer.canvas().picture.clone();
    composer.paste(painting, expression, &mut picture).unwrap();
    picture
}

/// The largest and the mean difference of two pictures where the mask says more than half, at least so many pixels
/// inside the picture.
fn difference(composer: &Composer, found: &RgbImage, expected: &RgbImage, margin: f64) -> (u8, f64) {
    let mask = composer.mask(&Expression::NEUTRAL);
    let (width, height) = expected.dimensions();
    let (mut most, mut sum, mut count) = (0, 0.0, 0.0);
    for (x, y, at) in composer.canvas().pixels_in_square() {
        let inside = [x, y, width - 1 - x, height - 1 - y].iter().all(|far| f64::from(*far) >= margin);
        if mask.at(at) < 0.5 || !inside {
            continue;
        }
        for (a, b) in found.get_pixel(x, y).0.into_iter().zip(expected.get_pixel(x, y).0) {
            most = most.max(a.abs_diff(b));
            sum += f64::from(a.abs_diff(b));
            count += 1.0;
        }
    }
    assert!(count > 0.0, "the mask covers something");
    (most, sum / count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Aligned and put back, the portrait is itself: whatever the size, the turn and the place of the face, also where
    /// it hangs out of the picture.
    #[test]
    fn what_is_aligned_comes_back(
        scale in 5.0f64..24.0,
        angle in -0.6f64..0.6,
        x in 0.0f64..1.0,
        y in 0.2f64..0.8,
    ) {
        let portrait = portrait((300, 260), scale, angle, [300.0 * x, 260.0 * y]);
        let composer = composer(&portrait);
        let back = pasted(&composer, &aligned(&portrait), &Expression::NEUTRAL);
        // The alignment blurs what lies near the picture's edge: a third of what it continues beyond it.
        let margin = 0.12 * composer.canvas().side_of_square();
        let (most, mean) = difference(&composer, &back, &portrait.image, margin);
        prop_assert!(most <= 4 && mean < 1.2, "at most {most}, on average {mean}");
        // Outside of the mask it is the portrait's to the byte.
        let mask = composer.mask(&Expression::NEUTRAL);
        for (x, y, pixel) in back.enumerate_pixels() {
            let at = composer.canvas().square_from_canvas([f64::from(x) + 0.5, f64::from(y) + 0.5]);
            if at.iter().any(|at| !(0.0..=1.0).contains(at)) || mask.at(at) == 0.0 {
                prop_assert_eq!(pixel, portrait.image.get_pixel(x, y));
            }
        }
    }
}

#[test]
fn a_face_so_large_that_it_was_shrunk_comes_back_to_its_place() {
    // A square of 2100 pixels is halved; the odd size is rounded.
    let portrait = portrait((1301, 1107), 85.0, 0.1, [640.0, 560.0]);
    let composer = composer(&portrait);
    let back = pasted(&composer, &aligned(&portrait), &Expression::NEUTRAL);
    let (most, mean) = difference(&composer, &back, &portrait.image, 260.0);
    assert!(most <= 4 && mean < 1.0, "at most {most}, on average {mean}");
}

#[test]
fn small_paintings_and_reduced_frames_land_at_the_same_place() {
    let portrait = portrait((320, 300), 10.0, -0.2, [170.0, 140.0]);
    let small = resize(&aligned(&portrait), 128, 128, FilterType::Lanczos3);
    let whole = composer(&portrait);
    let back = pasted(&whole, &small, &Expression::NEUTRAL);
    assert!(difference(&whole, &back, &portrait.image, 0.0).1 < 1.5);
    // Half the size.
    let view = View { origin: [0.0; 2], scale: 0.5 };
    let half = Composer::new(&portrait, view, (160, 150)).unwrap();
    let mut frame = RgbImage::new(160, 150);
    half.draw_in(view, &aligned(&portrait), &Expression::NEUTRAL, &mut frame).unwrap();
    let expected = resize(&portrait.image, 160, 150, FilterType::Lanczos3);
    assert!(difference(&half, &frame, &expected, 0.0).1 < 1.5);
}

#[test]
fn colours_are_fitted_once_and_a_darker_painting_comes_back_right_in_every_frame() {
    let portrait = portrait((300, 300), 10.0, 0.0, [150.0, 150.0]);
    let mut dark = aligned(&portrait);
    dark.iter_mut().for_each(|level| *level = (f64::from(*level) * 0.7).round() as u8);
    let composer = composer(&portrait).matched(&dark);
    let tone = *composer.tone();
    for jaw in [0.0, 0.5, 1.0] {
        let mut expression = Expression::NEUTRAL;
        expression.set(Shape::JawOpen, jaw);
        let back = pasted(&composer, &dark, &expression);
        assert!(difference(&composer, &back, &portrait.image, 0.0).1 < 1.5);
        assert_eq!(*composer.tone(), tone);
        // Equal frames are equal to the byte, whatever was drawn between them.
        assert_eq!(back, pasted(&composer, &dark, &expression));
        let seam = composer.seam(&back, &composer.mask(&expression));
        assert!(seam.ratio() < 1.1 && seam.step.abs() < 0.1, "{seam:?}");
    }
    // Not fitted, the seam shows.
    let unfitted = Composer { tone: Tone::NONE, ..composer };
    let back = pasted(&unfitted, &dark, &Expression::NEUTRAL);
    let seam = unfitted.seam(&back, &unfitted.mask(&Expression::NEUTRAL));
    assert!(seam.step < -0.3, "{seam:?}");
}

#[test]
fn detail_that_a_small_painting_lacks_is_added_where_the_skin_is_and_moves_with_it() {
    let mut portrait = portrait((300, 300), 10.0, 0.0, [150.0, 140.0]);
    // Fine stripes that 32 pixels do not show.
    for (x, y, pixel) in portrait.image.enumerate_pixels_mut() {
        let stripe = if (x + y) % 6 < 3 { 8 } else { 0 };
        pixel.0 = pixel.0.map(|level| level + stripe);
    }
    let small = resize(&aligned(&portrait), 32, 32, FilterType::Lanczos3);
    let error = |composer: &Composer| {
        difference(composer, &pasted(composer, &small, &Expression::NEUTRAL), &portrait.image, 0.0).1
    };
    let (without, with) = (error(&composer(&portrait)), error(&composer(&portrait).detailed(1.0, 32)));
    assert!(with < 0.75 * without, "{with} levels with detail, {without} without");
    let (plain, detailed) = (composer(&portrait), composer(&portrait).detailed(1.0, 32));
    let mut open = Expression::NEUTRAL;
    open.set(Shape::JawOpen, 0.7);
    let added = |expression: &Expression| {
        let (plain, detailed) = (pasted(&plain, &small, expression), pasted(&detailed, &small, expression));
        let differences = plain.iter().zip(detailed.iter()).map(|(a, b)| i16::from(*b) - i16::from(*a));
        differences.collect::<Vec<_>>()
    };
    assert_ne!(added(&Expression::NEUTRAL), added(&open));
    assert!(composer(&portrait).detailed(1.0, 512).detail.is_none(), "a painting that is finer lacks nothing");
    assert!(composer(&portrait).detailed(0.0, 32).detail.is_none());
}

#[test]
fn an_open_jaw_is_painted_lower_and_a_turned_head_takes_the_painting_along() {
    let portrait = portrait((300, 300), 9.0, 0.0, [150.0, 130.0]);
    let composer = composer(&portrait);
    let mut open = Expression::NEUTRAL;
    open.set(Shape::JawOpen, 0.8);
    let painted = |mask: &Mask| composer.canvas().pixels_in_square().filter(|(.., at)| mask.at(*at) > 0.5).count();
    let (at_rest, opened) = (painted(&composer.mask(&Expression::NEUTRAL)), painted(&composer.mask(&open)));
    assert!(opened > at_rest + at_rest / 100, "{opened} {at_rest}");

    let layout = Layout::new((300, 300), &portrait.face().landmarks, Framing::Whole, Size::Source).unwrap();
    let mut turned = Expression::NEUTRAL;
    turned.head = HeadPose { yaw: 0.2, ..HeadPose::default() };
    let white = RgbImage::from_pixel(512, 512, Rgb([255; 3]));
    let draw = |expression: &Expression| {
        let mut frame = RgbImage::new(300, 300);
        composer.draw(&layout, &white, expression, &mut frame).unwrap();
        frame
    };
    // The middle of what is white has moved with the face.
    let middle = |frame: &RgbImage| {
        let white = frame.enumerate_pixels().filter(|(.., pixel)| pixel.0 == [255; 3]).map(|(x, ..)| f64::from(x));
        let (sum, count) = white.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        sum / count
    };
    let (straight, aside) = (middle(&draw(&Expression::NEUTRAL)), middle(&draw(&turned)));
    assert!(aside > straight + 4.0, "{straight} {aside}");
}
