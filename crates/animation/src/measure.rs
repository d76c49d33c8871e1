//! A rendered video measured: does the face obey, is it the same person, is it steady, are its frames all there?

use std::path::PathBuf;

use image::RgbImage;
use moue_bridge::Family;
use moue_engine::CancelToken;
use moue_face::{FaceTracker, Identity, Recogniser};
use moue_media::Source;
use moue_models::{ModelFile, ModelFolder, process_environment};
use moue_timeline::{Agreement, Gains, Interpolation, Track};
use serde::Serialize;

use crate::motion::{Motion, MotionJob};
use crate::tracking::{SeenFrame, VideoJob, track_video};
use crate::{AnimationError, Observer, Portrait};

/// The embedding is taken of every so many frames: a person does not change from frame to frame.
const IDENTITY_EVERY: u64 = 5;
/// A motion that changes less than this from frame to frame, in every channel, holds still.
const HELD: f32 = 1e-4;
/// A motion that changes more than this has to be seen: frames that are bit-equal there were repeated.
const SEEN: f32 = 0.02;
/// Steps longer than this many usual ones have lost a frame.
const DROPPED_STEPS: f64 = 1.5;
/// Pictures that a page shows of a video.
const THUMBNAILS: usize = 7;
/// Their height in pixels.
const THUMBNAIL_HEIGHT: u32 = 160;

/// What to measure against what.
#[derive(Clone, Debug)]
pub struct MeasureJob {
    /// The rendered video.
    pub video: Source,
    /// What it was asked to show, shaped as it was for rendering.
    pub motion: MotionJob,
    /// Factors on the motion's channels.
    pub gains: Gains,
    /// Where the video starts in the motion, in seconds.
    pub start: Option<f64>,
    /// Where it ends.
    pub end: Option<f64>,
    /// Whom it was asked to show.
    pub portrait: Option<PathBuf>,
    /// Where the recogniser is looked for.
    pub models: Option<PathBuf>,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The video.
    pub video: String,
    /// Its frames.
    pub frames: u64,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// Frames in which no face was seen; they count for frames and flicker alone.
    pub frames_without_face: u64,
    /// The channels that both the motion has and the tracker sees, in the motion's order. The head is asked from where
    /// the portrait has it and measured from straight ahead: of its error only the movement's part means something.
    pub following: Vec<Following>,
    /// Whether it is the person of the portrait.
    pub identity: Option<Likeness>,
    /// Why there is no `identity`.
    pub identity_absent: Option<String>,
    /// How steady it is where the motion holds still; absent where it never does.
    pub flicker: Option<Flicker>,
    /// Where frames are missing.
    pub dropped: Vec<Dropped>,
    /// Seconds of frames that are bit-equal to the one before although the motion moves.
    pub repeated: Vec<f64>,
}

/// How one channel follows.
#[derive(Clone, Debug, Serialize)]
pub struct Following {
    /// The channel's name.
    pub channel: &'static str,
    /// Smallest and largest value that was asked for.
    pub asked: [f64; 2],
    /// Smallest and largest value that was measured.
    pub measured: [f64; 2],
    /// Pearson's correlation; absent for a channel that does not move.
    pub correlation: Option<f64>,
    /// Slope of the regression of measured on asked; absent for a channel that does not move.
    pub slope: Option<f64>,
    /// Mean of |measured - asked|.
    pub mean_abs_error: f64,
    /// By how many frames the face comes late.
    pub lag_frames: Option<f64>,
}

/// Cosines of a recogniser's embedding to the portrait's: 1 is the same.
#[derive(Clone, Debug, Serialize)]
pub struct Likeness {
    /// The mean.
    pub mean: f64,
    /// The worst.
    pub least: f64,
    /// Seconds and cosine of each frame that was looked at.
    pub over_time: Vec<(f64, f64)>,
}

/// (255 - mean absolute difference of neighbouring frames) / 255 where the motion holds still: 1 is bit-equal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Flicker {
    /// The mean.
    pub score: f64,
    /// Pairs of frames that it is of.
    pub pairs: u64,
}

