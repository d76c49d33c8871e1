//! The board itself: one panel for each beat.

use crate::{ActionKind, Beat, Shot, Storyboard};

/// A picture of the board, with what is written below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel<'a> {
    /// Index of the shot.
    pub shot: usize,
    /// The panel's number in its shot, from 1.
    pub number: usize,
    /// The shot's frame that is shown.
    pub frame: u64,
    /// What the face does, as it is written; none where no beat says it.
    pub expression: Option<&'a str>,
    /// What happens.
    pub caption: Option<&'a str>,
    /// What is said.
    pub dialogue: Option<&'a str>,
}

impl Storyboard {
    /// The panels: one for each beat in which something is expressed or said, and one for a shot without such beats, at
    /// its middle. Beats of `also` alone, lips that speak and heads that turn, have none unless something is written
    /// about them. What is written about the shot stands below its first panel.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        let panels = self.shots.iter().enumerate().flat_map(|(index, shot)| shot_panels(index, shot));
        panels.collect()
    }
}

/// Whether a beat has a panel.
fn is_shown(beat: &Beat) -> bool {
    let expresses = beat.action.as_ref().is_some_and(|action| action.kind != ActionKind::Also);
    expresses || beat.caption.is_some() || beat.dialogue.is_some()
}

fn shot_panels(index: usize, shot: &Shot) -> Vec<Panel<'_>> {
    let last = shot.frames.saturating_sub(1);
    let mut panels: Vec<Panel> = (shot.beats.iter().filter(|beat| is_shown(beat)))
        .map(|beat| Panel {
            shot: index,
            number: 0,
            frame: beat.at.min(last),
            expression: beat.action.as_ref().map(|action| action.text.as_str()),
            caption: beat.caption.as_deref(),
            dialogue: beat.dialogue.as_deref(),
        })
        .collect();
    if panels.is_empty() {
        let frame = shot.frames / 2;
        panels.push(Panel { shot: index, number: 0, frame, expression: None, caption: None, dialogue: None });
    }
    if let Some(first) = panels.first_mut() {
        first.caption = first.caption.or(shot.caption.as_deref());
        first.dialogue = first.dialogue.or(shot.dialogue.as_deref());
    }
    for (index, panel) in panels.iter_mut().enumerate() {
        panel.number = index + 1;
    }
    panels
}
