//! Flow against frames: what the renderer draws must be where the flow says it was.

use glam::{Mat3, Vec2};
use image::RgbImage;
use moue_timeline::{Expression, HeadPose, Shape};

use super::*;
use crate::fit::tests::canonical_landmarks;
use crate::{MeshError, MeshRenderer, View};

const SIDE: u32 = 220;
const WHOLE: View = View { origin: [0.0, 0.0], scale: 1.0 };

fn renderer() -> MeshRenderer {
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let wave = |a: f32, b: f32| ((x as f32 * a + y as f32 * b).sin() * 55.0 + 140.0) as u8;
        image::Rgb([wave(0.21, 0.05), wave(0.07, -0.19), wave(-0.04, 0.23)])
    });
    let landmarks = canonical_landmarks(Mat3::from_rotation_y(0.1), 7.0, Vec2::new(110.0, 100.0));
    MeshRenderer::new(&picture, &landmarks, &[0.0; Shape::COUNT], WHOLE, (SIDE, SIDE)).unwrap()
}

fn with(shapes: &[(Shape, f32)]) -> Expression {
    let mut expression = Expression::NEUTRAL;
    for &(shape, value) in shapes {
        expression.set(shape, value);
    }
    expression
}

fn smile() -> Expression {
    let mut smile = with(&[
        (Shape::MouthSmileLeft, 0.9),
        (Shape::MouthSmileRight, 0.7),
        (Shape::BrowInnerUp, 0.8),
        (Shape::CheekPuff, 0.5),
    ]);
    smile.head = HeadPose { yaw: 0.1, pitch: -0.05, roll: 0.1 };
    smile
}

fn drawn(renderer: &MeshRenderer, expression: &Expression) -> RgbImage {
    let mut frame = RgbImage::new(SIDE, SIDE);
    renderer.render(expression, &mut frame).unwrap();
    frame
}

fn sampled(frame: &RgbImage, [x, y]: [f32; 2]) -> [f32; 3] {
    let (x, y) = ((x - 0.5).clamp(0.0, SIDE as f32 - 1.001), (y - 0.5).clamp(0.0, SIDE as f32 - 1.001));
    let (column, row, fx, fy) = (x as u32, y as u32, x.fract(), y.fract());
    let at = |dx, dy| frame.get_pixel(column + dx, row + dy).0.map(f32::from);
    let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
    std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
}

/// Mean absolute difference in levels between the target and the source along `sources`, where it is visible.
fn error(source: &RgbImage, target: &RgbImage, flow: &Flow, sources: &[[f32; 2]]) -> f32 {
    let (mut sum, mut count) = (0.0, 0);
    for (i, pixel) in target.pixels().enumerate().filter(|(i, _)| flow.visible()[*i]) {
        let found = sampled(source, sources[i]);
        sum += (0..3).map(|c| (found[c] - f32::from(pixel.0[c])).abs()).sum::<f32>() / 3.0;
        count += 1;
    }
    sum / count as f32
}

#[test]
fn frames_are_where_the_flow_says() {
    let renderer = renderer();
    let (from, to) = (with(&[(Shape::JawOpen, 0.2), (Shape::EyeBlinkLeft, 0.3)]), smile());
    for (from, to) in [(&from, &to), (&to, &from), (&Expression::NEUTRAL, &to)] {
        let flow = renderer.flow(from, to, WHOLE, (SIDE, SIDE)).unwrap();
        let (source, target) = (drawn(&renderer, from), drawn(&renderer, to));
        let carried = error(&source, &target, &flow, flow.sources());
        let unmoved = error(&source, &target, &flow, Flow::still((SIDE, SIDE)).sources());
        assert!(carried < 1.0 && carried * 8.0 < unmoved, "{carried} levels along the flow, {unmoved} without");
    }
}

