//! What must hold for every portrait, on a made one: the canonical face with a smooth pattern for skin.

use glam::{Mat3, Vec2};
use moue_timeline::HeadPose;
use proptest::prelude::*;

use super::*;
use crate::fit::tests::canonical_landmarks;

const SIDE: u32 = 220;

fn picture() -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let wave = |a: f32, b: f32| ((x as f32 * a + y as f32 * b).sin() * 55.0 + 140.0) as u8;
        image::Rgb([wave(0.11, 0.05), wave(0.07, -0.09), wave(-0.04, 0.13)])
    })
}

fn smiling() -> [f32; Shape::COUNT] {
    let mut rest = [0.0; Shape::COUNT];
    rest[Shape::MouthSmileLeft.index()] = 0.7;
    rest[Shape::MouthSmileRight.index()] = 0.6;
    rest[Shape::EyeBlinkLeft.index()] = 0.1;
    rest[Shape::EyeLookDownLeft.index()] = 0.15;
    rest
}

fn renderer(view: View, size: (u32, u32)) -> MeshRenderer {
    let landmarks = canonical_landmarks(Mat3::from_rotation_y(0.1), 7.0, Vec2::new(110.0, 100.0));
    MeshRenderer::new(&picture(), &landmarks, &smiling(), view, size).unwrap()
}

fn whole() -> MeshRenderer {
    renderer(View { origin: [0.0, 0.0], scale: 1.0 }, (SIDE, SIDE))
}

fn rendered(renderer: &MeshRenderer, expression: &Expression) -> RgbImage {
    let mut frame = RgbImage::new(renderer.still().width(), renderer.still().height());
    renderer.render(expression, &mut frame).unwrap();
    frame
}

fn with(shapes: &[(Shape, f32)]) -> Expression {
    let mut expression = Expression::NEUTRAL;
    for &(shape, value) in shapes {
        expression.set(shape, value);
    }
    expression
}

fn largest_change(a: &RgbImage, b: &RgbImage) -> u8 {
    a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn the_portraits_own_coefficients_give_the_portrait_back() {
    let own = Expression { shapes: smiling(), head: HeadPose::default() };
    assert_eq!(rendered(&whole(), &own), picture());
    let enlarged = renderer(View { origin: [30.5, 20.25], scale: 1.7 }, (256, 256));
    assert_eq!(&rendered(&enlarged, &own), enlarged.still());
}

#[test]
fn pixels_outside_the_influence_are_the_pictures_own() {
    let picture = RgbImage::from_fn(640, 480, |x, y| image::Rgb([(x % 251) as u8, (y % 241) as u8, (x ^ y) as u8]));
    let landmarks = canonical_landmarks(Mat3::IDENTITY, 9.0, Vec2::new(320.0, 230.0));
    let view = View { origin: [0.0, 0.0], scale: 1.0 };
    let renderer = MeshRenderer::new(&picture, &landmarks, &smiling(), view, (640, 480)).unwrap();
    let mut expression = with(&Shape::ALL.map(|shape| (shape, 0.8)));
    expression.head = HeadPose { yaw: 0.4, pitch: -0.3, roll: 0.3 };
    let frame = rendered(&renderer, &expression);
    let [left, top, right, bottom] = renderer.influence();
    let inside = |x: u32, y: u32| (left..right).contains(&x) && (top..bottom).contains(&y);
    assert!((right - left) * (bottom - top) < 640 * 480 * 3 / 4, "the region is a part of the picture");
    let outside = picture.enumerate_pixels().filter(|(x, y, _)| !inside(*x, *y));
    assert!(outside.clone().count() > 50_000);
    assert!(outside.clone().all(|(x, y, pixel)| frame.get_pixel(x, y) == pixel));
    assert!(largest_change(&frame, &picture) > 50);
}

#[test]
fn every_visible_shape_changes_the_frame_and_more_of_it_changes_more() {
    let renderer = whole();
    let neutral = rendered(&renderer, &Expression::NEUTRAL);
    let change = |shape, value| {
        let frame = rendered(&renderer, &with(&[(shape, value)]));
        let sum: u64 = frame.as_raw().iter().zip(neutral.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum
    };
    for shape in Shape::ALL {
        let (little, much) = (change(shape, 0.1), change(shape, 1.0));
        assert!(little > 0, "{} at 0.1 shows nothing", shape.name());
        assert!(much > 2 * little, "{}: {little} at 0.1, {much} at 1", shape.name());
    }
}

#[test]
fn frames_depend_on_nothing_but_the_expression() {
    let renderer = whole();
    let (a, b) = (with(&[(Shape::JawOpen, 0.6)]), with(&[(Shape::EyeBlinkLeft, 1.0), (Shape::MouthPucker, 0.5)]));
    let first = rendered(&renderer, &a);
    let other = rendered(&renderer, &b);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    assert_eq!(rendered(&renderer, &a), first);
                    assert_eq!(rendered(&renderer, &b), other);
                }
            });
        }
    });
}

