//! Beats get their times.

use moue_document::{Located, Report, Span, Tried};
use moue_timeline::{Channel, FlameChannel};

use super::{ease, expressions::Library, shortened};
use crate::clock::{Clock, Ticks};
use crate::sample::FLASH_FALL;
use crate::written::{BeatText, EaseText, Time};
use crate::{Action, ActionKind, Beat, Pose};

/// How long a flash rises unless told.
const FLASH_RISE: Time = Time::from_millis(100);
/// How long a shot without a length goes on after its last beat, unless that beat has a hold.
const AFTER_LAST: Time = Time::from_millis(1000);

/// The beats of a shot, with the times that its length is about.
pub(super) struct TimedBeats {
    pub beats: Vec<Beat>,
    /// When everything has happened.
    pub ends: Ticks,
    /// When each beat that could be read is reached, and where it is written.
    pub arrivals: Vec<(Ticks, Span)>,
}

/// What beats of one kind leave to the next: when the last one ends, the frame it is on, and where it is written.
#[derive(Clone, Copy)]
struct Last {
    ends: Ticks,
    frame: u64,
    span: Span,
}

pub(super) struct Timing<'a> {
    clock: Clock,
    /// The shot's own `over`, and its easings, least important first.
    over: Option<Time>,
    ease: Vec<&'a EaseText>,
    rest: &'a Pose,
    /// The end of the beat before, which `then` counts from.
    cursor: Ticks,
    before: Option<(Ticks, Span)>,
    express: Option<Last>,
    also: Vec<(Channel, Last)>,
}

impl<'a> Timing<'a> {
    pub(super) fn new(clock: Clock, over: Option<Time>, ease: Vec<&'a EaseText>, rest: &'a Pose) -> Self {
        let cursor = Ticks::default();
        Self { clock, over, ease, rest, cursor, before: None, express: None, also: Vec::new() }
    }

    pub(super) fn resolve(
        mut self,
        texts: &'a [Located<BeatText>],
        library: &mut Library,
        report: &mut Report,
    ) -> TimedBeats {
        let mut timed = TimedBeats { beats: Vec::new(), ends: Ticks::default(), arrivals: Vec::new() };
        let mut last_hold = true;
        for text in texts {
            let Some(arrival) = self.arrival(text, report) else { continue };
            let hold = text.value.hold.map_or(Ticks::default(), |hold| self.clock.ticks(hold.value));
            let ends = arrival + hold;
            let action = self.action(text, arrival, ends, library, report);
            let falls = match &action {
                Some((Action { kind: ActionKind::Flash, .. }, over)) => Ticks(over.0 * u128::from(FLASH_FALL)),
                _ => Ticks::default(),
            };
            timed.ends = timed.ends.max(ends + falls);
            last_hold = text.value.hold.is_some();
            self.cursor = ends;
            timed.arrivals.push((arrival, text.span));
            timed.beats.push(Beat {
                at: self.clock.frame(arrival),
                end: self.clock.frame(ends),
                action: action.map(|(action, _)| action),
                caption: text.value.caption.clone(),
                dialogue: text.value.dialogue.clone(),
            });
        }
        if !last_hold {
            timed.ends = timed.ends.max(self.cursor + self.clock.ticks(AFTER_LAST));
        }
        timed
    }

    /// When a beat is reached.
    fn arrival(&mut self, Located { value: text, span }: &Located<BeatText>, report: &mut Report) -> Option<Ticks> {
        let first = self.before.is_none();
        let acts = text.express.is_there() || text.also.is_there() || text.flash.is_there();
        let arrival = match (&text.at, &text.then) {
            // What cannot be read has no place among the others.
            (Tried::Wrong(_), _) | (_, Tried::Wrong(_)) => return None,
            (Tried::Value(_), Tried::Value(then)) => {
                report.error(then.span, "`at` and `then` both say when").hint("keep one of them");
                return None;
            }
            (Tried::Value(at), Tried::Absent) => self.clock.ticks(at.value),
            (Tried::Absent, Tried::Value(then)) => self.cursor + self.clock.ticks(then.value),
            (Tried::Absent, Tried::Absent) if first || !acts => self.cursor,
            (Tried::Absent, Tried::Absent) => {
                let error = report.error(*span, "this beat does not say when");
                error.hint("`then: 0.4s` counts from the beat before, `at: 2s` from the start of the shot");
                return None;
            }
        };
        if let Some((before, other)) = self.before.filter(|(before, _)| arrival < *before) {
            let (found, before) = (self.clock.text(arrival), self.clock.text(before));
            let place = text.at.value().map_or(*span, |at| at.span);
            let error = report.error(place, format!("beats are out of order: {found} comes after {before}"));
            error.label(other, "the beat before").hint("write beats in the order of time");
            return None;
        }
        self.before = Some((arrival, *span));
        Some(arrival)
    }

