//! Sounds and motions of a shot.

use moue_document::{Located, Report, Span};
use moue_timeline::Gains;

use super::load::{Loaded, file_error};
use crate::clock::{Clock, Ticks};
use crate::written::{MotionText, SoundText};
use crate::{Files, Motion, Sound};

/// A sound, with the time at which it ends.
pub(super) struct TimedSound {
    pub sound: Sound,
    pub ends: Ticks,
}

/// A motion whose end in the shot is not known before the shot's length is.
pub(super) struct TimedMotion {
    motion: Motion,
    at: Ticks,
    /// When the file has no more, or the storyboard wants no more.
    pub ends: Ticks,
    /// Whether the storyboard says when it ends.
    limited: bool,
    span: Span,
}

pub(super) fn sound(
    text: &SoundText,
    clock: Clock,
    loaded: &Loaded,
    files: &dyn Files,
    report: &mut Report,
) -> Option<TimedSound> {
    let path = loaded.path(&text.file);
    let seconds = match files.sound_seconds(&path) {
        Ok(seconds) => seconds,
        Err(message) => {
            file_error(report, &text.file, "sound", &message);
            return None;
        }
    };
    let at = clock.ticks(text.at.value);
    let from = clock.seconds(clock.ticks(text.from.value));
    if from >= seconds {
        let message = format!("the sound is over by then: it lasts {seconds:.3} s");
        report.error(text.from.span, message).hint("`from` is a time of the sound, `at` one of the shot");
        return None;
    }
    let ends = at + clock.ticks_of_seconds(seconds - from);
    Some(TimedSound { sound: Sound { path, at: clock.seconds(at), from, seconds: seconds - from }, ends })
}

pub(super) fn motion(
    text: &Located<MotionText>,
    clock: Clock,
    loaded: &Loaded,
    files: &dyn Files,
    report: &mut Report,
) -> Option<TimedMotion> {
    let (span, text) = (text.span, &text.value);
    let path = loaded.path(&text.file);
    let seconds = match files.motion_seconds(&path) {
        Ok(seconds) => seconds,
        Err(message) => {
            file_error(report, &text.file, "motion", &message);
            return None;
        }
    };
    let at = clock.ticks(text.at.value);
    let from = clock.seconds(clock.ticks(text.from.value));
    if from > seconds {
        let message = format!("the motion is over by then: it lasts {seconds:.3} s");
        report.error(text.from.span, message).hint("`from` is a time of the motion, `at` one of the shot");
        return None;
    }
    let available = clock.ticks_of_seconds((seconds - from) / text.speed);
    let length = match &text.length {
        Some(length) if clock.ticks(length.value) > available => {
            let message = format!("the motion has {} from there on, no more", clock.text(available));
            report.error(length.span, message).hint("use a shorter length, or leave it out");
            available
        }
        Some(length) => clock.ticks(length.value),
        None => available,
    };
    let motion = Motion {
        path,
        at: clock.frame(at),
        end: clock.frame(at + length),
        from,
        speed: text.speed,
        fade: clock.frames(clock.ticks(text.fade.value)),
        gains: text.gain.clone().map_or_else(Gains::default, |gains| gains.0),
    };
    Some(TimedMotion { motion, at, ends: at + length, limited: text.length.is_some(), span })
}

/// The motions of a shot of known length in the order of time; overlaps and motions beyond the shot are reported.
pub(super) fn placed(mut motions: Vec<TimedMotion>, length: Ticks, clock: Clock, report: &mut Report) -> Vec<Motion> {
    motions.sort_by_key(|motion| motion.at);
    let mut before: Option<(Ticks, Span)> = None;
    for motion in &motions {
        if let Some((ends, span)) = before.filter(|(ends, _)| motion.at < *ends) {
            let message = format!(
                "two motions at once: this one begins at {}, the other ends at {}",
                clock.text(motion.at),
                clock.text(ends)
            );
            report
                .error(motion.span, message)
                .label(span, "the other")
                .hint("give the other a `length`, or begin later");
        }
        if motion.at >= length {
            let message = format!(
                "the motion begins at {}, when the shot is over ({})",
                clock.text(motion.at),
                clock.text(length)
            );
            report.error(motion.span, message).hint("begin earlier, or make the shot longer");
        } else if motion.limited && motion.ends > length {
            let message = format!("the motion ends at {}, the shot at {}", clock.text(motion.ends), clock.text(length));
            report.error(motion.span, message).hint("leave its length out to end it with the shot");
        }
        before = Some((motion.ends.min(length), motion.span));
    }
    motions.into_iter().map(|timed| timed.motion).collect()
}
