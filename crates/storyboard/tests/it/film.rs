use moue_storyboard::{FilmFrame, Layer, Storyboard, TransitionKind};
use proptest::prelude::*;

use crate::given::{board, board_at};

fn film(storyboard: &Storyboard) -> Vec<FilmFrame> {
    (0..storyboard.frame_count()).map(|index| storyboard.film_frame(index).unwrap()).collect()
}

#[test]
fn transitions_change_what_is_seen_and_never_when() {
    let cuts = board("shots: [{length: 1s}, {length: 1s}, {length: 1s}]");
    let film_of_cuts = film(&cuts);
    assert_eq!(film_of_cuts.len(), 75);
    assert!(film_of_cuts.iter().all(|frame| frame.opacity == 1.0 && frame.below.is_none()));
    let storyboard = board(
        "shots: [{length: 1s, transition: fade 160ms}, {length: 1s, transition: fade 320ms}, {length: 1s, transition: dissolve 160ms}]\nend: fade 200ms",
    );
    let seen = film(&storyboard);
    assert_eq!(
        seen.iter().map(|frame| frame.front).collect::<Vec<_>>(),
        film_of_cuts.iter().map(|frame| frame.front).collect::<Vec<_>>()
    );
    let opacity = |range: std::ops::Range<usize>| seen[range].iter().map(|frame| frame.opacity).collect::<Vec<_>>();
    // From the background in four frames; out in four and in in four; over the second shot in four; out in five.
    assert_eq!(opacity(0..5), [0.125, 0.375, 0.625, 0.875, 1.0]);
    assert_eq!(opacity(20..30), [1.0, 0.875, 0.625, 0.375, 0.125, 0.125, 0.375, 0.625, 0.875, 1.0]);
    assert_eq!(opacity(49..55), [1.0, 0.125, 0.375, 0.625, 0.875, 1.0]);
    assert_eq!(opacity(69..75), [1.0, 0.9, 0.7, 0.5, 0.3, 0.1]);
    let below: Vec<Option<Layer>> = seen[49..55].iter().map(|frame| frame.below).collect();
    let under = |frame| Some(Layer { shot: 1, frame });
    assert_eq!(below, [None, under(25), under(26), under(27), under(28), None]);
    assert_eq!((storyboard.shots[1].tail, storyboard.shots[1].rendered_frames()), (4, 29));
    assert_eq!((storyboard.end.kind, storyboard.end.frames), (TransitionKind::Fade, 5));
    assert_eq!(storyboard.film_frame(75), None);
}

#[test]
fn there_is_a_panel_for_each_beat_in_which_something_happens() {
    let storyboard = board(
        "shots:\n- caption: one\n  dialogue: hello\n  beats: [hold 0.4s, then 1s to delight, {then: 1s, express: doubt*0.5, caption: two}]\n- {length: 2s, caption: still}\n- beats: [{at: 1s, caption: only words}]\n- beats: [to delight, at 0.5s also viseme_oh, {at: 1s, also: viseme_PP, dialogue: Oh!}, at 2s flash blink]\n",
    );
    let panels: Vec<_> = storyboard
        .panels()
        .into_iter()
        .map(|panel| (panel.shot, panel.number, panel.frame, panel.expression, panel.caption, panel.dialogue))
        .collect();
    assert_eq!(
        panels,
        [
            (0, 1, 35, Some("delight"), Some("one"), Some("hello")),
            (0, 2, 60, Some("doubt*0.5"), Some("two"), None),
            (1, 1, 25, None, Some("still"), None),
            (2, 1, 25, None, Some("only words"), None),
            (3, 1, 0, Some("delight"), None, None),
            (3, 2, 25, Some("viseme_PP"), None, Some("Oh!")),
            (3, 3, 50, Some("blink"), None, None),
        ]
    );
}

proptest! {
    /// Every frame of a film is there, and every frame of a shot that it shows is one that was rendered.
    #[test]
    fn films_have_no_holes(
        shots in prop::collection::vec((1200u32..4000, 0u32..3, 1u32..500), 1..12),
        fps in prop::sample::select(vec!["25", "30000/1001", "23.976", "12.5"]),
        draft in any::<bool>(),
    ) {
        let text: String = shots.iter().enumerate().map(|(index, (length, kind, time))| {
            let transition = match kind {
                1 => format!("fade {time}ms"),
                2 if index > 0 => format!("dissolve {time}ms"),
                _ => "cut".to_owned(),
            };
            format!("- {{length: {length}ms, transition: {transition}}}\n")
        }).collect();
        let rate = draft.then(|| "12".parse().unwrap());
        let storyboard = board_at(fps, rate, &format!("shots:\n{text}"));
        let exact: f64 = shots.iter().map(|(length, ..)| f64::from(*length) / 1000.0).sum::<f64>() * storyboard.output.rate.fps();
        prop_assert!((storyboard.frame_count() as f64 - exact).abs() <= 0.5 + 1e-6);
        let mut before = None;
        for index in 0..storyboard.frame_count() {
            let seen = storyboard.film_frame(index).unwrap();
            prop_assert!(seen.opacity > 0.0 && seen.opacity <= 1.0);
            for layer in [Some(seen.front), seen.below].into_iter().flatten() {
                prop_assert!(layer.frame < storyboard.shots[layer.shot].rendered_frames());
            }
            let next = match before {
                Some(Layer { shot, frame }) if frame + 1 < storyboard.shots[shot].frames => Layer { shot, frame: frame + 1 },
                Some(Layer { shot, .. }) => Layer { shot: shot + 1, frame: 0 },
                None => Layer { shot: 0, frame: 0 },
            };
            prop_assert_eq!(seen.front, next);
            before = Some(seen.front);
        }
    }
}
