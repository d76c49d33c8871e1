//! A face in front of a camera, or in a stream, as it is now.
//!
//! ```text
//! receive -> follow -> read -> smooth, without the driver's rest -> the newest sight, which replaces the one before
//! ```

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use moue_bridge::{Family, LinearMap};
use moue_engine::CancelToken;
use moue_face::{FaceFollower, FaceTracker, FollowSettings};
use moue_media::{Source, VideoReader};
use moue_smirk::SmirkTracker;
use moue_timeline::{Channel, RestFace, Smoother, Smoothing, Track};
use serde::Serialize;

use crate::bridging::moving;
use crate::motion::smirk_file;
use crate::tracking::{measured_channels, measured_values, open_reader};
use crate::{AnimationError, MotionJob, Rest, read_map};

/// How long the driver's face is watched to learn its rest.
const LEARNING: f64 = 2.0;

/// What a live source showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DriverReport {
    /// Frames that were looked at.
    pub frames: u64,
    /// Frames in which the face was not seen; the pose before stays.
    pub frames_without_face: u64,
    /// Frames that were replaced by newer ones before they were looked at, or before their pose was drawn.
    pub dropped: u64,
    /// Milliseconds from a frame's arrival until the picture with its pose was shown: mean, and the largest.
    pub latency_ms: [f64; 2],
    /// Why the source broke off, if it did.
    pub broke: Option<String>,
}

/// What a frame of the source showed, and when it arrived.
#[derive(Debug)]
pub(super) struct Sight {
    /// One row of coefficients, which the renderer is moved by; none where there is no face, or its rest is not known.
    pub track: Option<Track>,
    /// The picture in the inset's size, where there is one.
    pub inset: Option<RgbImage>,
    pub arrived: Instant,
}

/// What the thread tells.
#[derive(Debug, Default)]
struct Seen {
    newest: Option<Sight>,
    /// Sights that were replaced by newer ones.
    unseen: u64,
    report: DriverReport,
    notes: Vec<String>,
    failure: Option<AnimationError>,
    is_over: bool,
    /// Nobody wants more.
    is_enough: bool,
}

/// Watches a live source on a thread of its own.
pub(crate) struct Driver {
    seen: Arc<Mutex<Seen>>,
}

