//! A video becomes a track: decoding, following one face and reading its coefficients, each beside the other.
//!
//! ```text
//! decode -> follow (one thread: a face is looked for where it was before) -> read (SMIRK) -> row of a track
//! ```

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use image::RgbImage;
use moue_engine::CancelToken;
use moue_face::{BLENDSHAPE_NAMES, Face, FaceFollower, FaceTracker, FollowSettings, Located, Tracked};
use moue_media::{MediaError, Source, VideoReader};
use moue_smirk::SmirkTracker;
use moue_timeline::{Channel, FlameChannel, FlameExpression, HeadAxis, Pts, Shape, Track};
use serde::Serialize;

use crate::{AnimationError, Observer, expression_of, head_of};

/// Decoded frames that wait for the tracker: decoders deliver in bursts.
const WAITING_FRAMES: usize = 4;
/// How often one looks whether a run is to end before its source gives anything.
const LOOK: Duration = Duration::from_millis(50);

/// What to read off which video.
#[derive(Clone, Debug)]
pub struct VideoJob {
    /// A video, an address or a folder of pictures.
    pub source: Source,
    /// Which face, from 1: the largest first, in the first frame that has faces.
    pub face: usize,
    /// Where to begin, in seconds of the video.
    pub start: Option<f64>,
    /// Where to end, in seconds of the video; not included.
    pub end: Option<f64>,
    /// SMIRK's weights, for FLAME coefficients beside the ARKit ones.
    pub smirk: Option<PathBuf>,
}

/// A frame of a video and what is seen in it.
pub struct SeenFrame<'a> {
    /// From 0, as the video has them.
    pub index: u64,
    /// Seconds of the video.
    pub time: f64,
    /// The picture.
    pub picture: &'a RgbImage,
    /// The face that is followed, where it is seen.
    pub face: Option<&'a Face>,
}

/// Is shown every frame that is tracked, in order.
pub type Spectator<'a> = &'a mut (dyn FnMut(&SeenFrame<'_>) -> Result<(), AnimationError> + Send);

/// What was read off a video.
#[derive(Clone, Debug)]
pub struct TrackedVideo {
    /// ARKit shapes (without `tongueOut`, which MediaPipe does not measure), the head, and FLAME where SMIRK read it.
    /// A row for each frame with a face; times are seconds from where tracking began.
    pub track: Track,
    /// What there was to see.
    pub report: VideoReport,
}

/// What there was to see in a video.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VideoReport {
    /// Frames that were looked at.
    pub frames: u64,
    /// From the first frame to the last.
    pub seconds: f64,
    /// Frames in which the face was not seen.
    pub frames_without_face: u64,
    /// Where these are, in seconds of the video: from the first frame without the face to the next one with it.
    pub gaps: Vec<FaceGap>,
    /// How often the face had to be looked for in the whole picture, the first time included.
    pub searches: u64,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Why it ended before its end, if it did.
    pub broke: Option<String>,
}

/// A part of a video without the face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FaceGap {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// How many frames it has.
    pub frames: u64,
}

/// Opens a source, unless the run is to end before it gives anything: an address may be silent for half a minute.
///
/// # Errors
/// What is wrong with the source; the run was interrupted.
pub(crate) fn open_reader(
    source: &Source,
    start: Option<f64>,
    end: Option<f64>,
    token: &CancelToken,
) -> Result<VideoReader, AnimationError> {
    if !matches!(source, Source::Address(_)) {
        return Ok(VideoReader::open_range(source, start, end)?);
    }
    let (tell, told) = sync_channel(1);
    let address = source.clone();
    let opening = move || drop(tell.send(VideoReader::open_range(&address, start, end)));
    // Nobody waits for it when it is in vain.
    let spawned = std::thread::Builder::new().name("open".to_owned()).spawn(opening);
    spawned.map_err(|error| AnimationError::Thread { what: "opening the source", error })?;
    loop {
        match told.recv_timeout(LOOK) {
            Ok(opened) => return Ok(opened?),
            Err(RecvTimeoutError::Timeout) if !token.is_finishing() => {}
            Err(_) => return Err(AnimationError::Interrupted),
        }
    }
}

