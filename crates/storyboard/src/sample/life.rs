//! What a face does by itself: blinks, and movements so small that one sees them only where they are missing.

use moue_timeline::{Channel, HeadAxis, Shape};

use super::Values;
use crate::Life;
use crate::hash::{mix, unit};

/// Seconds that lids take to shut, stay shut, and open. Source: VanderWerf, Brassinga, Reits, Aramideh and Ongerboer de
/// Visser, "Eyelid movements: behavioral studies of blinking in humans under different stimulus conditions", 2003.
const SHUTS: f64 = 0.08;
const SHUT: f64 = 0.04;
const OPENS: f64 = 0.2;
/// Part of the mean distance that no two blinks fall below.
const LEAST_DISTANCE: f64 = 0.4;
/// Most that a distance is longer than that, in means of the rest.
const MOST_WAITING: f64 = 4.0;

/// How far the head sways, in degrees: yaw, pitch, roll.
const SWAY_DEGREES: [(HeadAxis, f64); 3] = [(HeadAxis::Yaw, 1.2), (HeadAxis::Pitch, 0.9), (HeadAxis::Roll, 0.8)];
/// Slow movements a second.
const SWAY_RATE: f64 = 0.3;
const BROWS: f64 = 0.03;
/// How far the gaze wanders, and how often it moves: small saccades with rests between.
const GAZE: f64 = 0.05;
const GAZE_RATE: f64 = 0.9;
/// Part of such a rest in which the eyes move.
const SACCADE: f64 = 0.06;

/// A face's life during a shot.
#[derive(Clone, Debug)]
pub(super) struct Living {
    life: Life,
    /// Seconds since the life began, at the shot's start; more than zero where it is carried over.
    pub since: f64,
    /// When blinks begin, in seconds since the life began.
    blinks: Vec<f64>,
}

impl Living {
    /// The life of a shot of `seconds`.
    pub(super) fn new(life: Life, since: f64, seconds: f64) -> Self {
        let end = since + seconds;
        let blinks = life.blink.map_or_else(Vec::new, |every| blinks(life.seed, every, end));
        Self { life, since, blinks }
    }

    pub(super) fn seed(&self) -> u64 {
        self.life.seed
    }

    /// Adds what the face does by itself at a second of the shot; `weight` is how much of it there is.
    pub(super) fn add(&self, seconds: f64, weight: f64, values: &mut Values) {
        if weight == 0.0 {
            return;
        }
        let time = self.since + seconds;
        let idle = self.life.idle * weight;
        if idle > 0.0 {
            self.sway(time, idle, values);
        }
        let shut = self.shut(time) * weight;
        if shut > 0.0 {
            for lid in [Shape::EyeBlinkLeft, Shape::EyeBlinkRight] {
                let value = &mut values[lid.index()];
                // From wherever the lids are; those that are shut stay so.
                *value += (1.0 - *value).max(0.0) * shut;
            }
        }
    }

    fn sway(&self, time: f64, amount: f64, values: &mut Values) {
        let noise = |stream: u64, rate: f64| drift(mix(self.life.seed ^ stream), time * rate);
        for (stream, (axis, degrees)) in SWAY_DEGREES.into_iter().enumerate() {
            let stream = stream as u64;
            let sway = (noise(stream, SWAY_RATE) + 0.4 * noise(16 + stream, 3.1 * SWAY_RATE)) / 1.4;
            values[Channel::Head(axis).index()] += amount * degrees.to_radians() * sway;
        }
        values[Shape::BrowInnerUp.index()] += amount * BROWS * (0.5 + 0.5 * noise(32, SWAY_RATE));
        let (side, height) = (self.gaze(48, time) * amount * GAZE, self.gaze(49, time) * amount * 0.6 * GAZE);
        let mut look = |shape: Shape, value: f64| values[shape.index()] += value.max(0.0);
        look(Shape::EyeLookOutLeft, side);
        look(Shape::EyeLookInRight, side);
        look(Shape::EyeLookInLeft, -side);
        look(Shape::EyeLookOutRight, -side);
        for (up, down) in
            [(Shape::EyeLookUpLeft, Shape::EyeLookDownLeft), (Shape::EyeLookUpRight, Shape::EyeLookDownRight)]
        {
            look(up, height);
            look(down, -height);
        }
    }

    /// Rests at random places, with quick ways between them; -1 to 1.
    fn gaze(&self, stream: u64, time: f64) -> f64 {
        let (step, within) = parts(time * GAZE_RATE);
        let seed = mix(self.life.seed ^ stream);
        let (from, to) = (place(seed, step - 1), place(seed, step));
        from + (to - from) * super::flash::smooth((within / SACCADE).min(1.0))
    }

    /// How far the lids are shut, 0 to 1.
    fn shut(&self, time: f64) -> f64 {
        let begun = self.blinks.partition_point(|blink| *blink <= time);
        // One that is not over may be overtaken by the next.
        self.blinks[begun.saturating_sub(2)..begun].iter().map(|blink| lids(time - blink)).fold(0.0, f64::max)
    }
}