impl Driver {
    /// Begins to watch. Frames that come while one is looked at are never queued. `inset` is the width of the pictures
    /// that are kept.
    ///
    /// # Errors
    /// A rest that a live source cannot have, a map or weights that cannot be read.
    pub(crate) fn start(
        reader: VideoReader,
        job: &MotionJob,
        families: &'static [Family],
        rest: Option<RestFace>,
        inset: Option<u32>,
    ) -> Result<Self, AnimationError> {
        let map = job.map.as_deref().map(read_map).transpose()?;
        let smirk = if job.smirk {
            let device = moue_diffusion::device::open("cpu")?;
            Some(SmirkTracker::load(&smirk_file(job.models.as_deref())?, &device)?)
        } else {
            None
        };
        let name = job.source.to_string();
        let tracker = FaceTracker::new().map_err(|source| AnimationError::face(&name, source))?;
        let channels = measured_channels(smirk.is_some());
        let learning = match (&job.rest, &rest) {
            (None | Some(Rest::Auto), None) => Some(Learning::default()),
            _ => None,
        };
        let face = NonZero::new(job.face.unwrap_or(1)).unwrap_or(NonZero::<usize>::MIN);
        let watch = Watch {
            name,
            tracker,
            follower: FaceFollower::new(FollowSettings { face, smooth: false }),
            smirk,
            smoother: Smoother::new(&channels, job.smoothing.unwrap_or(Smoothing::Light)),
            channels,
            rest,
            learning,
            map,
            families,
            inset,
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = Arc::clone(&seen);
        // Not a stage: a source that has gone silent holds it for up to half a minute, and a run ends sooner.
        let thread = std::thread::Builder::new().name("watch".to_owned());
        let started = thread.spawn(move || watch.run(reader, &told));
        started.map_err(|error| AnimationError::Thread { what: "watching the source", error })?;
        Ok(Self { seen })
    }

    /// The newest sight, if it was not taken before.
    pub(super) fn take(&self) -> Option<Sight> {
        lock(&self.seen).newest.take()
    }

    /// How many were not.
    pub(super) fn dropped(&self) -> u64 {
        lock(&self.seen).report.dropped
    }

    pub(super) fn is_over(&self) -> bool {
        lock(&self.seen).is_over
    }

    /// What people ought to know, once.
    pub(super) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.seen).notes)
    }

    /// Ends it, and says what it saw.
    ///
    /// # Errors
    /// What ended it before.
    pub(super) fn end(self) -> Result<DriverReport, AnimationError> {
        let mut seen = lock(&self.seen);
        seen.is_enough = true;
        seen.failure.take().map_or_else(|| Ok(seen.report.clone()), Err)
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows of a face of which the rest is not known yet.
#[derive(Default)]
struct Learning {
    times: Vec<f64>,
    values: Vec<f32>,
}

impl Learning {
    /// The rest, as soon as enough was seen.
    fn add(&mut self, channels: &[Channel], time: f64, row: &[f32]) -> Option<RestFace> {
        self.times.push(time);
        self.values.extend(row);
        let is_enough = time - self.times[0] >= LEARNING;
        let track = is_enough.then(|| {
            Track::new(channels.to_vec(), std::mem::take(&mut self.times), std::mem::take(&mut self.values)).ok()
        });
        track.flatten().map(|track| RestFace::estimate(&track))
    }
}

struct Watch {
    name: String,
    tracker: FaceTracker,
    follower: FaceFollower,
    smirk: Option<SmirkTracker>,
    smoother: Smoother,
    channels: Vec<Channel>,
    rest: Option<RestFace>,
    learning: Option<Learning>,
    map: Option<LinearMap>,
    families: &'static [Family],
    inset: Option<u32>,
}

impl Watch {
    fn run(mut self, reader: VideoReader, told: &Mutex<Seen>) {
        let outcome = self.watch(reader, told);
        let mut seen = lock(told);
        seen.failure = outcome.err();
        seen.is_over = true;
    }

    fn watch(&mut self, reader: VideoReader, told: &Mutex<Seen>) -> Result<(), AnimationError> {
        let mut last = f64::NEG_INFINITY;
        let mut is_noted = false;
        let mut reader = reader;
        for frame in 0_u64.. {
            let Some(item) = reader.next() else { break };
            let (pts, picture) = match item {
                Ok(item) => item,
                // What came before was good.
                Err(error) if frame > 0 => {
                    lock(told).report.broke = Some(error.to_string().lines().next().unwrap_or_default().to_owned());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            let (arrived, time) = (reader.arrived().unwrap_or_else(Instant::now), pts.as_seconds());
            let tracked = self.follower.follow(&self.tracker, &picture, Duration::from_nanos(pts.0));
            let tracked = tracked.map_err(|source| AnimationError::face(&self.name, source))?;
            let pose = match tracked.face() {
                Some(face) if time > last => {
                    last = time;
                    let mut row = measured_values(&self.channels, face, &picture, self.smirk.as_ref())?;
                    self.smoother.smooth(time, &mut row);
                    self.pose(time, row)?
                }
                _ => None,
            };
            let inset = self.inset.map(|width| inset(&picture, width));
            let mut seen = lock(told);
            seen.report.frames += 1;
            seen.report.frames_without_face += u64::from(tracked.face().is_none());
            let (track, notes) = pose.unzip();
            if let Some(notes) = notes.filter(|_| !std::mem::replace(&mut is_noted, true)) {
                seen.notes.extend(notes);
            }
            let unseen = seen.newest.replace(Sight { track, inset, arrived });
            seen.unseen += u64::from(unseen.is_some());
            seen.report.dropped = seen.unseen + reader.dropped();
            if let Some(unseen) = unseen {
                // A face that is gone for a frame must not take the pose before with it.
                if let Some(newest) = seen.newest.as_mut().filter(|newest| newest.track.is_none()) {
                    newest.track = unseen.track;
                }
            }
            if seen.is_enough {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What moves the renderer, and what is lost on the way; nothing while the driver's rest is being learned.
    fn pose(&mut self, time: f64, row: Vec<f32>) -> Result<Option<(Track, Vec<String>)>, AnimationError> {
        if let Some(learning) = &mut self.learning {
            let Some(rest) = learning.add(&self.channels, time, &row) else { return Ok(None) };
            (self.rest, self.learning) = (Some(rest), None);
        }
        let track = Track::new(self.channels.clone(), vec![0.0], row)
            .map_err(|problem| AnimationError::Tracked { path: self.name.clone().into(), problem })?;
        let track = match &self.rest {
            Some(rest) => rest.subtracted_from(&track),
            None => track,
        };
        let notes = Notes::default();
        let track = moving(&self.name, &track, self.families, self.map.as_ref(), &notes)?;
        Ok(Some((track, notes.0.into_inner().unwrap_or_else(PoisonError::into_inner))))
    }
}

/// A picture for the inset: of that width, in its own shape.
fn inset(picture: &RgbImage, width: u32) -> RgbImage {
    let (wide, high) = picture.dimensions();
    let height = u64::from(high) * u64::from(width) / u64::from(wide.max(1));
    imageops::thumbnail(picture, width.max(1), u32::try_from(height).unwrap_or(1).max(1))
}

/// Keeps what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl crate::Observer for Notes {
    fn note(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
}

/// The source's frames, if it is one that goes on in real time.
///
/// # Errors
/// A source that cannot be opened; the run was interrupted.
pub(crate) fn live_reader(source: &Source, token: &CancelToken) -> Result<Option<VideoReader>, AnimationError> {
    if !matches!(source, Source::Address(_)) {
        return Ok(None);
    }
    let reader = open_reader(source, None, None, token)?;
    Ok(reader.is_live().then_some(reader))
}