/// A place where frames are missing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dropped {
    /// Seconds of the frame before.
    pub after: f64,
    /// How many, at the usual step.
    pub frames: u64,
}

/// What a picture of the measurement needs besides.
#[derive(Clone, Debug)]
pub struct MeasuredTracks {
    /// What was asked, from the video's start on.
    pub asked: Track,
    /// What was measured.
    pub measured: Track,
    /// Channel by channel.
    pub agreement: Vec<Agreement>,
    /// Some frames of the video, small, with their seconds.
    pub thumbnails: Vec<(f64, RgbImage)>,
}

/// Tracks a rendered video and compares it with its motion and its portrait.
///
/// # Errors
/// A video, motion or portrait that cannot be read, or shows no face.
pub fn measure(
    job: &MeasureJob,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<(Measured, MeasuredTracks), AnimationError> {
    let tracker = FaceTracker::new().map_err(|source| AnimationError::face(job.video.to_string(), source))?;
    let motion = Motion::load(&job.motion, &[Family::Arkit], &tracker, observer, token)?;
    let span = motion.span(job.start, job.end)?;
    let asked = motion.track.trimmed(span, Interpolation::Linear).map_err(|problem| motion.unfit(problem))?;
    let asked = asked.with_gains(&job.gains);

    let mut likeness = match known_face(job, &tracker)? {
        Ok(known) => Ok(known),
        Err(absent) => {
            observer.note(&absent);
            Err(absent)
        }
    };
    let mut steadiness = Steadiness::new(&asked);
    let mut thumbnails = Thumbnails::default();
    let video = VideoJob { source: job.video.clone(), face: 1, start: None, end: None, smirk: None };
    let tracked = {
        let mut visit = |seen: &SeenFrame<'_>| {
            steadiness.add(seen.time, seen.picture);
            thumbnails.add(seen.time, seen.picture);
            match &mut likeness {
                Ok(known) => known.add(seen),
                Err(_) => Ok(()),
            }
        };
        track_video(&video, &tracker, Some(&mut visit), observer, token)?
    };
    let agreement = asked.agreement(&tracked.track);
    let (identity, identity_absent) = match likeness {
        Ok(known) => (known.result(), None),
        Err(absent) => (None, Some(absent)),
    };
    let measured = Measured {
        video: job.video.to_string(),
        frames: tracked.report.frames,
        seconds: steadiness.duration(),
        frames_without_face: tracked.report.frames_without_face,
        following: agreement.iter().map(|one| following(one, &steadiness)).collect(),
        identity,
        identity_absent,
        flicker: steadiness.flicker(),
        dropped: steadiness.dropped(),
        repeated: steadiness.repeated.clone(),
    };
    let tracks = MeasuredTracks { asked, measured: tracked.track, agreement, thumbnails: thumbnails.chosen() };
    Ok((measured, tracks))
}

fn following(one: &Agreement, steadiness: &Steadiness<'_>) -> Following {
    let moments = &one.moments;
    Following {
        channel: one.channel.name(),
        asked: moments.asked(),
        measured: moments.measured(),
        correlation: moments.correlation(),
        slope: moments.slope(),
        mean_abs_error: moments.mean_abs_error().unwrap_or(0.0),
        lag_frames: one.lag.and_then(|lag| Some(lag.seconds / steadiness.step()?)),
    }
}

/// The portrait's face as the recogniser knows it, or why it does not.
fn known_face(job: &MeasureJob, tracker: &FaceTracker) -> Result<Result<KnownFace, String>, AnimationError> {
    let Some(path) = &job.portrait else {
        return Ok(Err("no identity: give the portrait with --portrait".to_owned()));
    };
    let portrait = Portrait::load(path, None, tracker)?;
    let file = ModelFolder::find(job.models.as_deref(), &process_environment)
        .and_then(|folder| folder.require([ModelFile::Recogniser]));
    let recogniser = match file {
        Ok([recogniser]) => recogniser,
        Err(error) => {
            let first = error.to_string();
            let first = first.lines().next().unwrap_or_default().to_owned();
            return Ok(Err(format!("no identity, since there is no recogniser: {first}")));
        }
    };
    let face = |source| AnimationError::face(path.clone(), source);
    let recogniser = Recogniser::load(&recogniser).map_err(face)?;
    let portrait = recogniser.embed(&portrait.face().identity_crop(&portrait.image).map_err(face)?).map_err(face)?;
    Ok(Ok(KnownFace { recogniser, portrait, cosines: Vec::new() }))
}

