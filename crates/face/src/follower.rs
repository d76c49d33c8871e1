//! One face through the frames of a video.

use std::num::NonZero;
use std::time::Duration;

use image::RgbImage;

use crate::landmarks;
use crate::region::Bounds;
use crate::smoothing::LandmarkSmoother;
use crate::tracker::Sighting;
use crate::{Face, FaceError, FaceTracker};

/// While no face is there, the whole search for small ones is made in every so many frames only; in the others, one
/// look as MediaPipe's.
const SEARCH_EVERY: u32 = 15;

/// Which face is followed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowSettings {
    /// The how many-th by size, from 1: of the first frame that shows so many.
    pub face: NonZero<usize>,
    /// Whether landmarks, and with them blendshapes and pose, are smoothed as MediaPipe does it in its video mode for
    /// one face (a 1€ filter on every coordinate). What is followed does not depend on it.
    pub smooth: bool,
}

impl Default for FollowSettings {
    /// The largest face, not smoothed.
    fn default() -> Self {
        Self { face: NonZero::<usize>::MIN, smooth: false }
    }
}

/// What a frame shows of the face.
#[derive(Clone, Debug, PartialEq)]
pub enum Tracked {
    /// The face, found in the whole picture: in the first frame that shows it, and again where it was lost, as at a
    /// cut.
    Detected(Box<Face>),
    /// The face, found where it was in the frame before.
    Followed(Box<Face>),
    /// The face is not seen.
    Lost,
}

impl Tracked {
    /// The face, if it is there.
    pub fn face(&self) -> Option<&Face> {
        match self {
            Self::Detected(face) | Self::Followed(face) => Some(face),
            Self::Lost => None,
        }
    }
}

/// Follows one face through a video as MediaPipe's video mode does: the landmarks of a frame say where to look in the
/// next, and the detector looks at the whole picture only when the landmark net no longer sees a face there (presence
/// below 0.5).
///
/// Beyond MediaPipe, a face that was lost is looked for in the same frame, not in the next; small faces are searched
/// for; and of several faces one can be chosen. A lost face that comes back is known by its place: the one that
/// overlaps most where it was last, else the one of the same rank by size. Where there is none, the frame is
/// [`Tracked::Lost`]; nothing is made up.
///
/// Frames have to come in order, all of them. The work can be split: [`locate`](Self::locate) needs the frame before,
/// [`FaceTracker::read`] does not, so that another thread can read blendshapes and pose while the next frame is
/// located. [`follow`](Self::follow) does both.
#[derive(Clone, Debug)]
pub struct FaceFollower {
    settings: FollowSettings,
    /// The face's landmarks in the frame before, not smoothed.
    previous: Option<Sighting>,
    /// Where it was seen last.
    last_seen: Option<Bounds>,
    /// Frames since then.
    lost_for: u32,
    smoother: LandmarkSmoother,
}

impl FaceFollower {
    /// A follower that has seen no frame.
    pub fn new(settings: FollowSettings) -> Self {
        Self { settings, previous: None, last_seen: None, lost_for: 0, smoother: LandmarkSmoother::default() }
    }

    /// Finds the face in the next frame, at time `at` from the video's start (which only smoothing looks at), and reads
    /// its blendshapes and pose.
    ///
    /// # Errors
    /// As [`FaceTracker::analyze`].
    pub fn follow(&mut self, tracker: &FaceTracker, picture: &RgbImage, at: Duration) -> Result<Tracked, FaceError> {
        tracker.read(self.locate(tracker, picture, at)?)
    }

    /// Finds the face's landmarks in the next frame, at time `at` from the video's start.
    ///
    /// # Errors
    /// As [`FaceTracker::analyze`].
    pub fn locate(&mut self, tracker: &FaceTracker, picture: &RgbImage, at: Duration) -> Result<Located, FaceError> {
        let followed = match &self.previous {
            Some(previous) => tracker.sight(picture, &landmarks::next_region(&previous.landmarks))?,
            None => None,
        };
        let is_followed = followed.is_some();
        if !is_followed {
            self.smoother.reset();
        }
        let Some(sighting) = followed.map_or_else(|| self.find(tracker, picture), |sighting| Ok(Some(sighting)))?
        else {
            self.previous = None;
            self.lost_for = self.lost_for.saturating_add(1);
            return Ok(Located(None));
        };
        self.lost_for = 0;
        self.last_seen = Some(sighting.bounds());
        self.previous = Some(sighting.clone());
        let mut sighting = sighting;
        if self.settings.smooth {
            self.smoother.apply(&mut sighting.landmarks, at);
        }
        Ok(Located(Some(Seen { sighting, is_followed, size: picture.dimensions() })))
    }

    /// The face in the whole picture.
    fn find(&self, tracker: &FaceTracker, picture: &RgbImage) -> Result<Option<Sighting>, FaceError> {
        let mut sightings = tracker.find(picture, self.lost_for.is_multiple_of(SEARCH_EVERY))?;
        let overlaps = |sighting: &Sighting| self.last_seen.map_or(0.0, |last| last.iou(&sighting.bounds()));
        let nearest = (0..sightings.len())
            .filter(|&i| overlaps(&sightings[i]) > 0.0)
            .max_by(|&a, &b| overlaps(&sightings[a]).total_cmp(&overlaps(&sightings[b])));
        let chosen = nearest.unwrap_or(self.settings.face.get() - 1);
        Ok((chosen < sightings.len()).then(|| sightings.swap_remove(chosen)))
    }
}

/// A face's landmarks in one frame, or that there are none; [`FaceTracker::read`] makes more of it.
#[derive(Clone, Debug)]
pub struct Located(pub(crate) Option<Seen>);

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    sighting: Sighting,
    is_followed: bool,
    /// Of the frame.
    size: (u32, u32),
}

impl Located {
    /// Whether the face is there.
    pub fn is_seen(&self) -> bool {
        self.0.is_some()
    }
}

impl FaceTracker {
    /// Reads blendshapes and pose off what a [`FaceFollower`] has located.
    ///
    /// # Errors
    /// [`FaceError::Run`] if a net fails.
    pub fn read(&self, located: Located) -> Result<Tracked, FaceError> {
        let Some(Seen { sighting, is_followed, size }) = located.0 else { return Ok(Tracked::Lost) };
        let face = Box::new(self.describe(sighting, size));
        Ok(if is_followed { Tracked::Followed(face) } else { Tracked::Detected(face) })
    }
}
