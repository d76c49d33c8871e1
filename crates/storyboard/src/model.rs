//! A storyboard whose every word is understood: no names to look up, no times to read.

use std::path::PathBuf;

use moue_timeline::{Channel, Easing, FrameRate, Gains};

use crate::Pose;
use crate::written::{OutputSize, Renderer, Scheduler, View};

/// A storyboard whose every word is understood.
#[derive(Clone, Debug)]
pub struct Storyboard {
    /// What the film is called.
    pub title: Option<String>,
    /// What comes out.
    pub output: Output,
    /// Who plays, by name; members that no shot shows too.
    pub cast: Vec<Character>,
    /// The shots, in the order of the film; at least one.
    pub shots: Vec<Shot>,
    /// How the film ends: a cut, or a fade to the background during its last frames.
    pub end: Transition,
    /// The files that the storyboard was read from, itself first.
    pub files: Vec<PathBuf>,
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The size of its pictures.
    pub size: OutputSize,
    /// Frames per second; all frames of the storyboard count these.
    pub rate: FrameRate,
    /// What draws the frames.
    pub renderer: Renderer,
    /// Red, green and blue (sRGB) around pictures that do not fill the frame, and of fades.
    pub background: [u8; 3],
}

/// A member of the cast.
#[derive(Clone, Debug, PartialEq)]
pub struct Character {
    /// The name in the file.
    pub name: String,
    /// The picture that fixes who is seen.
    pub portrait: PathBuf,
    /// Which of its faces, from 1, the largest first; the largest where none is told.
    pub face: Option<usize>,
    /// The face when nothing is asked for.
    pub rest: Pose,
    /// How this face is drawn.
    pub rendering: Rendering,
}

/// How a face is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rendering {
    /// Seed of the renderer's noise.
    pub seed: u64,
    /// Whether expressions are added to the one in the portrait, instead of replacing it.
    pub relative: bool,
    /// How the diffusion renderer paints. What is `None` is its authors' choice.
    pub diffusion: Diffusion,
}

/// How the diffusion renderer paints.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Diffusion {
    /// The noise scheduler.
    pub scheduler: Option<Scheduler>,
    /// Denoising steps of a frame.
    pub steps: Option<usize>,
    /// Classifier-free guidance.
    pub guidance: Option<f64>,
    /// Weight of the expression.
    pub expression_scale: Option<f64>,
    /// Weight of the reference adapter.
    pub reference_scale: Option<f64>,
}

/// One shot. Its frames are counted from its own start.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Its name, or its number in the film from 1; no two shots have the same.
    pub name: String,
    /// Index of who is seen in [`Storyboard::cast`].
    pub character: usize,
    /// The film's frame that is its first.
    pub start: u64,
    /// How many frames of the film are its own. Its length rarely is a whole number of frames: that of the film's
    /// beginning up to each shot's end is what is rounded, so that a long film does not drift.
    pub frames: u64,
    /// Its length in frames before rounding.
    pub length: f64,
    /// How many frames more are seen while the next shot dissolves over it.
    pub tail: u64,
    /// How the film comes from the shot before, or from the background, to this one.
    pub transition: Transition,
    /// Index of the shot at whose end the face begins.
    pub carry_from: Option<usize>,
    /// Which part of the portrait is seen.
    pub framing: Framing,
    /// What happens, for the reader of the board.
    pub caption: Option<String>,
    /// What is said.
    pub dialogue: Option<String>,
    /// What is heard.
    pub sound: Option<Sound>,
    /// What moves the face from elsewhere, in the order of time, none at the same time as another.
    pub motions: Vec<Motion>,
    /// What the face does, in the order of time.
    pub beats: Vec<Beat>,
    /// What the face does by itself.
    pub life: Life,
}

impl Shot {
    /// How many frames have to be rendered: more than [`Self::frames`] by those that a dissolve shows and by one that
    /// rounding may ask for once shots before it change, so that the number does not depend on them.
    pub fn rendered_frames(&self) -> u64 {
        // A millionth of a frame is a rounding.
        (self.length - 1e-6).ceil() as u64 + self.tail
    }
}

/// How a shot begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What it looks like.
    pub kind: TransitionKind,
    /// Its frames; zero for a cut.
    pub frames: u64,
}

/// What a transition looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// From one frame to the next.
    Cut,
    /// Through the background: half of the time out, half of it in.
    Fade,
    /// The new shot appears over the one before, which goes on below it.
    Dissolve,
}

impl TransitionKind {
    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Fade => "fade",
            Self::Dissolve => "dissolve",
        }
    }
}

/// Which part of the portrait is seen during a shot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// At the shot's first frame.
    pub from: View,
    /// At its end.
    pub to: View,
    /// How it gets there.
    pub easing: Easing,
}

/// A sound in a shot.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// The file.
    pub path: PathBuf,
    /// Seconds of the shot at which it begins.
    pub at: f64,
    /// Seconds of the file at which it begins.
    pub from: f64,
    /// Seconds that are heard of it: to its own end, or to the shot's.
    pub seconds: f64,
}

/// A part of a track or video that moves a face.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// The file.
    pub path: PathBuf,
    /// The shot's frame at which it begins.
    pub at: u64,
    /// The frame at which it ends; past the shot's end where nothing else ends it.
    pub end: u64,
    /// Seconds of the file at which it begins.
    pub from: f64,
    /// How much faster it plays.
    pub speed: f64,
    /// Frames that it takes to come in, and to go out.
    pub fade: f64,
    /// Factors on its channels.
    pub gains: Gains,
}

/// A moment of a shot.
#[derive(Clone, Debug, PartialEq)]
pub struct Beat {
    /// The frame on which the face has the beat's expression.
    pub at: u64,
    /// The frame until which it stays like that.
    pub end: u64,
    /// What the face does; nothing where time only passes.
    pub action: Option<Action>,
    /// What happens.
    pub caption: Option<String>,
    /// What is said.
    pub dialogue: Option<String>,
}

/// What a face does in a beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// In which way.
    pub kind: ActionKind,
    /// The pose that is reached.
    pub pose: Pose,
    /// The pose as it is written, for people.
    pub text: String,
    /// The frame at which the change begins; of a flash it may lie before the shot.
    pub start: i64,
    /// How values get there.
    pub ease: Ease,
}

/// In which way a face does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// The whole face: channels that the pose lacks go to rest.
    Express,
    /// The pose's channels, on top of what is expressed, until another such action names them.
    Also,
    /// The pose comes on top for a moment and goes.
    Flash,
}

/// How the channels of a beat get there.
#[derive(Clone, Debug, PartialEq)]
pub struct Ease {
    /// For channels that have none of their own.
    pub all: Easing,
    /// Channels with an easing of their own.
    pub channels: Vec<(Channel, Easing)>,
}

impl Ease {
    /// The easing of one channel.
    pub fn of(&self, channel: Channel) -> Easing {
        self.channels.iter().find(|(other, _)| *other == channel).map_or(self.all, |(_, easing)| *easing)
    }
}

/// What a face does by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// Mean seconds between two blinks; none where the face does not blink by itself.
    pub blink: Option<f64>,
    /// How large small movements are; zero for none, 1 is usual.
    pub idle: f64,
    /// Where the randomness begins. It depends on the character and on what the shot says, not on its number, so that
    /// other shots may come and go around it.
    pub seed: u64,
}
