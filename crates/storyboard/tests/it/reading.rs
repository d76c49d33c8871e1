use moue_storyboard::{OutputSize, Region, Renderer, Scheduler, Storyboard, TransitionKind};
use moue_timeline::Channel;
use proptest::prelude::*;

use crate::given::{board, including, whole};

fn value(storyboard: &Storyboard, shot: usize, beat: usize, channel: &str) -> f64 {
    let action = storyboard.shots[shot].beats[beat].action.as_ref().unwrap();
    action.pose.get(Channel::from_name(channel).unwrap())
}

#[test]
fn a_line_and_a_mapping_mean_the_same() {
    let line = board(
        "shots: [{beats: ['at 1.2s to delight*0.5, hold 1s', 'then 400ms flash blink over 80ms ease hold', hold 1s]}]",
    );
    let mapping = board(
        "shots:\n- beats:\n  - {at: 1.2s, express: delight*0.5, hold: 1s}\n  - {then: 400ms, flash: blink, over: 80ms, ease: hold}\n  - {hold: 1s}\n",
    );
    assert_eq!(line.shots, mapping.shots);
    assert_eq!(line.shots[0].frames, 25 * 36 / 10);
}

#[test]
fn formulas_calculate() {
    let storyboard = board(
        "expressions:\n  half: {mouthSmile: 0.5, head_yaw: 10}\n  more: half*2 + jawOpen*0.1 - 0.5*mirror(half)\n  deep: -(more - more) + (half)\nshots:\n- beats: [at 1s to more, at 2s to deep, at 3s to -2*head_pitch]\n",
    );
    assert!((value(&storyboard, 0, 0, "mouthSmileLeft") - 0.75).abs() < 1e-12);
    assert!((value(&storyboard, 0, 0, "head_yaw") - 25f64.to_radians()).abs() < 1e-12);
    assert!((value(&storyboard, 0, 0, "jawOpen") - 0.1).abs() < 1e-12);
    assert!((value(&storyboard, 0, 1, "mouthSmileRight") - 0.5).abs() < 1e-12);
    assert!((value(&storyboard, 0, 2, "head_pitch") + 2f64.to_radians()).abs() < 1e-12);
    assert_eq!(storyboard.shots[0].beats[0].action.as_ref().unwrap().text, "more");
}

#[test]
fn defaults_cascade_and_shots_say_otherwise() {
    let storyboard = whole(
        "moue: 1\noutput: {size: 640x360, renderer: diffusion, seed: 5, diffusion: {steps: 20, guidance: 2}, background: \"#102030\"}\n\
         cast:\n  ada: a.png\n  bo: {portrait: b.png, seed: 6, relative: true, diffusion: {steps: 9, scheduler: lcm}, face: 2}\n\
         defaults: {character: ada, length: 2s, transition: dissolve 0.2s, ease: ease-out}\nshots:\n- {}\n- {character: bo, length: 1s, transition: cut}\n- {ease: {mouth: hold}, beats: at 1s to delight}\n",
        None,
    )
    .unwrap()
    .0;
    let output = storyboard.output;
    assert_eq!(output.size, OutputSize::Pixels { width: 640, height: 360 });
    assert_eq!((output.renderer, output.background, output.rate.fps()), (Renderer::Diffusion, [16, 32, 48], 25.0));
    let [ada, bo] = [0, 1].map(|index| storyboard.cast[index].clone());
    assert_eq!((ada.rendering.seed, ada.rendering.relative, ada.rendering.diffusion.steps), (5, false, Some(20)));
    assert_eq!((bo.rendering.seed, bo.rendering.relative, bo.face), (6, true, Some(2)));
    let diffusion = bo.rendering.diffusion;
    assert_eq!((diffusion.steps, diffusion.guidance, diffusion.scheduler), (Some(9), Some(2.0), Some(Scheduler::Lcm)));
    assert_eq!(storyboard.shots.iter().map(|shot| shot.frames).collect::<Vec<_>>(), [50, 25, 50]);
    // The first shot follows nothing, so what is said of all shots is not for it.
    assert_eq!(
        storyboard.shots.iter().map(|shot| shot.transition.kind).collect::<Vec<_>>(),
        [TransitionKind::Cut, TransitionKind::Cut, TransitionKind::Dissolve]
    );
    assert_eq!(storyboard.shots[0].framing.from.region, Region::Face);
    let ease = &storyboard.shots[2].beats[0].action.as_ref().unwrap().ease;
    assert_eq!(
        (ease.all.to_string(), ease.of(Channel::from_name("mouthClose").unwrap()).to_string()),
        ("ease-out".to_owned(), "hold".to_owned())
    );
}

#[test]
fn a_shot_is_as_long_as_what_is_in_it() {
    let frames = |shot: &str| board(&format!("shots: [{{{shot}}}]")).shots[0].frames;
    assert_eq!(frames("caption: nothing"), 75);
    assert_eq!(frames("beats: at 1s to delight"), 50);
    assert_eq!(frames("beats: 'at 1s to delight, hold 0.2s'"), 30);
    assert_eq!(frames("sound: a-3.2s.wav"), 80);
    assert_eq!(frames("sound: {file: a-3.2s.wav, at: 1s, from: 0.2s}"), 100);
    assert_eq!(frames("motion: a-3s.csv, beats: at 1s to delight"), 75);
    assert_eq!(frames("motion: {file: a-3s.csv, speed: 2, at: 1s, from: 1s}"), 50);
    assert_eq!(frames("motion: {file: a-9s.csv, length: 2s}"), 50);
    assert_eq!(frames("length: sound, sound: a-2s.wav, motion: a-9s.csv"), 50);
    assert_eq!(frames("length: motion, sound: a-2s.wav, motion: a-3s.csv"), 75);
    assert_eq!(frames("beats: at 1s flash blink"), 50);
    assert_eq!(frames("beats: 'at 1s flash blink, hold 0s'"), 30);
}

