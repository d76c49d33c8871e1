//! A face through a video: agreement with MediaPipe's video mode, and what happens where it goes, comes back or is one
//! of several.

#![allow(clippy::unwrap_used)]

mod support;

use std::num::NonZero;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use image::{RgbImage, imageops};
use moue_face::{BLENDSHAPE_NAMES, Face, FaceFollower, FaceTracker, FollowSettings, Tracked};
use serde::Deserialize;
use support::{checksum, portrait, portrait_at, warp};

const FRAME: Duration = Duration::from_millis(40);

static TRACKER: LazyLock<FaceTracker> = LazyLock::new(|| FaceTracker::new().unwrap());

/// What MediaPipe's runtime says of a video of one face. Made by `goldens/make_video_goldens.py`.
#[derive(Deserialize)]
struct Video {
    width: u32,
    height: u32,
    /// Only every so many-th landmark is kept.
    every: usize,
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    milliseconds: u64,
    checksum: u32,
    /// None for a black frame.
    portrait_from_copy: Option<[i64; 6]>,
    #[serde(default)]
    landmarks: Vec<[f32; 3]>,
    #[serde(default)]
    blendshapes: Vec<f32>,
    pose: Option<[[f32; 4]; 4]>,
}

fn video() -> Video {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/mediapipe_video.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

impl Video {
    fn picture(&self, frame: &Frame) -> RgbImage {
        let black = || RgbImage::new(self.width, self.height);
        let picture = frame.portrait_from_copy.map_or_else(black, |m| warp(&portrait(), self.width, self.height, m));
        assert_eq!(checksum(&picture), frame.checksum, "the picture is not the one that MediaPipe saw");
        picture
    }
}

/// D, F or L for each frame.
fn letters(tracked: &[Tracked]) -> String {
    let letter = |tracked: &Tracked| match tracked {
        Tracked::Detected(_) => 'D',
        Tracked::Followed(_) => 'F',
        Tracked::Lost => 'L',
    };
    tracked.iter().map(letter).collect()
}

fn follow(settings: FollowSettings, pictures: &[RgbImage]) -> Vec<Tracked> {
    let mut follower = FaceFollower::new(settings);
    let frames = (0..).zip(pictures);
    frames.map(|(i, picture)| follower.follow(&TRACKER, picture, FRAME * i).unwrap()).collect()
}

fn nose(face: &Face) -> [f32; 2] {
    [face.landmarks[4][0], face.landmarks[4][1]]
}

#[track_caller]
fn is_near(face: Option<&Face>, [x, y]: [f64; 2]) {
    let [found_x, found_y] = nose(face.unwrap());
    let off = (f64::from(found_x) - x).hypot(f64::from(found_y) - y);
    assert!(off < 30.0, "the nose is at ({found_x}, {found_y}), expected near ({x}, {y})");
}

#[test]
fn a_smoothed_video_is_that_of_mediapipe() {
    let video = video();
    let mut follower = FaceFollower::new(FollowSettings { smooth: true, ..FollowSettings::default() });
    let mut tracked = Vec::new();
    for (number, frame) in video.frames.iter().enumerate() {
        let at = Duration::from_millis(frame.milliseconds);
        tracked.push(follower.follow(&TRACKER, &video.picture(frame), at).unwrap());
        let (Some(face), Some(pose)) = (tracked[number].face(), frame.pose) else {
            assert!(frame.portrait_from_copy.is_none() && tracked[number].face().is_none(), "frame {number}");
            continue;
        };
        let found = face.landmarks.iter().step_by(video.every);
        let distances: Vec<f32> = found.zip(&frame.landmarks).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect();
        let error = distances.iter().sum::<f32>() / distances.len() as f32;
        let turn = (0..9).map(|i| (face.pose[i / 3][i % 3] - pose[i / 3][i % 3]).abs()).fold(0f32, f32::max);
        println!("frame {number}: {error:.4} px, rotation matrix {turn:.4}");
        assert!(error < 0.05, "frame {number}: landmarks are off by {error} px");
        for ((shape, found), expected) in BLENDSHAPE_NAMES.iter().zip(face.blendshapes).zip(&frame.blendshapes) {
            assert!((found - expected).abs() < 0.01, "frame {number}: {shape} is {found}, MediaPipe says {expected}");
        }
        assert!(turn < 0.005, "frame {number}: the rotation matrix is off by {turn}");
    }
    assert_eq!(letters(&tracked), "DFFFFFLDFF");
}

#[test]
fn smoothing_changes_what_is_told_and_not_what_is_followed() {
    let video = video();
    let pictures: Vec<RgbImage> = video.frames.iter().take(4).map(|frame| video.picture(frame)).collect();
    let raw = follow(FollowSettings::default(), &pictures);
    let smooth = follow(FollowSettings { smooth: true, ..FollowSettings::default() }, &pictures);
    assert_eq!(raw[0], smooth[0], "the first frame has nothing to be smoothed with");
    let [raw, smooth] = [&raw[3], &smooth[3]].map(|tracked| tracked.face().unwrap());
    let behind = nose(raw)[0] - nose(smooth)[0];
    assert!((0.05..3.0).contains(&behind), "the smoothed nose is {behind} px behind");
    assert_eq!(raw.score, smooth.score, "the net has seen the same region");
}

#[test]
fn following_is_what_looking_where_the_face_was_gives() {
    let video = video();
    let pictures: Vec<RgbImage> = video.frames.iter().take(3).map(|frame| video.picture(frame)).collect();
    let tracked = follow(FollowSettings::default(), &pictures);
    let first = TRACKER.analyze(&pictures[0]).unwrap().remove(0);
    let second = TRACKER.track(&pictures[1], &first).unwrap().unwrap();
    let third = TRACKER.track(&pictures[2], &second).unwrap().unwrap();
    let expected = [first, second, third];
    assert!(tracked.iter().map(Tracked::face).eq(expected.iter().map(Some)));
}

#[test]
fn a_face_that_jumps_is_found_in_the_same_frame() {
    let places = [[120.0, 120.0], [124.0, 121.0], [300.0, 180.0], [302.0, 180.0]];
    let pictures = places.map(|place| portrait_at(420, 300, 1.0, place));
    let tracked = follow(FollowSettings::default(), &pictures);
    assert_eq!(letters(&tracked), "DFDF");
    tracked.iter().zip(places).for_each(|(tracked, place)| is_near(tracked.face(), place));
}

#[test]
fn frames_without_a_face_are_lost_and_nothing_is_made_up() {
    let (face, empty) = (portrait_at(300, 240, 1.0, [150.0, 120.0]), RgbImage::new(300, 240));
    let pictures = [&empty, &face, &empty, &empty, &face, &face].map(RgbImage::clone);
    let tracked = follow(FollowSettings::default(), &pictures);
    assert_eq!(letters(&tracked), "LDLLDF");
    assert!(tracked.iter().all(|tracked| tracked.face().is_some() != (*tracked == Tracked::Lost)));
}

/// A frame of two faces: scale and place of each.
fn two(left: (f64, [f64; 2]), right: (f64, [f64; 2])) -> RgbImage {
    let mut picture = portrait_at(640, 360, right.0, right.1);
    imageops::replace(&mut picture, &portrait_at(320, 360, left.0, left.1), 0, 0);
    picture
}

#[test]
fn one_of_two_faces_is_chosen_by_size_and_then_stays_the_one() {
    let alone = portrait_at(640, 360, 1.6, [160.0, 180.0]);
    let (left, right) = ([160.0, 180.0], [470.0, 180.0]);
    let larger_left = two((1.7, left), (1.3, right));
    let larger_right = two((1.3, left), (1.7, right));
    let nobody = RgbImage::new(640, 360);
    // The first frame shows one face only, so nobody can say which is the second.
    let pictures = [&alone, &larger_left, &larger_left, &larger_right, &nobody, &larger_right].map(RgbImage::clone);
    for (rank, place, expected) in [(1, left, "DFFFLD"), (2, right, "LDFFLD")] {
        let settings = FollowSettings { face: NonZero::new(rank).unwrap(), ..FollowSettings::default() };
        let tracked = follow(settings, &pictures);
        assert_eq!(letters(&tracked), expected);
        tracked.iter().filter_map(Tracked::face).for_each(|face| is_near(Some(face), place));
    }
    let settings = FollowSettings { face: NonZero::new(3).unwrap(), ..FollowSettings::default() };
    assert_eq!(letters(&follow(settings, &pictures[..3])), "LLL");
}

#[test]
fn a_small_face_is_searched_for_at_first_and_then_now_and_again() {
    let (small, empty) = (portrait_at(240, 180, 0.2, [88.0, 60.0]), RgbImage::new(240, 180));
    let mut pictures = vec![small.clone(), small.clone(), empty];
    pictures.extend(std::iter::repeat_n(small, 16));
    let tracked = letters(&follow(FollowSettings::default(), &pictures));
    let again = tracked.rfind('D').unwrap();
    assert!(tracked.starts_with("DFL") && again > 2 && tracked.ends_with('F'), "{tracked}");
}

#[test]
fn located_faces_can_be_read_on_another_thread() {
    let video = video();
    let pictures: Vec<RgbImage> = video.frames.iter().take(5).map(|frame| video.picture(frame)).collect();
    let together = follow(FollowSettings::default(), &pictures);
    let (sender, located) = std::sync::mpsc::sync_channel(4);
    let apart: Vec<Tracked> = std::thread::scope(|scope| {
        let reader = scope.spawn(move || located.iter().map(|located| TRACKER.read(located).unwrap()).collect());
        let mut follower = FaceFollower::new(FollowSettings::default());
        for (i, picture) in (0..).zip(&pictures) {
            let located = follower.locate(&TRACKER, picture, FRAME * i).unwrap();
            assert!(located.is_seen());
            sender.send(located).unwrap();
        }
        drop(sender);
        reader.join().unwrap()
    });
    assert_eq!(apart, together);
}