struct KnownFace {
    recogniser: Recogniser,
    portrait: Identity,
    cosines: Vec<(f64, f64)>,
}

impl KnownFace {
    fn add(&mut self, seen: &SeenFrame<'_>) -> Result<(), AnimationError> {
        let Some(face) = seen.face.filter(|_| seen.index.is_multiple_of(IDENTITY_EVERY)) else { return Ok(()) };
        let failed = |source| AnimationError::face(format!("frame {}", seen.index), source);
        let crop = face.identity_crop(seen.picture).map_err(failed)?;
        let identity = self.recogniser.embed(&crop).map_err(failed)?;
        self.cosines.push((seen.time, f64::from(self.portrait.cosine(&identity))));
        Ok(())
    }

    fn result(self) -> Option<Likeness> {
        let count = self.cosines.len();
        let sum: f64 = self.cosines.iter().map(|pair| pair.1).sum();
        let least = self.cosines.iter().map(|pair| pair.1).fold(f64::INFINITY, f64::min);
        (count > 0).then(|| Likeness { mean: sum / count as f64, least, over_time: self.cosines })
    }
}

/// Compares each frame with the one before.
struct Steadiness<'a> {
    asked: &'a Track,
    before: Option<(f64, RgbImage)>,
    times: Vec<f64>,
    held_difference: f64,
    held_pairs: u64,
    repeated: Vec<f64>,
}

impl<'a> Steadiness<'a> {
    fn new(asked: &'a Track) -> Self {
        Self { asked, before: None, times: Vec::new(), held_difference: 0.0, held_pairs: 0, repeated: Vec::new() }
    }

    fn add(&mut self, time: f64, picture: &RgbImage) {
        self.times.push(time);
        if let Some((before, other)) =
            self.before.take().filter(|(_, other)| other.dimensions() == picture.dimensions())
        {
            let change = self.change(before, time);
            if change <= HELD {
                self.held_difference += mean_difference(&other, picture);
                self.held_pairs += 1;
            } else if change > SEEN && other.as_raw() == picture.as_raw() {
                self.repeated.push(time);
            }
        }
        self.before = Some((time, picture.clone()));
    }

    /// The largest change of any channel between two instants.
    fn change(&self, from: f64, to: f64) -> f32 {
        let values = |time| self.asked.sample_row(time, Interpolation::Linear);
        values(from).iter().zip(values(to)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    fn duration(&self) -> f64 {
        self.times.last().unwrap_or(&0.0) - self.times.first().unwrap_or(&0.0)
    }

    /// The usual step from frame to frame, seconds.
    fn step(&self) -> Option<f64> {
        let mut steps: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().filter(|step| *step > 0.0)
    }

    fn dropped(&self) -> Vec<Dropped> {
        let Some(usual) = self.step() else { return Vec::new() };
        let long = self.times.windows(2).filter(|pair| pair[1] - pair[0] > DROPPED_STEPS * usual);
        long.map(|pair| Dropped { after: pair[0], frames: ((pair[1] - pair[0]) / usual).round() as u64 - 1 }).collect()
    }

    fn flicker(&self) -> Option<Flicker> {
        let pairs = self.held_pairs;
        (pairs > 0).then(|| Flicker { score: 1.0 - self.held_difference / pairs as f64 / 255.0, pairs })
    }
}

/// Mean absolute difference of two pictures of one size, in levels.
fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len().max(1) as f64
}

/// Small pictures, evenly spread over a video of unknown length: many more than wanted are kept, and every second one
/// is dropped when there are too many.
#[derive(Debug)]
pub struct Thumbnails {
    every: u64,
    seen: u64,
    kept: Vec<(f64, RgbImage)>,
}

impl Default for Thumbnails {
    fn default() -> Self {
        Self { every: 1, seen: 0, kept: Vec::new() }
    }
}

impl Thumbnails {
    /// Takes the next frame.
    pub fn add(&mut self, time: f64, picture: &RgbImage) {
        if self.seen.is_multiple_of(self.every) {
            let (width, height) = picture.dimensions();
            let small = (width * THUMBNAIL_HEIGHT).div_ceil(height.max(1)).max(1);
            self.kept.push((time, image::imageops::thumbnail(picture, small, THUMBNAIL_HEIGHT)));
            if self.kept.len() > 8 * THUMBNAILS {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every *= 2;
            }
        }
        self.seen += 1;
    }