/// Follows a face through a video and reads its coefficients.
///
/// # Errors
/// A video that cannot be read or shows no face at all, weights of SMIRK that cannot be loaded, a run that was
/// interrupted. A video that breaks off after some frames is no error: see [`VideoReport::broke`].
pub fn track_video(
    job: &VideoJob,
    tracker: &FaceTracker,
    spectator: Option<Spectator<'_>>,
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<TrackedVideo, AnimationError> {
    let mut reader = open_reader(&job.source, job.start, job.end, token)?;
    let device = moue_diffusion::device::open("cpu")?;
    let smirk = job.smirk.as_deref().map(|path| SmirkTracker::load(path, &device)).transpose()?;
    let name = job.source.to_string();
    observer.tracking(&name, reader.expected_frames());
    let mut rows = Rows::new(smirk.is_some(), job.start.unwrap_or(0.0));
    let mut broke = None;
    let mut spectator = spectator;
    moue_engine::run(token, |scope| {
        let (frames, to_follow) = scope.channel::<(Pts, RgbImage)>("decoded", WAITING_FRAMES);
        let (followed, to_read) = scope.channel::<Followed>("followed", WAITING_FRAMES);
        let (rows, broke, name, smirk) = (&mut rows, &mut broke, &name, smirk.as_ref());

        scope.stage("decode", move |stage| {
            for frame in reader.by_ref() {
                match frame {
                    Ok(frame) => frames.send(frame)?,
                    // What came before is good.
                    Err(error @ MediaError::EndsEarly { .. }) => {
                        let text = error.to_string();
                        *broke = Some(text.lines().next().unwrap_or_default().to_owned());
                    }
                    Err(error) => return Err(AnimationError::from(error).into()),
                }
                if stage.is_finishing() {
                    break;
                }
            }
            frames.close();
            Ok(())
        });
        scope.stage("follow", move |_| {
            // What trembles is smoothed later, with a look ahead: MediaPipe's own filter would lag.
            let face = NonZero::new(job.face).unwrap_or(NonZero::<usize>::MIN);
            let mut follower = FaceFollower::new(FollowSettings { face, smooth: false });
            let mut index = 0;
            while let Some((pts, picture)) = to_follow.recv()? {
                let located = follower.locate(tracker, &picture, Duration::from_nanos(pts.0));
                let located = located.map_err(|source| AnimationError::face(name, source))?;
                followed.send(Followed { index, time: pts.as_seconds(), picture, located })?;
                index += 1;
            }
            followed.close();
            Ok(())
        });
        scope.stage("read", move |_| {
            while let Some(followed) = to_read.recv()? {
                let Followed { index, time, picture, located } = followed;
                let tracked = tracker.read(located).map_err(|source| AnimationError::face(name, source))?;
                rows.add(index, time, &picture, &tracked, smirk, &mut spectator)?;
                observer.tracked(index + 1);
            }
            Ok(())
        });
    })?;
    rows.finish(&name, job.face, broke)
}

/// A frame and where the face is in it.
struct Followed {
    index: u64,
    /// Seconds from where tracking began.
    time: f64,
    picture: RgbImage,
    located: Located,
}

/// Rows of a track in the making, and what is to be told of the frames.
struct Rows {
    channels: Vec<Channel>,
    times: Vec<f64>,
    values: Vec<f32>,
    origin: f64,
    report: VideoReport,
    /// Time of the last frame.
    last: f64,
}

impl Rows {
    fn new(with_flame: bool, origin: f64) -> Self {
        Self {
            channels: measured_channels(with_flame),
            times: Vec::new(),
            values: Vec::new(),
            origin,
            report: VideoReport::default(),
            last: f64::NEG_INFINITY,
        }
    }

    fn add(
        &mut self,
        index: u64,
        time: f64,
        picture: &RgbImage,
        tracked: &Tracked,
        smirk: Option<&SmirkTracker>,
        spectator: &mut Option<Spectator<'_>>,
    ) -> Result<(), AnimationError> {
        let in_video = self.origin + time;
        self.report.frames += 1;
        self.report.size = picture.dimensions().into();
        self.report.searches += u64::from(!matches!(tracked, Tracked::Followed(_)));
        let face = tracked.face();
        // A frame that comes with the time of another one has no place in a track.
        if time > self.last {
            match face {
                Some(face) => self.row(time, face, picture, smirk)?,
                None => self.missing(time),
            }
            self.last = time;
        }
        match spectator {
            Some(spectator) => spectator(&SeenFrame { index, time: in_video, picture, face }),
            None => Ok(()),
        }
    }

    fn row(
        &mut self,
        time: f64,
        face: &Face,
        picture: &RgbImage,
        smirk: Option<&SmirkTracker>,
    ) -> Result<(), AnimationError> {
        if let Some(gap) = self.report.gaps.last_mut().filter(|gap| gap.end.is_nan()) {
            gap.end = self.origin + time;
        }
        self.times.push(time);
        self.values.extend(measured_values(&self.channels, face, picture, smirk)?);
        Ok(())
    }

    fn missing(&mut self, time: f64) {
        self.report.frames_without_face += 1;
        match self.report.gaps.last_mut().filter(|gap| gap.end.is_nan()) {
            Some(gap) => gap.frames += 1,
            None => self.report.gaps.push(FaceGap { start: self.origin + time, end: f64::NAN, frames: 1 }),
        }
    }

    fn finish(mut self, name: &str, face: usize, broke: Option<String>) -> Result<TrackedVideo, AnimationError> {
        if let Some(gap) = self.report.gaps.last_mut().filter(|gap| gap.end.is_nan()) {
            gap.end = self.origin + self.last;
        }
        self.report.broke = broke;
        self.report.seconds = self.last.max(0.0);
        if self.times.is_empty() {
            let frames = self.report.frames;
            return Err(AnimationError::NoFaceInVideo { path: name.into(), face, frames, broke: self.report.broke });
        }
        let track = Track::new(self.channels, self.times, self.values).map_err(|problem| {
            // Times were checked, and the nets' outputs are finite unless they are broken.
            AnimationError::Tracked { path: name.into(), problem }
        })?;
        Ok(TrackedVideo { track, report: self.report })
    }
}

/// What is read off a face, in this order.
pub(crate) fn measured_channels(with_flame: bool) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Shape::ALL.into_iter().filter(is_measured).map(Channel::Shape).collect();
    if with_flame {
        channels.extend(FlameChannel::all().map(Channel::Flame));
    }
    channels.extend(HeadAxis::ALL.map(Channel::Head));
    channels
}

/// What `channels` are in a face of a picture.
pub(crate) fn measured_values(
    channels: &[Channel],
    face: &Face,
    picture: &RgbImage,
    smirk: Option<&SmirkTracker>,
) -> Result<Vec<f32>, AnimationError> {
    let expression = expression_of(face);
    let flame = match smirk {
        Some(smirk) => smirk.track(picture, &face.landmarks)?.expression,
        None => FlameExpression::NEUTRAL,
    };
    let head = head_of(face);
    let value = |channel: &Channel| match channel {
        Channel::Shape(shape) => expression.get(*shape),
        Channel::Flame(channel) => flame.get(*channel),
        Channel::Head(HeadAxis::Yaw) => head.yaw,
        Channel::Head(HeadAxis::Pitch) => head.pitch,
        Channel::Head(HeadAxis::Roll) => head.roll,
    };
    Ok(channels.iter().map(value).collect())
}

/// MediaPipe does not measure the tongue.
fn is_measured(shape: &Shape) -> bool {
    BLENDSHAPE_NAMES.contains(&shape.name())
}
