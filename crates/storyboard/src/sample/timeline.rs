//! What the face does at every frame of a shot.

use std::sync::Arc;

use moue_timeline::{Channel, Expression, FlameExpression, FrameRate, HeadPose, Shape, Track, TrackShapeError};

use super::{
    NEUTRAL, Values,
    also::Also,
    express::Express,
    flash::Flash,
    life::Living,
    motion::{self, Playing},
};
use crate::{Framing, Motion, Pose, Shot, Storyboard, View};

/// What a face does at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// ARKit coefficients and the head's rotation. Values may overshoot 0 to 1.
    pub expression: Expression,
    /// FLAME coefficients, as far as the storyboard or its motions are written in them. What a face does by itself is
    /// in [`Self::expression`] alone: a renderer of FLAME adds what the expression means there.
    pub flame: FlameExpression,
}

/// Which part of the portrait is seen at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FramingAt {
    /// Where the move begins.
    pub from: View,
    /// Where it leads.
    pub to: View,
    /// How far it has come: 0 at the first frame, 1 at the last; may overshoot.
    pub progress: f64,
}

/// What the face does at every frame of a shot: expressions, motions, flashes, and what it does by itself.
#[derive(Clone, Debug)]
pub struct ShotTimeline {
    express: Express,
    also: Also,
    flashes: Vec<Flash>,
    motions: Vec<Playing>,
    living: Living,
    framing: Framing,
    /// Frames.
    length: f64,
    rate: FrameRate,
    seconds_per_frame: f64,
}

/// How a face is when a shot begins.
struct Start {
    pose: Pose,
    also: Vec<(usize, f64)>,
    flashes: Vec<Flash>,
    /// Seed and age of the life that goes on.
    life: Option<(u64, f64)>,
}

impl Start {
    fn rest(rest: &Pose) -> Self {
        Self { pose: rest.clone(), also: Vec::new(), flashes: Vec::new(), life: None }
    }
}

impl Storyboard {
    /// The timelines of all shots. `track` loads a motion's track; it is asked for each motion of each shot, in order.
    ///
    /// # Errors
    /// The first one of `track`.
    pub fn timelines<E>(
        &self,
        mut track: impl FnMut(&Motion) -> Result<Arc<Track>, E>,
    ) -> Result<Vec<ShotTimeline>, E> {
        let mut timelines: Vec<ShotTimeline> = Vec::with_capacity(self.shots.len());
        for shot in &self.shots {
            let start = match shot.carry_from.and_then(|before| timelines.get(before)) {
                Some(before) => before.end(),
                None => self.rest(shot),
            };
            timelines.push(ShotTimeline::new(shot, self.output.rate, start, |_| true, &mut track)?);
        }
        Ok(timelines)
    }

    /// The timeline of one shot (an index below `shots.len()`). `track` loads a motion's track; it is asked for the
    /// motions of the shot, and for those that are still there at the end of shots that it is carried over from.
    ///
    /// # Errors
    /// The first one of `track`.
    pub fn timeline<E>(
        &self,
        shot: usize,
        mut track: impl FnMut(&Motion) -> Result<Arc<Track>, E>,
    ) -> Result<ShotTimeline, E> {
        let mut start: Option<Start> = None;
        for index in self.carry_chain(shot) {
            let before = &self.shots[index];
            let from = start.unwrap_or_else(|| self.rest(before));
            let lasts = |motion: &Motion| motion::lasts(motion, before.length);
            start = Some(ShotTimeline::new(before, self.output.rate, from, lasts, &mut track)?.end());
        }
        let shot = &self.shots[shot];
        ShotTimeline::new(shot, self.output.rate, start.unwrap_or_else(|| self.rest(shot)), |_| true, &mut track)
    }

    /// The shots whose ends lead to the start of this one, the earliest first.
    pub(crate) fn carry_chain(&self, shot: usize) -> Vec<usize> {
        let mut chain: Vec<usize> =
            std::iter::successors(self.shots[shot].carry_from, |before| self.shots[*before].carry_from).collect();
        chain.reverse();
        chain
    }

    /// The motions that are still there at the end of a shot, which a shot that is carried over from it needs.
    pub(crate) fn lasting_motions(&self, shot: usize) -> impl Iterator<Item = &Motion> {
        let shot = &self.shots[shot];
        shot.motions.iter().filter(|motion| motion::lasts(motion, shot.length))
    }

    fn rest(&self, shot: &Shot) -> Start {
        Start::rest(&self.cast[shot.character].rest)
    }
}

