//! What is shown.

use std::time::Instant;

use moue_timeline::{Channel, Expression, FlameChannel, FlameExpression, FrameRate, HeadAxis, Shape};

use crate::PreviewError;

/// What a page shows, which stays the same while it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// What it is called: the portrait's or the storyboard's name.
    pub title: String,
    /// What draws it, such as `mesh`.
    pub renderer: String,
    /// Size of the frames: width and height in pixels.
    pub size: (u32, u32),
    /// Frames per second of the motion.
    pub rate: FrameRate,
    /// Frames of the motion, where it has an end.
    pub frames: Option<u64>,
    /// The coefficients that have curves, and sliders where a pose can be tried. See [`Scene::arkit`].
    pub channels: Vec<Channel>,
    /// Which buttons there are.
    pub controls: Controls,
}

impl Scene {
    /// ARKit's 52 shapes and the head's rotation.
    pub fn arkit() -> Vec<Channel> {
        Shape::ALL.into_iter().map(Channel::Shape).chain(HeadAxis::ALL.map(Channel::Head)).collect()
    }

    /// FLAME's 55 coefficients.
    pub fn flame() -> Vec<Channel> {
        FlameChannel::all().map(Channel::Flame).collect()
    }

    pub(crate) fn check(&self) -> Result<(), PreviewError> {
        let mut sorted: Vec<usize> = self.channels.iter().map(|channel| channel.index()).collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = Channel::all().nth(twice[0]).map_or("", Channel::name);
            return Err(PreviewError::Scene {
                found: format!("the channel {name} twice"),
                expected: "each channel once".to_owned(),
                hint: "take one of them out",
            });
        }
        Ok(())
    }
}

/// What a person can do to what is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controls {
    /// Pause and play.
    pub pause: bool,
    /// Play it again and again, or to its end.
    pub repeat: bool,
    /// Back to the first frame.
    pub restart: bool,
    /// End the run.
    pub stop: bool,
}

impl Controls {
    /// All of them.
    pub const ALL: Self = Self { pause: true, repeat: true, restart: true, stop: true };
    /// None.
    pub const NONE: Self = Self { pause: false, repeat: false, restart: false, stop: false };

    pub(crate) fn allow(self, command: Command) -> bool {
        match command {
            Command::Pause | Command::Play => self.pause,
            Command::Loop(_) => self.repeat,
            Command::Restart => self.restart,
            Command::Stop => self.stop,
        }
    }
}

/// What a person asked for on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stay at this frame.
    Pause,
    /// Go on.
    Play,
    /// Begin again at the end, or end there.
    Loop(bool),
    /// Go to the first frame.
    Restart,
    /// End the run: outputs are finished with what they have.
    Stop,
}

/// What belongs to a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The frame, from 0.
    pub number: u64,
    /// Its ARKit coefficients and the head's rotation.
    pub expression: Expression,
    /// Its FLAME coefficients; at rest where the motion has none.
    pub flame: FlameExpression,
    /// When it was rendered: what latency is measured from.
    pub rendered_at: Instant,
}

impl Shown {
    /// The value of a channel, in the units of [`moue_timeline`].
    pub(crate) fn get(&self, channel: Channel) -> f32 {
        match channel {
            Channel::Shape(shape) => self.expression.get(shape),
            Channel::Flame(flame) => self.flame.get(flame),
            Channel::Head(HeadAxis::Yaw) => self.expression.head.yaw,
            Channel::Head(HeadAxis::Pitch) => self.expression.head.pitch,
            Channel::Head(HeadAxis::Roll) => self.expression.head.roll,
        }
    }
}
