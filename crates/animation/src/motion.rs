//! The motion of a run, whatever it comes from: read or tracked, calmed, taken off the driver's own rest, and brought to
//! the coefficients that a renderer is moved by.

use std::path::{Path, PathBuf};

use moue_bridge::{Family, LinearMap};
use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_media::{Soundtrack, Source};
use moue_models::{ModelFile, ModelFolder, process_environment};
use moue_timeline::{EditError, FrameRate, RestFace, Smoothing, Span, Track, counted};
use moue_tracks::{ContentKind, Format, ReadOptions, sniff_kind};

use crate::bridging::moving;
use crate::tracking::{Spectator, VideoJob, VideoReport, track_video};
use crate::{AnimationError, Observer, Portrait, Rest, expression_of, head_of, read_map};

/// What to read, and what to do to it.
#[derive(Clone, Debug)]
pub struct MotionJob {
    /// A track, a video, an address, or a folder of either's parts.
    pub source: Source,
    /// The kind of track, where the content's own word is not taken for it.
    pub format: Option<Format>,
    /// Rows or pictures per second of what does not say it.
    pub rate: Option<FrameRate>,
    /// Which face of a video, from 1.
    pub face: Option<usize>,
    /// Where a video begins to matter, in seconds: what lies before is not tracked.
    pub start: Option<f64>,
    /// Where it ends to matter.
    pub end: Option<f64>,
    /// Whether SMIRK reads FLAME coefficients off a video.
    pub smirk: bool,
    /// Where models are looked for.
    pub models: Option<PathBuf>,
    /// How strongly it is smoothed; by default a video lightly, a track not at all.
    pub smoothing: Option<Smoothing>,
    /// Whether smoothing knows the past alone, as it does live.
    pub causal: bool,
    /// The driver's resting face; by default found in a video, not taken off a track.
    pub rest: Option<Rest>,
    /// A map between ARKit and FLAME.
    pub map: Option<PathBuf>,
}

impl MotionJob {
    /// Reads `source` and leaves it as it is.
    pub fn plain(source: Source) -> Self {
        Self {
            source,
            format: None,
            rate: None,
            face: None,
            start: None,
            end: None,
            smirk: false,
            models: None,
            smoothing: Some(Smoothing::Off),
            causal: false,
            rest: Some(Rest::Off),
            map: None,
        }
    }
}

impl MotionJob {
    /// The file or folder; none for an address.
    pub fn path(&self) -> Option<&Path> {
        path_of(&self.source)
    }
}

/// A motion, ready to be sampled.
#[derive(Clone, Debug)]
pub struct Motion {
    /// Its coefficients; its first key is at 0 s.
    pub track: Track,
    /// What it was read from.
    pub name: String,
    /// What kind of thing that is.
    pub kind: String,
    /// Seconds of the source where the track's time 0 is: not 0 where only a part of a video was tracked.
    pub origin: f64,
    /// What there was to see, in a video.
    pub video: Option<VideoReport>,
    /// The video.
    pub source: Option<Source>,
}

