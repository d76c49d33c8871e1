//! Takes as the Live Link Face app records them; see [`crate::live_link_face`] for the columns and the angles.

use std::f32::consts::{PI, TAU};
use std::io::{self, Write};

use moue_timeline::{FrameRate, Interpolation, Shape, Track};

use super::fixed_rate;
use crate::TrackError;

/// A track that is going to be written.
pub(super) struct Take<'a> {
    track: &'a Track,
    rate: FrameRate,
    /// Whether the keys are the rows: then they are not resampled, not even by rounding.
    keys: bool,
    /// Frames in what the timecode calls a second.
    nominal: u64,
    rows: u64,
}

const DAY_SECONDS: u64 = 24 * 3600;
const ANGLES: &str =
    "HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll";

impl<'a> Take<'a> {
    pub fn of(
        name: &str,
        track: &'a Track,
        rate: Option<FrameRate>,
        notes: &mut Vec<String>,
    ) -> Result<Self, TrackError> {
        let own = fixed_rate(track);
        let several = track.times().len() > 1;
        let rate = match (rate, own.filter(|own| nominal(*own).is_some())) {
            (Some(rate), _) if own == Some(rate) || !several => rate,
            (Some(rate), _) => {
                notes.push(format!("resampled to {rate} rows per second, linearly between the keys"));
                rate
            }
            (None, Some(own)) => own,
            (None, None) => {
                if several {
                    let note = "the track has no rate that a timecode counts: resampled to 60 rows per second";
                    notes.push(note.to_owned());
                }
                crate::fps_60()
            }
        };
        let Some(nominal) = nominal(rate) else {
            let expected = "a rate that a timecode counts, such as 60, 30 or 29.97";
            let found = format!("{rate} frames per second");
            return Err(TrackError::whole_file(name, found, expected, "give another rate"));
        };
        let keys = own == Some(rate);
        let rows = if keys { track.times().len() as u64 } else { track.frame_count(rate) };
        if rows / nominal >= DAY_SECONDS {
            let found = format!("{:.0} s", track.duration());
            return Err(TrackError::whole_file(name, found, "a take shorter than a day", "cut the track into parts"));
        }
        if rate.den() > 1 {
            notes.push(format!(
                "timecodes count {nominal} frames per second: at {rate} the take's time runs 0.1 % fast"
            ));
        }
        Ok(Self { track, rate, keys, nominal, rows })
    }

    pub fn write(&self, mut output: impl Write) -> io::Result<()> {
        write!(output, "Timecode,BlendShapeCount")?;
        for shape in Shape::ALL {
            let (first, rest) = shape.name().split_at(1);
            write!(output, ",{}{rest}", first.to_uppercase())?;
        }
        writeln!(output, ",{ANGLES}")?;
        // Frame numbers tell the rate where they start again, so a take of less than a second begins just before that.
        let start = if self.rows > self.nominal + 2 { 0 } else { self.nominal.saturating_sub(2) };
        let times = self.track.times();
        for row in 0..self.rows {
            let (second, frame) = ((start + row) / self.nominal, (start + row) % self.nominal);
            let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
            write!(output, "{hour:02}:{minute:02}:{:02}:{frame:02}.000,61", second % 60)?;
            let time = if self.keys { times[row as usize] } else { times[0] + self.rate.seconds_at(row) };
            let expression = self.track.sample(time, Interpolation::Linear);
            for value in expression.shapes {
                write!(output, ",{value}")?;
            }
            let head = expression.head;
            for angle in [-head.yaw, -head.pitch, head.roll] {
                write!(output, ",{}", wrapped(angle))?;
            }
            writeln!(output, ",0,0,0,0,0,0")?;
        }
        output.flush()
    }
}

/// The same angle within half a turn: larger ones are taken for degrees.
fn wrapped(angle: f32) -> f32 {
    match angle.abs() <= PI {
        true => angle,
        false => (angle - TAU * (angle / TAU).round()).clamp(-PI, PI),
    }
}

/// How many frames a timecode counts in a second at `rate`; none where it counts none.
fn nominal(rate: FrameRate) -> Option<u64> {
    match (rate.num(), rate.den()) {
        (num, 1) => Some(num.into()),
        // NTSC: the timecode's second is longer than a real one.
        (num, 1001) if num % 1000 == 0 => Some(u64::from(num / 1000)),
        _ => None,
    }
    .filter(|nominal| (1..1000).contains(nominal))
}
