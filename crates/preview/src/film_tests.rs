use std::thread;

use moue_timeline::{Expression, FlameExpression, Shape};

use super::*;
use crate::scene::Scene;

fn film() -> Film {
    Film::new(Scene::arkit(), Instant::now())
}

fn show(film: &Film, number: u64) {
    let mut expression = Expression::NEUTRAL;
    expression.set(Shape::JawOpen, number as f32 / 100.0);
    expression.head.yaw = 0.1;
    let shown = Shown { number, expression, flame: FlameExpression::NEUTRAL, rendered_at: Instant::now() };
    film.show(&Arc::new(RgbImage::from_pixel(16, 16, image::Rgb([number as u8; 3]))), &shown);
}

/// Encodes until `enough`, and gives the last frame.
fn encoded(film: &Film, enough: impl Fn(&Encoded) -> bool) -> Arc<Encoded> {
    let mut frames = film.subscribe();
    thread::scope(|scope| {
        scope.spawn(|| film.encode());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let enough = |frame: &Option<Arc<Encoded>>| frame.as_deref().is_some_and(&enough);
        let frame = runtime.block_on(frames.wait_for(enough)).unwrap().clone().unwrap();
        film.end();
        frame
    })
}

#[test]
fn the_newest_frame_is_encoded_and_the_others_are_counted() {
    let film = film();
    film.change_audience(|pages, watching| (*pages, *watching) = (1, 1));
    for number in 0..5 {
        show(&film, number);
    }
    let frame = encoded(&film, |_| true);
    assert_eq!(frame.sequence, 5);
    let picture = image::load_from_memory(frame.jpeg.as_ref().unwrap()).unwrap().to_rgb8();
    assert_eq!((picture.dimensions(), picture.get_pixel(3, 3).0), ((16, 16), [4; 3]));
    let counts = film.counts();
    assert_eq!((counts.shown, counts.encoded, counts.dropped), (5, 1, 4));
}

#[test]
fn nothing_is_encoded_where_nobody_looks() {
    let film = film();
    for number in 0..5 {
        show(&film, number);
    }
    // One page that shows something else: it has the curves alone.
    film.change_audience(|pages, _| *pages = 1);
    let frame = encoded(&film, |_| true);
    assert!(frame.sequence == 5 && frame.jpeg.is_none());
    let counts = film.counts();
    assert_eq!((counts.shown, counts.encoded, counts.dropped), (5, 0, 0));
}

#[test]
fn a_page_that_comes_late_gets_the_last_frame() {
    let film = film();
    film.change_audience(|pages, _| *pages = 1);
    show(&film, 7);
    thread::scope(|scope| {
        scope.spawn(|| film.encode());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut frames = film.subscribe();
        runtime.block_on(frames.wait_for(Option::is_some)).unwrap();
        film.change_audience(|_, watching| *watching = 1);
        let pictured = |frame: &Option<Arc<Encoded>>| frame.as_ref().is_some_and(|frame| frame.jpeg.is_some());
        let frame = runtime.block_on(frames.wait_for(pictured)).unwrap().clone().unwrap();
        assert_eq!(frame.sequence, 1);
        film.end();
    });
}

#[test]
fn coefficients_are_kept_for_frames_that_were_left_out() {
    let film = film();
    let numbers = |after, up_to| film.rows(after, up_to).iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(0, 0), [0; 0]);
    (0..5).for_each(|number| show(&film, number));
    assert_eq!(numbers(0, 5), [0, 1, 2, 3, 4]);
    assert_eq!(numbers(2, 4), [2, 3]);
    assert_eq!(numbers(5, 5), [0; 0]);
    let row = &film.rows(4, 5)[0];
    assert_eq!(row.values[Shape::JawOpen.index()], 0.04);
    assert!((row.values[52] - 0.1f32.to_degrees()).abs() < 1e-5, "the head's angles are in degrees");
    (5..500).for_each(|number| show(&film, number));
    assert_eq!(numbers(1, 500), (200..500).collect::<Vec<_>>());
    assert_eq!(numbers(1, 210), (200..210).collect::<Vec<_>>());
    assert_eq!(numbers(1, 100), [0; 0]);
}