#[test]
fn sounds_are_where_they_are_asked_for() {
    let storyboard = board("shots: [{sound: {file: a-3.2s.wav, at: 10f, from: 0.5s}, length: sound}]");
    let sound = storyboard.shots[0].sound.as_ref().unwrap();
    assert_eq!((sound.at, sound.from, sound.seconds, sound.path.to_str()), (0.4, 0.5, 2.7, Some("a-3.2s.wav")));
}

#[test]
fn libraries_are_included_from_where_they_lie() {
    let (storyboard, warnings) = including(&[
        ("film/board.yaml", "moue: 1\ninclude: [../common/cast.yaml]\nexpressions: {odd: doubt*0.5}\nshots: [{character: ada, beats: at 1s to glee}, {character: bo, beats: at 1s to odd}]\n"),
        ("film/../common/cast.yaml", "moue: 1\ninclude: [more/expressions.yaml, ./cast.yaml]\ncast: {ada: ada.png, bo: bo.png, cy: cy.png}\n"),
        ("film/../common/more/expressions.yaml", "moue: 1\nexpressions: {glee: delight*1.2, odd: happiness}\n"),
    ])
    .unwrap_or_else(|wrong| panic!("{wrong}"));
    // Members of a shared cast need not be in every film.
    assert!(warnings.is_empty(), "{warnings}");
    let path = |file: &std::path::PathBuf| file.to_string_lossy().replace('\\', "/");
    assert_eq!(
        storyboard.cast.iter().map(|one| path(&one.portrait)).collect::<Vec<_>>(),
        ["film/../common/ada.png", "film/../common/bo.png", "film/../common/cy.png"]
    );
    assert_eq!(storyboard.files.len(), 3);
    // The storyboard's own expression counts, not the included one of its name.
    assert_eq!(value(&storyboard, 1, 0, "mouthSmileLeft"), 0.0);
}

#[test]
fn anchors_and_merge_keys_repeat_what_is_said_once() {
    let storyboard = board(
        "x-parts:\n- &wide {framing: whole, length: 1s}\n- &beats [at 0.2s to smile, at 0.5s to neutral]\nshots:\n- {<<: *wide, beats: *beats}\n- {<<: *wide, length: 2s, beats: *beats}\n",
    );
    assert_eq!(storyboard.shots[0].beats, storyboard.shots[1].beats);
    assert_eq!((storyboard.shots[0].frames, storyboard.shots[1].frames), (25, 50));
}

#[test]
fn every_time_is_read() {
    let storyboard = board(
        "shots: [{beats: [at 0.5 to smile, at 800ms to smile*0.5, at 30f to smile, at 00:02.5 to neutral, at 00:01:02.5 to smile]}]",
    );
    assert_eq!(storyboard.shots[0].beats.iter().map(|beat| beat.at).collect::<Vec<_>>(), [13, 20, 30, 63, 1563]);
}

proptest! {
    /// Whatever becomes of a storyboard, it is read or everything that is wrong is told; never a panic.
    #[test]
    fn any_storyboard_is_survived(
        which in 0usize..5,
        edits in prop::collection::vec((0.0..1.0f64, 0usize..30, prop::sample::select(PIECES.to_vec())), 1..6),
    ) {
        let names = ["hello", "interview", "six-emotions", "dialogue", "driven"];
        let path = format!("{}/../../examples/storyboards/{}.yaml", env!("CARGO_MANIFEST_DIR"), names[which]);
        let mut text: Vec<char> = std::fs::read_to_string(path).unwrap().chars().collect();
        for (place, cut, piece) in edits {
            let start = (place * text.len() as f64) as usize;
            let end = (start + cut).min(text.len());
            text.splice(start..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        match whole(&text, None) {
            Ok((storyboard, _)) => {
                for shot in 0..storyboard.shots.len() {
                    let _ = storyboard.key(shot);
                    if let Ok(timeline) = storyboard.timeline(shot, |_| Err::<std::sync::Arc<moue_timeline::Track>, ()>(())) {
                        let face = timeline.sample(storyboard.shots[shot].frames);
                        prop_assert!(face.expression.shapes.iter().all(|value| value.is_finite()));
                    }
                }
                let _ = storyboard.film_frame(storyboard.frame_count() / 2);
            }
            Err(wrong) => prop_assert!(wrong.has_errors() && wrong.to_string().contains(": error: ")),
        }
    }
}

const PIECES: [&str; 28] = [
    "", "\n", " ", "  ", "\t", ":", ": ", "- ", ",", "{", "}", "[", "]", "\"", "#", "*", "&a ", "*a", "0", "-1", "1e9",
    "99999f", "at 1s", "to", "mirror(", "漢字", "🙂", "<<: ",
];
