//! A leg's life: session after session, each on its own clock.

use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_video as gst_video;

use super::chain::Chain;
use super::follower::{Follower, place};
use super::hls;
use super::output::LiveOutput;
use super::phase::Phase;
use super::report::{LegEvent, LegState};
use super::session::Session;
use super::settings::LiveSettings;
use super::slot::{Order, Slot};
use super::words::Loss;
use crate::planes::{Planar, timed};
use crate::settings::H264Encoder;
use crate::sink::VideoFormat;
use crate::sound::Tape;

/// Waits between sessions: the first, and the longest to which it doubles.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// How long a session must have lasted for the next wait to be the first again.
const STEADY: Duration = Duration::from_secs(5);
/// How late a frame may be before its time is left out. Frames that are late are the newest all the same.
const LAG: Duration = Duration::from_secs(2);
/// How often a session is looked after.
const LOOK: Duration = Duration::from_millis(50);
/// How often one looks for room when there is none.
const ROOM_LOOK: Duration = Duration::from_millis(3);

/// What the leg's thread has.
pub(super) struct Runner {
    pub(super) output: LiveOutput,
    pub(super) format: VideoFormat,
    pub(super) settings: LiveSettings,
    pub(super) encoder: H264Encoder,
    pub(super) info: gst_video::VideoInfo,
    pub(super) planar: Planar,
    pub(super) slot: std::sync::Arc<Slot>,
    pub(super) sound: Option<Sound>,
    pub(super) on_event: Box<dyn FnMut(LegEvent) + Send>,
    /// The newest frame that was sent, for repeating.
    pub(super) latest: Option<gst::Buffer>,
    /// Since when there is no session, and why, as it was told.
    pub(super) lost: Option<(Instant, Loss)>,
}

/// What is heard, and where one is in it.
pub(super) struct Sound {
    pub(super) tape: Tape,
    pub(super) follower: Follower,
}

/// How a session ended.
enum Ending {
    /// As ordered.
    Ordered {
        /// Why nothing was sent, where the server had not got as far.
        unheard: Option<Loss>,
    },
    Lost {
        loss: Loss,
        was_live: bool,
    },
}

impl Runner {
    /// Lives until it is ordered to end; with `fail_fast`, until the first loss. Gives back why there was no session at
    /// the end, if there was none.
    pub(super) fn run(mut self) -> Option<Loss> {
        let mut failure = None;
        if self.slot.wait_for_frame() != Order::Abort && self.slot.has_frame() {
            self.tell(LegEvent::Connecting);
            failure = self.sessions();
        }
        self.slot.close();
        self.tell(LegEvent::Ended);
        failure
    }

    /// Session after session; why the last one does not stand, if it does not.
    fn sessions(&mut self) -> Option<Loss> {
        let mut wait = WAITS[0];
        loop {
            let began = Instant::now();
            let (loss, was_live) = match self.session() {
                Ending::Ordered { unheard } => return unheard,
                Ending::Lost { loss, was_live } => (loss, was_live),
            };
            self.slot.count(|stats| stats.state = LegState::Lost);
            self.tell_lost(&loss);
            if was_live && began.elapsed() >= STEADY {
                wait = WAITS[0];
            }
            if self.settings.fail_fast || self.slot.wait_until(Instant::now() + wait) != Order::Go {
                return Some(loss);
            }
            wait = (wait * 2).min(WAITS[1]);
        }
    }

    fn session(&mut self) -> Ending {
        let mut number = 0;
        self.slot.count(|stats| {
            stats.attempts += 1;
            stats.state = LegState::Connecting;
            number = stats.attempts;
        });
        let lost = |loss, was_live| Ending::Lost { loss, was_live };
        if let Some(playlist) = self.output.playlist_path()
            && let Err(problem) = hls::make_room(playlist, &self.settings)
        {
            return lost(problem, false);
        }
        let Self { output, format, settings, encoder, info, sound, .. } = self;
        if let Some(Sound { tape, follower }) = sound {
            follower.reset();
            // Decoding begins while the session does.
            let next = self.slot.latest().map_or(0, |(_, number)| number);
            tape.aim(place(format.rate, next));
        }
        let chain = match Chain::build(output, format, settings, *encoder, info, sound.is_some(), number) {
            Ok(chain) => chain,
            Err(error) => return lost(Loss::new(error.to_string(), "see `moue doctor`"), false),
        };
        if let Some(playlist) = self.output.playlist_path() {
            hls::remove_segments(playlist);
        }
        let mut session = match Session::start(&self.output, &self.format, chain) {
            Ok(session) => session,
            Err(loss) => return lost(loss, false),
        };
        let ending = match self.send(&mut session) {
            Ok(order) => {
                let (is_end, began) = (order == Order::End, Instant::now());
                let loss = if is_end && session.flows() { session.finish() } else { None };
                let unheard = if is_end && !session.is_heard(began) { self.unheard() } else { None };
                match loss {
                    Some(loss) if unheard.is_none() => self.tell_lost(&loss),
                    None if session.became_live() => self.tell_live(),
                    // That nothing was heard says it all.
                    _ => {}
                }
                Ending::Ordered { unheard }
            }
            Err(loss) => lost(loss, session.is_live()),
        };
        self.count_seen(&session);
        ending
    }