impl ShotTimeline {
    fn new<E>(
        shot: &Shot,
        rate: FrameRate,
        start: Start,
        wanted: impl Fn(&Motion) -> bool,
        track: &mut impl FnMut(&Motion) -> Result<Arc<Track>, E>,
    ) -> Result<Self, E> {
        let mut motions = Vec::new();
        for motion in shot.motions.iter().filter(|motion| wanted(motion)) {
            motions.push(Playing::new(track(motion)?, motion.clone(), shot.length, rate));
        }
        let seconds_per_frame = f64::from(rate.den()) / f64::from(rate.num());
        let mut life = shot.life;
        let (seed, since) = start.life.unwrap_or((life.seed, 0.0));
        life.seed = seed;
        // Blinks are known a little beyond the last frame, so that a fraction of a frame more can be asked for.
        let seconds = (shot.rendered_frames() + 1) as f64 * seconds_per_frame;
        let mut flashes = start.flashes;
        flashes.extend(Flash::all(&shot.beats));
        Ok(Self {
            express: Express::new(&start.pose, &shot.beats),
            also: Also::new(&start.also, &shot.beats),
            flashes,
            motions,
            living: Living::new(life, since, seconds),
            framing: shot.framing,
            length: shot.length,
            rate,
            seconds_per_frame,
        })
    }

    /// How the face is at the shot's end. What moves it from elsewhere becomes a part of what it expresses.
    fn end(&self) -> Start {
        let mut values = NEUTRAL;
        self.express.sample(self.length, &mut values);
        for motion in &self.motions {
            motion.add(self.length, &mut values);
        }
        let pose = Channel::all().zip(values).filter(|(_, value)| *value != 0.0).collect();
        Start {
            pose,
            also: self.also.at(self.length),
            flashes: self.flashes.iter().filter_map(|flash| flash.later(self.length)).collect(),
            life: Some((self.living.seed(), self.living.since + self.length * self.seconds_per_frame)),
        }
    }

    /// What the face does at a frame of the shot, from 0 on; frames past its end show how it goes on under a dissolve.
    pub fn sample(&self, frame: u64) -> Face {
        self.sample_at(frame as f64)
    }

    /// The same between frames.
    pub fn sample_at(&self, frame: f64) -> Face {
        face(&self.values(frame))
    }

    fn values(&self, frame: f64) -> Values {
        let mut values = NEUTRAL;
        self.express.sample(frame, &mut values);
        self.also.add(frame, &mut values);
        for flash in &self.flashes {
            flash.add(frame, &mut values);
        }
        let mut moved = 0.0;
        for motion in &self.motions {
            moved += motion.add(frame, &mut values);
        }
        // A face that is moved from elsewhere brings its own life along.
        self.living.add(frame * self.seconds_per_frame, (1.0 - moved).max(0.0), &mut values);
        values
    }

    /// The shot's first `frames` frames as a track: one row for each frame, the channels that move at all.
    ///
    /// # Errors
    /// Where `frames` is zero.
    pub fn track(&self, frames: u64) -> Result<Track, TrackShapeError> {
        let rows: Vec<Values> = (0..frames).map(|frame| self.values(frame as f64)).collect();
        let moves = |channel: &Channel| rows.iter().any(|row| row[channel.index()] != 0.0);
        let mut channels: Vec<Channel> = Channel::all().filter(moves).collect();
        if channels.is_empty() {
            // A track needs one; this one says that the face is at rest.
            channels.push(Channel::Shape(Shape::JawOpen));
        }
        let values = rows.iter().flat_map(|row| channels.iter().map(|channel| row[channel.index()] as f32)).collect();
        let times = (0..frames).map(|frame| self.rate.seconds_at(frame)).collect();
        Track::new(channels, times, values)
    }

    /// Which part of the portrait is seen at a frame of the shot.
    pub fn framing(&self, frame: u64) -> FramingAt {
        let last = (self.length - 1.0).max(1.0);
        let progress = self.framing.easing.at(frame as f64 / last);
        FramingAt { from: self.framing.from, to: self.framing.to, progress }
    }
}

fn face(values: &Values) -> Face {
    let value = |index: usize| values[index] as f32;
    let flame = Shape::COUNT;
    let head = flame + moue_timeline::FlameChannel::COUNT;
    Face {
        expression: Expression {
            shapes: std::array::from_fn(value),
            head: HeadPose { yaw: value(head), pitch: value(head + 1), roll: value(head + 2) },
        },
        flame: FlameExpression::from_array(std::array::from_fn(|index| value(flame + index))),
    }
}
