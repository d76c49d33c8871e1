use std::path::Path;

use moue_storyboard::{Files, Storyboard};
use proptest::prelude::*;

use super::*;
use crate::scene::Scene;

/// One storyboard, and a portrait that is there.
struct Given(String);

impl Files for Given {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }

    fn check_portrait(&self, _: &Path) -> Result<(), String> {
        Ok(())
    }

    fn sound_seconds(&self, _: &Path) -> Result<f64, String> {
        Err("no sound".to_owned())
    }

    fn motion_seconds(&self, _: &Path) -> Result<f64, String> {
        Err("no motion".to_owned())
    }
}

/// The expression of a storyboard into which the entry was pasted, at the indentation given.
fn pasted(entry: &str, name: &str, indentation: usize) -> Result<Expression, String> {
    let indentation = " ".repeat(indentation);
    let text = format!(
        "moue: 1\ncast: {{ada: ada.png}}\nexpressions:\n{indentation}{entry}\n\
         shots: [{{blink: false, idle: false, beats: at 1s to {name}}}]\n"
    );
    let (storyboard, _) =
        Storyboard::read(Path::new("pasted.yaml"), &Given(text)).map_err(|wrong| wrong.to_string())?;
    let timeline = storyboard.timeline(0, |_| Err("no motion")).map_err(str::to_owned)?;
    Ok(timeline.sample(25).expression)
}

fn pose(values: &[(&'static str, f64)]) -> Pose {
    Pose::new(values.iter().copied()).unwrap()
}

#[test]
fn poses_are_written_as_people_write_them() {
    let smile = pose(&[("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8), ("jawOpen", 0.25), ("head_yaw", -8.0)]);
    assert_eq!(smile.yaml("found"), "found: {jawOpen: 0.25, mouthSmile: 0.8, head_yaw: -8}");
    let uneven = pose(&[("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.5), ("jawLeft", 0.1), ("jawRight", 0.1)]);
    assert_eq!(uneven.yaml("a"), "a: {jawRight: 0.1, jawLeft: 0.1, mouthSmileLeft: 0.8, mouthSmileRight: 0.5}");
    assert_eq!(pose(&[("jawOpen", 0.0), ("browInnerUp", -0.0)]).yaml("calm"), "calm: neutral");
    let whole = Pose::new(Scene::arkit().into_iter().map(|channel| (channel.name(), 0.125))).unwrap().yaml("all");
    assert!(whole.lines().count() > 3 && whole.lines().all(|line| line.chars().count() <= MAX_COLUMNS), "{whole}");
}

#[test]
fn values_stay_in_their_range_and_on_its_steps() {
    let values = [("jawOpen", 7.0), ("mouthPucker", -1.0), ("head_pitch", -99.0), ("browInnerUp", 0.12345)];
    assert_eq!(pose(&values).yaml("a"), "a: {jawOpen: 1, browInnerUp: 0.123, head_pitch: -30}");
    assert_eq!(Pose::new([("jawOpen", f64::NAN)]).unwrap(), Pose::default());
    assert_eq!(Pose::new([("jawOpen", 0.1), ("jawopen", 0.1)]), Err("jawopen"));
}

#[test]
fn names_of_expressions_are_those_of_storyboards() {
    for name in ["found", "_a1", "喜び", "smile", "AU12_variant"] {
        assert_eq!(check_name(name), Ok(()), "{name}");
        assert!(pasted(&pose(&[("jawOpen", 0.5)]).yaml(name), name, 2).is_ok(), "{name}");
    }
    let long = "a".repeat(61);
    for name in
        ["", "1a", "a b", "a-b", "a:b", "jawOpen", "mouthSmile", "eyelid", "rest", "hold", "true", "Null", &long]
    {
        assert!(check_name(name).is_err(), "{name}");
    }
}

proptest! {
    #[test]
    fn a_storyboard_shows_the_expression_that_was_tried(
        values in prop::collection::vec((0..55usize, -50.0..50.0f64, any::<bool>()), 0..40),
        indentation in 1..7usize,
    ) {
        let channels = Scene::arkit();
        let value = |(index, value, small): &(usize, f64, bool)| {
            let channel: Channel = channels[*index];
            (channel.name(), if *small { value.abs() / 50.0 } else { *value })
        };
        let pose = Pose::new(values.iter().map(value)).unwrap();
        let shown = pasted(&pose.yaml("found"), "found", indentation);
        prop_assert_eq!(shown, Ok(pose.expression()));
    }

    #[test]
    fn names_that_are_taken_are_names_in_storyboards(name in "[\\p{L}_0-9 .-]{1,8}|[a-z]{1,5}") {
        if check_name(&name).is_ok() {
            let shown = pasted(&format!("{name}: {{jawOpen: 0.5}}"), &name, 2);
            prop_assert!(shown.is_ok(), "{:?}", shown);
        }
    }
}
