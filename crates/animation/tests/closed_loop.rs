//! Does the rendered face do what was asked? The tracker that reads portraits reads the rendered frames.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so; the figures are printed"
)]

use std::path::Path;

use moue_animation::{
    ChannelFidelity, Fidelity, FidelityMeter, Framing, Layout, MeshInLayout, Portrait, Renderer, Size,
};
use moue_face::FaceTracker;
use moue_timeline::{Expression, Shape};

struct Loop {
    tracker: FaceTracker,
    portrait: Portrait,
    renderer: MeshInLayout,
}

impl Loop {
    fn new(framing: Framing) -> Loop {
        let tracker = FaceTracker::new().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/astronaut.png");
        let portrait = Portrait::load(&path, None, &tracker).unwrap();
        let size = Size::Pixels { width: 512, height: 512 };
        let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, framing, size).unwrap();
        let renderer = MeshInLayout::new(&portrait, layout).unwrap();
        Loop { tracker, portrait, renderer }
    }

    /// Renders the expressions and measures all of them.
    fn measure(&self, expressions: impl IntoIterator<Item = Expression>) -> Fidelity {
        let mut frame = self.renderer.new_frame();
        self.renderer.draw(&Expression::NEUTRAL, &mut frame).unwrap();
        let neutral = self.tracker.analyze(&frame).unwrap().into_iter().next().unwrap();
        let mut meter = FidelityMeter::new(1);
        for expression in expressions {
            self.renderer.draw(&expression, &mut frame).unwrap();
            meter.add(&expression, self.tracker.track(&frame, &neutral).unwrap().as_ref());
        }
        meter.result()
    }
}

/// Neutral, and `shapes` together from a tenth to all of their extent.
fn sweep(shapes: &[Shape]) -> Vec<Expression> {
    let values = [0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0];
    values
        .map(|value| {
            let mut expression = Expression::NEUTRAL;
            shapes.iter().for_each(|shape| expression.set(*shape, value));
            expression
        })
        .into()
}

fn channel(fidelity: &Fidelity, shape: Shape) -> &ChannelFidelity {
    assert_eq!(fidelity.frames_without_face, 0, "the tracker lost the face");
    fidelity.channels.iter().find(|channel| channel.name == shape.name()).unwrap()
}

/// Both sides of a shape at once, and what their correlation must reach.
const REQUIRED: [(&[Shape], f64); 11] = [
    (&[Shape::JawOpen], 0.95),
    (&[Shape::EyeBlinkLeft, Shape::EyeBlinkRight], 0.95),
    (&[Shape::MouthSmileLeft, Shape::MouthSmileRight], 0.95),
    (&[Shape::BrowInnerUp], 0.9),
    (&[Shape::BrowDownLeft, Shape::BrowDownRight], 0.9),
    (&[Shape::BrowOuterUpLeft, Shape::BrowOuterUpRight], 0.9),
    (&[Shape::MouthPucker], 0.9),
    (&[Shape::MouthFunnel], 0.9),
    (&[Shape::MouthFrownLeft, Shape::MouthFrownRight], 0.9),
    (&[Shape::MouthLeft], 0.9),
    (&[Shape::MouthRight], 0.9),
];

#[test]
fn the_tracker_sees_what_was_asked_for() {
    let closed = Loop::new(Framing::Head);
    let mut faults = Vec::new();
    for (shapes, required) in REQUIRED {
        let fidelity = closed.measure(sweep(shapes));
        for &shape in shapes {
            let found = channel(&fidelity, shape);
            let (correlation, slope) = (found.correlation.unwrap(), found.slope.unwrap());
            println!("{:<18} correlation {correlation:.3} slope {slope:.2}", shape.name());
            if correlation < required || !(0.55..=1.4).contains(&slope) {
                faults.push(format!("{}: correlation {correlation:.3}, slope {slope:.2}", shape.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Everything else that the tracker reacts to.
const VISIBLE: [&[Shape]; 14] = [
    &[Shape::EyeLookUpLeft, Shape::EyeLookUpRight],
    &[Shape::EyeLookDownLeft, Shape::EyeLookDownRight],
    &[Shape::EyeLookInLeft],
    &[Shape::EyeLookInRight],
    &[Shape::EyeLookOutLeft],
    &[Shape::EyeLookOutRight],
    &[Shape::EyeSquintLeft, Shape::EyeSquintRight],
    &[Shape::EyeWideLeft, Shape::EyeWideRight],
    &[Shape::MouthDimpleLeft, Shape::MouthDimpleRight],
    &[Shape::MouthLowerDownLeft, Shape::MouthLowerDownRight],
    &[Shape::MouthPressLeft, Shape::MouthPressRight],
    &[Shape::MouthShrugLower],
    &[Shape::MouthStretchLeft, Shape::MouthStretchRight],
    &[Shape::MouthUpperUpLeft, Shape::MouthUpperUpRight],
];

#[test]
fn more_is_never_read_as_less() {
    /// What the tracker's reading wavers by on its own.
    const WAVER: f64 = 0.05;
    let closed = Loop::new(Framing::Head);
    let mut faults = Vec::new();
    for shapes in REQUIRED.iter().map(|(shapes, _)| *shapes).chain(VISIBLE) {
        let readings = sweep(shapes).into_iter().map(|expression| closed.measure([expression]));
        let readings: Vec<Fidelity> = readings.collect();
        for &shape in shapes {
            let read: Vec<f64> = readings.iter().map(|fidelity| channel(fidelity, shape).measured[0]).collect();
            let rise = read[read.len() - 1] - read[0];
            println!("{:<18} {read:.2?}", shape.name());
            if rise < WAVER || read.windows(2).any(|pair| pair[1] < pair[0] - WAVER) {
                faults.push(format!("{}: {read:.2?}", shape.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn one_side_moves_without_the_other() {
    let closed = Loop::new(Framing::Head);
    for shape in [Shape::EyeBlinkLeft, Shape::EyeBlinkRight, Shape::MouthSmileLeft, Shape::BrowOuterUpRight] {
        let fidelity = closed.measure(sweep(&[shape]));
        let own = channel(&fidelity, shape);
        let other = channel(&fidelity, shape.mirrored());
        let rise = |channel: &ChannelFidelity| channel.measured[1] - channel.measured[0];
        assert!(own.correlation.unwrap() >= 0.9, "{own:?}");
        assert!(rise(own) > 0.3 && rise(own) > 1.3 * rise(other), "{}: {own:?} {other:?}", shape.name());
    }
}

#[test]
fn the_portraits_own_coefficients_give_the_portrait_back() {
    let closed = Loop::new(Framing::Whole);
    let mut frame = closed.renderer.new_frame();
    closed.renderer.draw(&closed.portrait.measured(), &mut frame).unwrap();
    assert_eq!(frame, closed.portrait.image, "512 x 512 is this portrait's own size");
}

#[test]
fn a_neutral_face_has_lost_the_portraits_smile() {
    let closed = Loop::new(Framing::Head);
    assert!(closed.portrait.measured().get(Shape::MouthSmileLeft) > 0.8, "the portrait smiles");
    let neutral = closed.measure([Expression::NEUTRAL]);
    for shape in [Shape::MouthSmileLeft, Shape::MouthSmileRight, Shape::MouthUpperUpLeft, Shape::JawOpen] {
        let found = channel(&neutral, shape).measured[1];
        assert!(found < 0.15, "{} still reads {found:.2}", shape.name());
    }
}
