//! How shots follow each other.

use moue_document::{Located, Report, Span};

use crate::clock::{Clock, Ticks};
use crate::written::TransitionText;
use crate::{Shot, Transition, TransitionKind};

/// What is known of a shot when transitions are checked.
pub(super) struct Joint {
    pub transition: Located<TransitionText>,
    pub length: Ticks,
    /// Where the shot is written.
    pub span: Span,
}

pub(super) fn transition(text: TransitionText, clock: Clock) -> Transition {
    Transition { kind: text.kind, frames: clock.frame(clock.ticks(text.length)) }
}

/// The time at a shot's start that its transition takes, and the time at the end of the shot before.
fn shares(transition: TransitionText, clock: Clock, first: bool) -> (Ticks, Ticks) {
    let length = clock.ticks(transition.length);
    match transition.kind {
        TransitionKind::Cut => (Ticks(0), Ticks(0)),
        TransitionKind::Fade if !first => (Ticks(length.0.div_ceil(2)), Ticks(length.0 / 2)),
        // The shot before goes on below a dissolve for longer than its own length.
        TransitionKind::Fade | TransitionKind::Dissolve => (length, Ticks(0)),
    }
}

/// Reports transitions that are longer than their shots, and lengthens shots that are dissolved over.
pub(super) fn check(
    joints: &[Joint],
    end: &Located<TransitionText>,
    shots: &mut [Shot],
    clock: Clock,
    report: &mut Report,
) {
    if let Some(joint) = joints.first().filter(|joint| joint.transition.value.kind == TransitionKind::Dissolve) {
        let error = report.error(joint.transition.span, "there is no shot before the first one to dissolve from");
        error.label(joint.span, "the first shot").hint("`fade 1s` comes from the background");
    }
    if end.value.kind == TransitionKind::Dissolve {
        let error = report.error(end.span, "there is no shot after the last one to dissolve to");
        error.hint("`fade 1s` goes to the background");
    }
    for (index, joint) in joints.iter().enumerate() {
        let (begins, _) = shares(joint.transition.value, clock, index == 0);
        let next = joints.get(index + 1);
        let (ends, next_span) = match next {
            Some(next) => (shares(next.transition.value, clock, false).1, next.transition.span),
            None => (clock.ticks(end.value.length), end.span),
        };
        if begins > joint.length || begins + ends > joint.length {
            let (message, place) = if begins > joint.length {
                (
                    format!("the transition takes longer than the shot, {}", clock.text(joint.length)),
                    joint.transition.span,
                )
            } else {
                let both = clock.text(begins + ends);
                (format!("transitions take {both} of a shot of {}", clock.text(joint.length)), next_span)
            };
            // What defaults say stands far from the shot that it does not fit.
            report
                .error(place, message)
                .label(joint.span, "the shot")
                .hint("use shorter transitions, or a longer shot");
        }
        if let Some(next) = next.filter(|next| next.transition.value.kind == TransitionKind::Dissolve) {
            shots[index].tail = transition(next.transition.value, clock).frames;
        }
    }
}