/// When blinks begin: at random distances with a mean of `every` seconds.
fn blinks(seed: u64, every: f64, end: f64) -> Vec<f64> {
    let random = |index: u64| unit(mix(mix(seed ^ 0xb11) ^ index));
    let distance = |index: u64| {
        // Waiting times of a random process, cut off so that eyes never stay open for a minute.
        let waiting = (-(1.0 - random(index)).ln()).min(MOST_WAITING) / (1.0 - (-MOST_WAITING).exp());
        every * (LEAST_DISTANCE + (1.0 - LEAST_DISTANCE) * waiting)
    };
    let mut time = distance(0) * (0.2 + 0.8 * random(u64::MAX));
    let mut blinks = Vec::new();
    let mut index = 1;
    while time < end {
        blinks.push(time);
        time += distance(index);
        index += 1;
    }
    blinks
}

/// How far lids are shut `seconds` after a blink began.
fn lids(seconds: f64) -> f64 {
    use super::flash::smooth;
    if seconds < SHUTS {
        return smooth(seconds.max(0.0) / SHUTS);
    }
    let opening = (seconds - SHUTS - SHUT) / OPENS;
    if opening <= 0.0 { 1.0 } else { smooth((1.0 - opening).max(0.0)) }
}

/// Random values at whole numbers, smoothly joined; -1 to 1.
fn drift(seed: u64, at: f64) -> f64 {
    let (step, within) = parts(at);
    let (from, to) = (place(seed, step), place(seed, step + 1));
    from + (to - from) * within * within * within * (within * (6.0 * within - 15.0) + 10.0)
}

fn parts(at: f64) -> (i64, f64) {
    let step = at.floor();
    (step as i64, at - step)
}

fn place(seed: u64, step: i64) -> f64 {
    2.0 * unit(mix(seed ^ step as u64)) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::NEUTRAL;

    fn life(blink: Option<f64>, idle: f64, seed: u64) -> Life {
        Life { blink, idle, seed }
    }

    #[test]
    fn blinks_come_as_often_as_asked() {
        for every in [0.5, 4.0] {
            let times = blinks(7, every, 40_000.0);
            let mean = 40_000.0 / times.len() as f64;
            assert!((mean / every - 1.0).abs() < 0.02, "{mean}");
            let distances: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(distances.iter().all(|distance| (LEAST_DISTANCE * every..4.0 * every).contains(distance)));
        }
        assert_ne!(blinks(1, 4.0, 60.0), blinks(2, 4.0, 60.0));
    }

    #[test]
    fn lids_shut_all_the_way_and_open_again() {
        assert_eq!([lids(0.0), lids(SHUTS), lids(SHUTS + SHUT), lids(1.0)], [0.0, 1.0, 1.0, 0.0]);
        let living = Living::new(life(Some(3.0), 0.0, 5), 0.0, 60.0);
        let mut most = 0.0f64;
        for frame in 0..1500 {
            let mut values = NEUTRAL;
            values[Shape::EyeBlinkLeft.index()] = 0.3;
            living.add(f64::from(frame) / 25.0, 1.0, &mut values);
            let (left, right) = (values[Shape::EyeBlinkLeft.index()], values[Shape::EyeBlinkRight.index()]);
            assert!((0.3..=1.0 + 1e-12).contains(&left) && right <= left, "{left} {right}");
            most = most.max(right);
            assert_eq!(values.iter().filter(|value| **value != 0.0).count(), if right > 0.0 { 2 } else { 1 });
        }
        assert!(most > 0.9);
    }

    #[test]
    fn small_movements_are_small_smooth_and_those_of_their_seed() {
        let sample = |seed: u64, seconds: f64| {
            let mut values = NEUTRAL;
            Living::new(life(None, 1.0, seed), 0.0, 60.0).add(seconds, 1.0, &mut values);
            values
        };
        let head = Channel::Head(HeadAxis::Yaw).index();
        let yaw: Vec<f64> = (0..6000).map(|step| sample(3, f64::from(step) / 100.0)[head].to_degrees()).collect();
        assert!(yaw.iter().all(|yaw| yaw.abs() <= 1.2));
        assert!(yaw.iter().fold(0.0, |most: f64, yaw| most.max(yaw.abs())) > 0.4);
        // A hundredth of a second moves the head by less than a fortieth of a degree.
        assert!(yaw.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.025));
        assert_eq!(sample(3, 1.5), sample(3, 1.5));
        assert_ne!(sample(3, 1.5), sample(4, 1.5));
        assert!(
            (0..1000)
                .all(|step| sample(5, f64::from(step) / 20.0)[..Shape::COUNT].iter().all(|v| (0.0..=0.06).contains(v)))
        );
    }
}