#[test]
fn a_reduced_view_shows_the_whole_picture() {
    let small = renderer(View { origin: [0.0, 0.0], scale: 0.5 }, (SIDE / 2, SIDE / 2));
    let frame = rendered(&small, &with(&[(Shape::JawOpen, 0.8)]));
    let halved = image::imageops::resize(&picture(), SIDE / 2, SIDE / 2, image::imageops::FilterType::Triangle);
    assert!(halved.get_pixel(3, 3).0.iter().zip(frame.get_pixel(3, 3).0).all(|(a, b)| a.abs_diff(b) < 6));
}

#[test]
fn impossible_views_and_buffers_are_refused() {
    let landmarks = canonical_landmarks(Mat3::IDENTITY, 7.0, Vec2::new(110.0, 100.0));
    for (scale, size) in [(0.0, (10, 10)), (f64::NAN, (10, 10)), (1.0, (0, 10))] {
        let view = View { origin: [0.0, 0.0], scale };
        let made = MeshRenderer::new(&picture(), &landmarks, &smiling(), view, size);
        assert!(matches!(made, Err(MeshError::Size { .. })));
    }
    let mut wrong = RgbImage::new(3, 3);
    assert!(matches!(whole().render(&Expression::NEUTRAL, &mut wrong), Err(MeshError::Buffer { .. })));
}

fn any_expression() -> impl Strategy<Value = Expression> {
    let shapes = proptest::collection::vec(-0.3f32..1.6, Shape::COUNT);
    (shapes, -0.6f32..0.6, -0.6f32..0.6, -0.6f32..0.6).prop_map(|(values, yaw, pitch, roll)| {
        let mut expression = Expression::NEUTRAL;
        expression.shapes.copy_from_slice(&values);
        expression.head = HeadPose { yaw, pitch, roll };
        expression
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_expression_breaks_the_warp(expression in any_expression()) {
        rendered(&whole(), &expression);
    }

    /// A hundredth of a coefficient is a fraction of a pixel: nothing may jump. The made picture is harder than a face:
    /// its lips have nothing of the colour of the skin beside them.
    #[test]
    fn slow_ramps_never_jump(
        shape in proptest::sample::select(&Shape::ALL[..]),
        from in 0.0f32..0.95,
        others in proptest::collection::vec(0.0f32..0.4, Shape::COUNT),
    ) {
        let renderer = whole();
        let mut expression = Expression::NEUTRAL;
        expression.shapes.copy_from_slice(&others);
        expression.set(shape, from);
        let before = rendered(&renderer, &expression);
        expression.set(shape, from + 0.01);
        let change = largest_change(&before, &rendered(&renderer, &expression));
        prop_assert!(change <= 100, "{} from {from}: a pixel changed by {change} levels", shape.name());
    }
}

#[test]
fn a_view_that_moves_shows_what_a_renderer_made_for_it_shows() {
    let made_for = View { origin: [0.0, 0.0], scale: 1.7 };
    let renderer = renderer(made_for, (256, 256));
    let mut asked = Expression::NEUTRAL;
    asked.set(Shape::JawOpen, 0.6);
    asked.set(Shape::EyeBlinkLeft, 0.8);
    let difference = |view: View, size: (u32, u32)| {
        let mut direct = RgbImage::new(size.0, size.1);
        self::renderer(view, size).render(&asked, &mut direct).unwrap();
        let mut moved = RgbImage::from_pixel(size.0, size.1, image::Rgb([255, 0, 255]));
        renderer.render_in(view, &asked, &mut moved).unwrap();
        let differences = direct.iter().zip(moved.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)));
        differences.sum::<u64>() as f64 / direct.len() as f64
    };
    // At its own resolution and nearer nothing is lost, wherever it looks.
    assert!(difference(made_for, (256, 256)) < 0.01);
    assert!(difference(View { origin: [40.25, 31.5], scale: 2.3 }, (200, 120)) < 0.01);
    let nowhere = View { origin: [f64::NAN, 0.0], scale: 1.0 };
    assert!(renderer.render_in(nowhere, &asked, &mut RgbImage::new(8, 8)).is_err());
}