impl Motion {
    /// Reads the motion and brings it to the first of `families`, with what follows of the others, or leaves it as it is
    /// where there are none.
    ///
    /// # Errors
    /// What cannot be read, a video without a face, a resting face that is not there, a motion of which nothing moves
    /// the first of `families`.
    pub fn load(
        job: &MotionJob,
        families: &[Family],
        tracker: &FaceTracker,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Self, AnimationError> {
        // To look at a video takes long: what can be wrong elsewhere is found out first.
        let map = job.map.as_deref().map(read_map).transpose()?;
        if let Some(Rest::File(path)) = &job.rest {
            sniff_kind(path)?;
        }
        let motion = Self::read(job, tracker, None, observer, token)?;
        let motion = motion.shaped(job, tracker, observer, token)?;
        if families.is_empty() { Ok(motion) } else { motion.moving(families, map.as_ref(), observer)?.held() }
    }

    /// As long as the video that it was read off: before the face is first seen and after it is last seen, it holds.
    fn held(mut self) -> Result<Self, AnimationError> {
        let Some(video) = &self.video else { return Ok(self) };
        let (track, rows) = (&self.track, self.track.times().len());
        let (early, late) = (track.times()[0] > 0.0, track.times()[rows - 1] < video.seconds);
        let chosen = early.then_some((0.0, 0)).into_iter();
        let chosen = chosen.chain((0..rows).map(|row| (track.times()[row], row)));
        let (times, rows): (Vec<f64>, Vec<usize>) = chosen.chain(late.then_some((video.seconds, rows - 1))).unzip();
        let values = rows.into_iter().flat_map(|row| track.row(row).iter().copied()).collect();
        let held = Track::new(track.channels().to_vec(), times, values);
        self.track = held.map_err(|problem| AnimationError::Tracked { path: self.name.clone().into(), problem })?;
        Ok(self)
    }

    /// The sound that goes with it from `start` on, in seconds of the track: that of a video.
    pub fn soundtrack(&self, start: f64) -> Option<Soundtrack> {
        let source = self.source.clone().filter(|source| !matches!(source, Source::Folder { .. }))?;
        Some(Soundtrack { source, start: self.origin + start, duration: None })
    }

    /// Reads the motion as it is; a video's frames are shown to `spectator`.
    ///
    /// # Errors
    /// What cannot be read, and a video without a face.
    pub fn read(
        job: &MotionJob,
        tracker: &FaceTracker,
        spectator: Option<Spectator<'_>>,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Self, AnimationError> {
        let name = job.source.to_string();
        let motion = if is_video(job)? {
            let smirk = if job.smirk { Some(smirk_file(job.models.as_deref())?) } else { None };
            let source = match job.rate {
                Some(rate) => job.source.clone().at(rate),
                None => job.source.clone(),
            };
            let video = VideoJob { source, face: job.face.unwrap_or(1), start: job.start, end: job.end, smirk };
            let tracked = track_video(&video, tracker, spectator, observer, token)?;
            tell(&tracked.report, &name, observer);
            let origin = job.start.unwrap_or(0.0);
            Self {
                track: tracked.track,
                name,
                kind: "video".to_owned(),
                origin,
                video: Some(tracked.report),
                source: Some(job.source.clone()),
            }
        } else {
            let Some(path) = path_of(&job.source) else { return Err(AnimationError::NotAMotion { path: name.into() }) };
            let loaded = ReadOptions { rate: job.rate, format: job.format }.read(path)?;
            loaded.notes.iter().for_each(|note| observer.note(&format!("{name}: {note}")));
            Self {
                track: loaded.track,
                name,
                kind: loaded.format.title().to_owned(),
                origin: 0.0,
                video: None,
                source: None,
            }
        };
        tracing::info!(kind = motion.kind, rows = motion.track.times().len(), "motion read");
        Ok(motion)
    }

    /// Smoothed, and without the driver's resting face.
    ///
    /// # Errors
    /// A resting face that is not there.
    pub fn shaped(
        mut self,
        job: &MotionJob,
        tracker: &FaceTracker,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Self, AnimationError> {
        let of_video = self.video.is_some();
        let usual = if of_video { Smoothing::Light } else { Smoothing::Off };
        let smoothing = job.smoothing.unwrap_or(usual);
        self.track = if job.causal { self.track.smoothed(smoothing) } else { self.track.smoothed_zero_lag(smoothing) };
        let usual = if of_video { Rest::Auto } else { Rest::Off };
        let rest = self.rest(job.rest.as_ref().unwrap_or(&usual), tracker, observer, token)?;
        if let Some(rest) = rest {
            self.track = rest.subtracted_from(&self.track);
        }
        Ok(self)
    }

    fn rest(
        &self,
        rest: &Rest,
        tracker: &FaceTracker,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Option<RestFace>, AnimationError> {
        let path = match rest {
            Rest::Off => return Ok(None),
            Rest::Auto => return Ok(Some(RestFace::estimate(&self.track))),
            Rest::At(_) | Rest::Frame(_) => return self.rest_at(rest).map(Some),
            Rest::File(path) => path,
        };
        rest_of_file(path, self.track.has_flame(), tracker, observer, token).map(Some)
    }

    /// The resting face at a moment of the motion.
    fn rest_at(&self, rest: &Rest) -> Result<RestFace, AnimationError> {
        // Times of frames are those of the recording, which may not be regular.
        let rate = self.track.step().map_or(25.0, |step| 1.0 / step);
        let time = match rest {
            Rest::Frame(index) => *index as f64 / rate,
            Rest::At(time) => *time,
            _ => 0.0,
        };
        let (start, end) = (self.origin, self.origin + self.track.duration());
        if !(start..=end + 1.0 / rate).contains(&time) {
            let (rest, name) = (rest.to_string(), self.name.clone());
            return Err(AnimationError::NoRest { path: name.into(), rest, start, end });
        }
        Ok(RestFace::at(&self.track, time - self.origin))
    }

    /// With the coefficients of `families`: its own, or what follows from the others.
    fn moving(
        mut self,
        families: &[Family],
        map: Option<&LinearMap>,
        observer: &dyn Observer,
    ) -> Result<Self, AnimationError> {
        self.track = moving(&self.name, &self.track, families, map, observer)?;
        Ok(self)
    }

    /// The part from `start` to `end`, in seconds of the source.
    ///
    /// # Errors
    /// Where nothing is left.
    pub fn span(&self, start: Option<f64>, end: Option<f64>) -> Result<Span, AnimationError> {
        let inside = |time: f64| (time - self.origin).max(0.0);
        self.track
            .span(start.map(inside), end.map(inside))
            .map_err(|problem| AnimationError::Span { path: self.name.clone().into(), problem })
    }

    /// An operation that this motion does not allow.
    pub fn unfit(&self, problem: EditError) -> AnimationError {
        AnimationError::Edit { path: self.name.clone().into(), problem }
    }
}

/// The resting face that a picture of the driver shows, or a calm recording.
///
/// # Errors
/// What cannot be read, or shows no face.
pub(crate) fn rest_of_file(
    path: &Path,
    has_flame: bool,
    tracker: &FaceTracker,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<RestFace, AnimationError> {
    if sniff_kind(path)? == ContentKind::Picture {
        let portrait = Portrait::load(path, None, tracker)?;
        let mut expression = expression_of(portrait.face());
        expression.head = head_of(portrait.face());
        if has_flame {
            let name = path.display();
            observer.note(&format!("{name}: a picture's rest is of ARKit shapes; FLAME coefficients stay as they are"));
        }
        return Ok(RestFace::from(&expression));
    }
    let calm = Motion::read(&MotionJob::plain(Source::from(path)), tracker, None, observer, token)?;
    Ok(RestFace::estimate(&calm.track))
}

/// Whether the source has to be looked at rather than read.
fn is_video(job: &MotionJob) -> Result<bool, AnimationError> {
    let Some(path) = path_of(&job.source) else { return Ok(true) };
    // A format is one of tracks.
    if job.format.is_some() {
        return Ok(false);
    }
    match sniff_kind(path)? {
        ContentKind::Video | ContentKind::PictureFolder => Ok(true),
        ContentKind::Track | ContentKind::Picture | ContentKind::Sound | ContentKind::Unknown => Ok(false),
    }
}

fn path_of(source: &Source) -> Option<&Path> {
    match source {
        Source::File(path) | Source::Folder { path, .. } => Some(path),
        Source::Address(_) => None,
    }
}

pub(crate) fn smirk_file(models: Option<&Path>) -> Result<PathBuf, AnimationError> {
    let folder = ModelFolder::find(models, &process_environment).map_err(moue_diffusion::DiffusionError::from)?;
    let [file] = folder.require([ModelFile::Smirk]).map_err(moue_diffusion::DiffusionError::from)?;
    Ok(file)
}

/// Says what was not seen.
fn tell(report: &VideoReport, name: &str, observer: &dyn Observer) {
    if let Some(broke) = &report.broke {
        // It names the file itself.
        observer.note(broke);
    }
    if report.frames_without_face == 0 {
        return;
    }
    const LISTED: usize = 4;
    let mut places: Vec<String> = report
        .gaps
        .iter()
        .take(LISTED)
        .map(|gap| format!("{:.2} to {:.2} s ({})", gap.start, gap.end, counted(gap.frames, "frame")))
        .collect();
    if report.gaps.len() > LISTED {
        places.push(format!("and {}", counted(report.gaps.len() - LISTED, "more place")));
    }
    observer.note(&format!(
        "{name}: {} of {} frames have no face and are bridged: {}",
        report.frames_without_face,
        report.frames,
        places.join(", ")
    ));
}