    /// What the face does, and how long the change takes.
    fn action(
        &mut self,
        Located { value: text, span }: &'a Located<BeatText>,
        arrival: Ticks,
        ends: Ticks,
        library: &mut Library,
        report: &mut Report,
    ) -> Option<(Action, Ticks)> {
        let kinds =
            [(ActionKind::Express, &text.express), (ActionKind::Also, &text.also), (ActionKind::Flash, &text.flash)];
        let mut said = kinds.iter().filter_map(|(kind, pose)| pose.value().map(|pose| (*kind, pose)));
        let Some((kind, written)) = said.next() else {
            if let Some(over) = text.over.filter(|_| kinds.iter().all(|(_, pose)| !pose.is_there())) {
                report
                    .error(over.span, "this beat has nothing that could take time")
                    .hint("say what the face does, with `express`");
            }
            return None;
        };
        if let Some((_, second)) = said.next() {
            let error = report.error(second.span, "a beat does one thing: `express`, `also` or `flash`");
            error.label(written.span, "the first").hint("write two beats with the same `at`");
        }
        let pose = library.pose(written, Some(self.rest), report).unwrap_or_default();
        let over = self.over(text, kind, arrival, report)?;
        let start = match kind {
            ActionKind::Flash => self.clock.frame(arrival) as i64 - self.clock.frame(over) as i64,
            _ => {
                let last = self.last(kind, &pose);
                let start = Ticks(arrival.0 - over.0);
                let start = self.begin(text, *span, kind, (arrival, start), last, report)?;
                self.remember(
                    kind,
                    &pose,
                    Last { ends, frame: self.clock.at_board_rate().frame(arrival), span: *span },
                );
                self.clock.frame(start) as i64
            }
        };
        let ease = ease::ease(self.ease.iter().copied().chain(&text.ease));
        let text = shortened(&written.value.text());
        Some((Action { kind, pose, text, start, ease }, over))
    }

    /// How long the change takes: for expressions, at most all of the time since the shot's start.
    fn over(&self, text: &BeatText, kind: ActionKind, arrival: Ticks, report: &mut Report) -> Option<Ticks> {
        let own = text.over.map(|over| (self.clock.ticks(over.value), over.span));
        match (kind, own) {
            (ActionKind::Flash, _) => Some(own.map_or(self.clock.ticks(FLASH_RISE), |(over, _)| over)),
            (_, Some((over, span))) if over > arrival => {
                let (over, arrival) = (self.clock.text(over), self.clock.text(arrival));
                let error =
                    report.error(span, format!("a change of {over} that ends at {arrival} begins before the shot"));
                error.hint("use a shorter `over`, or a later beat");
                None
            }
            (_, Some((over, _))) => Some(over),
            (_, None) => Some(self.over.map_or(arrival, |over| self.clock.ticks(over).min(arrival))),
        }
    }

    /// The beat before of the same kind: for `also`, the last one that names one of the same channels.
    fn last(&self, kind: ActionKind, pose: &Pose) -> Option<Last> {
        match kind {
            ActionKind::Express => self.express,
            _ => {
                let names = named(pose, &self.also);
                let lasts = self.also.iter().filter(|(channel, _)| names.contains(channel)).map(|(_, last)| *last);
                lasts.max_by_key(|last| last.ends)
            }
        }
    }

    fn remember(&mut self, kind: ActionKind, pose: &Pose, last: Last) {
        if kind == ActionKind::Express {
            self.express = Some(last);
            return;
        }
        for channel in named(pose, &self.also) {
            match self.also.iter_mut().find(|(other, _)| *other == channel) {
                Some((_, known)) => *known = last,
                None => self.also.push((channel, last)),
            }
        }
    }

    /// When the change begins: after the beat before of the same kind, and after the one before it counts from.
    fn begin(
        &self,
        text: &BeatText,
        span: Span,
        kind: ActionKind,
        (arrival, start): (Ticks, Ticks),
        last: Option<Last>,
        report: &mut Report,
    ) -> Option<Ticks> {
        let free = last.map_or(Ticks::default(), |last| last.ends);
        // `then` is the time of the change, so it begins where that time does.
        let counted = if text.then.is_there() { self.cursor.max(free) } else { free };
        if let Some(last) = last {
            let same = if kind == ActionKind::Also { "that moves the same channels " } else { "" };
            let place = text.at.value().or(text.then.value()).map_or(span, |time| time.span);
            if arrival < last.ends {
                let (found, ends) = (self.clock.text(arrival), self.clock.text(last.ends));
                let error =
                    report.error(place, format!("at {found} the beat before {same}is still held, until {ends}"));
                error.label(last.span, "the beat before").hint("shorten its `hold`, or come later");
                return None;
            }
            if self.clock.at_board_rate().frame(arrival) == last.frame {
                let error =
                    report.error(place, format!("this beat and the one before {same}are on one frame, {}", last.frame));
                error
                    .label(last.span, "the beat before")
                    .hint("for a jump from one expression to another write `ease: hold`");
                return None;
            }
            if let Some(over) = text.over.filter(|_| start < last.ends) {
                let message = format!(
                    "a change of {} would begin while the beat before {same}is still held, until {}",
                    self.clock.text(self.clock.ticks(over.value)),
                    self.clock.text(last.ends)
                );
                report.error(over.span, message).label(last.span, "the beat before").hint("use a shorter `over`");
                return None;
            }
        }
        Some(if text.over.is_some() { start } else { start.max(counted) })
    }
}

/// The channels that an `also` is about: those of its pose, the jaw's three as one; without any, all that were ever
/// named, so that `also neutral` takes everything back.
fn named(pose: &Pose, known: &[(Channel, Last)]) -> Vec<Channel> {
    let is_jaw =
        |channel: &Channel| matches!(channel, Channel::Flame(flame) if FlameChannel::JAW.contains(&flame.index()));
    let mut names: Vec<Channel> = pose.iter().map(|(channel, _)| channel).collect();
    if names.iter().any(is_jaw) {
        names.retain(|channel| !is_jaw(channel));
        names.extend(FlameChannel::all().map(Channel::Flame).filter(is_jaw));
    }
    if names.is_empty() { known.iter().map(|(channel, _)| *channel).collect() } else { names }
}