    /// Why nobody takes frames at the end: as it was told before, if it was. Clients come when they like, and so may nobody.
    fn unheard(&self) -> Option<Loss> {
        let told = self.lost.as_ref().map(|(_, loss)| loss.clone());
        let is_awaited = self.output.playlist_path().is_none() && !self.output.is_listener();
        told.or_else(|| is_awaited.then(|| Loss::unanswered(&self.output)))
    }

    /// Sends at a constant rate until it is ordered to end, or there is nothing to send to.
    fn send(&mut self, session: &mut Session) -> Result<Order, Loss> {
        let rate = self.format.rate;
        let period = rate.pts(1).0;
        let mut phase = Phase::new(period);
        let (mut index, mut flowed) = (0, false);
        let mut start = Instant::now();
        loop {
            let due = start + Duration::from_nanos(rate.pts(index).0);
            let now = Instant::now();
            let pause = if now < due { due.min(now + LOOK) } else { now };
            let order = self.slot.wait_until(pause);
            if let Some(loss) = session.fault() {
                return Err(loss);
            }
            if session.became_live() {
                self.tell_live();
            }
            if order != Order::Go {
                // The last frame is to be seen, if it can be.
                if order == Order::End && session.flows() && session.has_room() && self.slot.has_frame() {
                    self.push(session, index, Instant::now());
                }
                return Ok(order);
            }
            self.count_seen(session);
            let now = Instant::now();
            if !flowed && session.flows() {
                flowed = true;
                let came = self.slot.latest().map_or(now, |(came, _)| came);
                start = moved(start, phase.settle(between(came, due)));
                continue;
            }
            if now < due {
                continue;
            }
            if !session.flows() && !session.is_drained() {
                // The session's clock goes only as fast as the frames until someone takes them.
                start += now - due;
                self.slot.wait_until(now + ROOM_LOOK);
            } else if session.has_room() {
                // A tick that is a little late counts as if it were not: its frame is the one that was the newest then.
                let is_late = now - due > 2 * Duration::from_nanos(period);
                let then = if is_late || !flowed { now } else { due };
                if let Some(came) = self.push(session, index, then).filter(|_| !is_late && flowed) {
                    start = moved(start, phase.note(between(came, due)));
                }
                index += 1;
            } else if now - due > LAG {
                self.slot.count(|stats| stats.skipped += 1);
                self.push_sound(session, index, None);
                index += 1;
            } else {
                self.slot.wait_until(now + ROOM_LOOK);
            }
        }
    }

    /// Sends the newest frame of those that had come by `then`, or the one before once more, as frame `index`. When it
    /// came, if it is a new one.
    fn push(&mut self, session: &Session, index: u64, then: Instant) -> Option<Instant> {
        let newest = self.slot.take(then);
        let new = newest.as_ref().map(|shown| (shown.came, shown.number));
        if let Some(shown) = newest {
            self.latest = Some(self.planar.buffer(&shown.frame));
        }
        let buffer = self.latest.clone()?;
        session.push(timed(buffer, &self.format, index));
        self.push_sound(session, index, new.map(|(_, number)| number));
        self.slot.count(|stats| {
            stats.sent += 1;
            stats.repeated += u64::from(new.is_none());
        });
        new.map(|(came, _)| came)
    }

    /// Sends what is heard with frame `index`, in which `shown` is seen for the first time, or the same as before.
    fn push_sound(&mut self, session: &Session, index: u64, shown: Option<u64>) {
        let Some(Sound { tape, follower }) = &mut self.sound else { return };
        let samples = follower.sound(index, shown, |at, samples| tape.read(at, samples));
        session.push_sound(samples, place(self.format.rate, index));
    }

    fn count_seen(&self, session: &Session) {
        let seen = session.seen();
        self.slot.count(|stats| {
            stats.bytes += seen.bytes;
            stats.encoded += seen.encoded;
            stats.encoding += seen.encoding;
        });
    }

    fn tell_live(&mut self) {
        self.slot.count(|stats| {
            stats.sessions += 1;
            stats.state = LegState::Live;
        });
        let is_first = self.slot.stats().sessions == 1;
        let since = self.lost.take().map(|(since, _)| since);
        self.tell(match since {
            Some(since) if !is_first => LegEvent::Resumed { after: since.elapsed() },
            _ => LegEvent::Live,
        });
    }

    fn tell_lost(&mut self, loss: &Loss) {
        if self.lost.as_ref().is_some_and(|(_, told)| told == loss) {
            return;
        }
        let since = self.lost.take().map_or_else(Instant::now, |(since, _)| since);
        self.lost = Some((since, loss.clone()));
        self.tell(LegEvent::Lost { why: loss.why.clone(), hint: loss.hint.clone() });
    }

    fn tell(&mut self, event: LegEvent) {
        tracing::debug!(output = %self.output, "{event}");
        (self.on_event)(event);
    }
}

/// Nanoseconds from one to the other.
fn between(from: Instant, to: Instant) -> i64 {
    let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    nanoseconds(to.saturating_duration_since(from)) - nanoseconds(from.saturating_duration_since(to))
}

/// Later by so many nanoseconds, or sooner.
fn moved(time: Instant, later: i64) -> Instant {
    let by = Duration::from_nanos(later.unsigned_abs());
    if later < 0 { time.checked_sub(by).unwrap_or(time) } else { time + by }
}