    /// The pictures, with their seconds.
    pub fn chosen(self) -> Vec<(f64, RgbImage)> {
        let last = self.kept.len().saturating_sub(1);
        let wanted = self.kept.len().min(THUMBNAILS);
        let mut kept: Vec<Option<(f64, RgbImage)>> = self.kept.into_iter().map(Some).collect();
        let place = |index: usize| (index * last + (wanted - 1) / 2) / (wanted - 1).max(1);
        (0..wanted).filter_map(|index| kept[place(index)].take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use moue_timeline::{Channel, Shape};

    use super::*;

    fn asked(values: &[(f64, f32)]) -> Track {
        let times = values.iter().map(|value| value.0).collect();
        Track::new(vec![Channel::Shape(Shape::JawOpen)], times, values.iter().map(|value| value.1).collect()).unwrap()
    }

    fn grey(level: u8) -> RgbImage {
        RgbImage::from_pixel(4, 4, Rgb([level; 3]))
    }

    #[test]
    fn flicker_counts_where_the_motion_holds_still_and_repeats_where_it_moves() {
        // Held for four frames, then moving.
        let track = asked(&[(0.0, 0.5), (0.16, 0.5), (0.4, 1.0)]);
        let mut steadiness = Steadiness::new(&track);
        for (index, level) in [100, 100, 110, 110, 110, 120, 130].into_iter().enumerate() {
            steadiness.add(index as f64 * 0.04, &grey(level));
        }
        let flicker = steadiness.flicker().unwrap();
        assert_eq!(flicker.pairs, 4);
        assert!((flicker.score - (1.0 - 10.0 / 4.0 / 255.0)).abs() < 1e-12, "{flicker:?}");
        assert_eq!(steadiness.repeated, Vec::<f64>::new());
        steadiness.add(0.28, &grey(130));
        assert_eq!(steadiness.repeated, [0.28]);
    }

    #[test]
    fn missing_frames_are_found_by_their_times() {
        let track = asked(&[(0.0, 0.0)]);
        let mut steadiness = Steadiness::new(&track);
        for time in [0.0, 0.04, 0.08, 0.2, 0.24] {
            steadiness.add(time, &grey(0));
        }
        let dropped = steadiness.dropped();
        assert_eq!((dropped.len(), dropped[0].after, dropped[0].frames), (1, 0.08, 2));
        assert!((steadiness.duration() - 0.24).abs() < 1e-12);
    }

    #[test]
    fn thumbnails_are_spread_whatever_the_length() {
        for frames in [1_u64, 5, 8, 17, 100, 1000] {
            let mut thumbnails = Thumbnails::default();
            (0..frames).for_each(|index| thumbnails.add(index as f64, &grey(0)));
            let chosen = thumbnails.chosen();
            assert_eq!(chosen.len() as u64, frames.min(THUMBNAILS as u64), "{frames}");
            assert!(chosen.windows(2).all(|pair| pair[1].0 > pair[0].0));
            let last = chosen[chosen.len() - 1].0;
            assert!(last >= (frames - 1) as f64 * 0.9, "{frames}: {last}");
            let steps: Vec<f64> = chosen.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
            let (least, most) =
                (steps.iter().copied().fold(f64::MAX, f64::min), steps.iter().copied().fold(0.0, f64::max));
            assert!(frames < 100 || most < 1.3 * least, "{frames}: {steps:?}");
        }
    }
}