#[test]
fn equal_expressions_have_no_flow_and_nothing_moves_outside_the_influence() {
    let renderer = renderer();
    let still = Flow::still((SIDE, SIDE));
    assert_eq!(renderer.flow(&smile(), &smile(), WHOLE, (SIDE, SIDE)).unwrap(), still);
    assert_eq!(still.largest(), 0.0);
    let flow = renderer.flow(&Expression::NEUTRAL, &smile(), WHOLE, (SIDE, SIDE)).unwrap();
    assert!(flow.largest() > 4.0, "{}", flow.largest());
    let [left, top, right, bottom] = renderer.influence();
    for y in 0..SIDE {
        for x in (0..SIDE).filter(|x| !((left..right).contains(x) && (top..bottom).contains(&y))) {
            let i = (y * SIDE + x) as usize;
            assert_eq!(flow.sources()[i], still.sources()[i]);
        }
    }
}

#[test]
fn what_lips_covered_is_not_visible_and_what_was_seen_is() {
    let renderer = renderer();
    let (shut, open) = (Expression::NEUTRAL, with(&[(Shape::JawOpen, 0.9)]));
    let opens = renderer.flow(&shut, &open, WHOLE, (SIDE, SIDE)).unwrap();
    let hidden = opens.visible().iter().filter(|visible| !**visible).count();
    let stays = renderer.flow(&open, &with(&[(Shape::JawOpen, 0.85)]), WHOLE, (SIDE, SIDE)).unwrap();
    let lost = stays.visible().iter().filter(|visible| !**visible).count();
    assert!(hidden > 250, "{hidden} pixels of an open mouth were behind lips");
    assert!(lost * 5 < hidden, "{lost} pixels lost by a mouth that stays open, {hidden} by one that opens");
}

#[test]
fn there_and_back_is_where_one_was() {
    let renderer = renderer();
    let (a, b) = (with(&[(Shape::EyeLookInLeft, 0.6), (Shape::EyeLookOutRight, 0.6)]), smile());
    let (forth, back) =
        (renderer.flow(&a, &b, WHOLE, (SIDE, SIDE)).unwrap(), renderer.flow(&b, &a, WHOLE, (SIDE, SIDE)).unwrap());
    let (mut far, mut all) = (0, 0);
    for (i, at) in forth.sources().iter().enumerate().filter(|(i, _)| forth.visible()[*i]) {
        let returned = back.sources()[at[1] as usize * SIDE as usize + at[0] as usize];
        let (x, y) = ((i as u32 % SIDE) as f32 + 0.5, (i as u32 / SIDE) as f32 + 0.5);
        all += 1;
        far += usize::from((returned[0] - x).hypot(returned[1] - y) > 2.5);
    }
    assert!(all > 40_000 && far * 200 < all, "{far} of {all} do not return");
}

#[test]
fn a_smaller_view_has_the_same_flow_in_its_own_pixels() {
    let renderer = renderer();
    let fine = renderer.flow(&Expression::NEUTRAL, &smile(), WHOLE, (SIDE, SIDE)).unwrap();
    let half = View { origin: [0.0, 0.0], scale: 0.5 };
    let coarse = renderer.flow(&Expression::NEUTRAL, &smile(), half, (SIDE / 2, SIDE / 2)).unwrap();
    let mut errors = Vec::new();
    for (i, at) in coarse.sources().iter().enumerate() {
        let (x, y) = (i as u32 % (SIDE / 2), i as u32 / (SIDE / 2));
        // The corner that four fine pixels share is the centre of the coarse one.
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| ((2 * y + dy) * SIDE + 2 * x + dx) as usize);
        let mean = |axis: usize| four.iter().map(|&i| fine.sources()[i][axis]).sum::<f32>() / 4.0;
        errors.push((mean(0) / 2.0 - at[0]).hypot(mean(1) / 2.0 - at[1]));
    }
    errors.sort_by(f32::total_cmp);
    // But for the edges of lips and lids.
    assert!(errors[errors.len() * 99 / 100] < 0.1, "{}", errors[errors.len() * 99 / 100]);
}

#[test]
fn impossible_views_are_refused() {
    let nowhere = View { origin: [0.0, 0.0], scale: 0.0 };
    let flow = renderer().flow(&Expression::NEUTRAL, &smile(), nowhere, (8, 8));
    assert!(matches!(flow, Err(MeshError::Size { .. })));
}
