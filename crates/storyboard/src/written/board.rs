//! The mappings of the language. Their comments are what editors show.

use moue_document::{
    Definitions, FormatVersion, FromNode, Located, Many, Named, Node, Report, Schema, Span, Value, mapping, words,
};
use serde_json::json;

use super::{
    BeatText, Blink, Colour, EaseText, FilePath, Fps, FramingText, GainsText, Idle, Length, OutputSize, PoseText, Time,
    TransitionText,
};

mapping! {
    /// A storyboard: shots in the order of the film, the characters in them, and how their faces change.
    pub(crate) struct BoardText {
        /// The version of the language: 1.
        pub moue: FormatVersion,
        /// What the film is called.
        pub title: Option<String>,
        /// Files with a cast and expressions for this one, relative to it.
        pub include: Many<Located<FilePath>>,
        /// What comes out.
        pub output: Option<OutputText>,
        /// What shots do unless they say otherwise.
        pub defaults: Option<Settings>,
        /// Who plays: names and portraits.
        pub cast: Named<MemberText>,
        /// Expressions by name, beside those that are built in.
        pub expressions: Named<PoseText>,
        /// The shots, in the order of the film.
        pub shots: ShotTexts,
        /// How the film ends: `cut` or `fade TIME`.
        pub end: Located<TransitionText> = "cut",
    }
}

mapping! {
    /// A cast and expressions that storyboards include.
    pub(crate) struct LibraryText {
        /// The version of the language: 1.
        pub moue: FormatVersion,
        /// What it is for.
        pub title: Option<String>,
        /// Further files of this kind, relative to this one.
        pub include: Many<Located<FilePath>>,
        /// Who plays: names and portraits.
        pub cast: Named<MemberText>,
        /// Expressions by name.
        pub expressions: Named<PoseText>,
    }
}

mapping! {
    /// What comes out.
    pub(crate) struct OutputText {
        /// Width and height in pixels such as 1280x720, or `source`: as large as the first shot's portrait.
        pub size: OutputSize = "source",
        /// Frames per second such as 25, 29.97 or 30000/1001.
        pub fps: Fps = "25",
        /// What draws the frames.
        pub renderer: Renderer = "mesh",
        /// The colour around pictures that do not fill the frame, and of fades: black, white, grey or "#rrggbb".
        pub background: Colour = "black",
    } with {
        /// How faces are drawn.
        pub rendering: RenderingText,
    }
}

words! {
    /// What draws the frames.
    pub enum Renderer {
        /// The portrait on a mesh, moved by ARKit coefficients.
        Mesh = "mesh",
        /// Painted by Arc2Face with its adapters, moved by FLAME coefficients.
        Diffusion = "diffusion",
        /// Keyframes by diffusion, the frames between them carried there by the mesh.
        Mixed = "mesh+diffusion",
    }
}

mapping! {
    /// How faces are drawn; what a member of the cast says counts more than what the output says.
    pub(crate) struct RenderingText layered {
        /// Seed of the renderer's noise.
        pub seed: Option<u64> = "0",
        /// Whether expressions are added to the one in the portrait, instead of replacing it.
        pub relative: Option<bool> = "false",
        /// How the diffusion renderer paints.
        pub diffusion: Option<DiffusionText>,
    }
}

mapping! {
    /// How the diffusion renderer paints; what is left out is its authors' choice.
    pub(crate) struct DiffusionText layered {
        /// The noise scheduler.
        pub scheduler: Option<Scheduler>,
        /// Denoising steps of a frame.
        pub steps: Option<u32> where (1..=1000),
        /// Classifier-free guidance; 1 takes half the time and follows the person less.
        pub guidance: Option<f64> where (1.0..=30.0),
        /// Weight of the expression.
        pub expression_scale: Option<f64> where (0.0..=2.0),
        /// Weight of the portrait's hair, clothes and background.
        pub reference_scale: Option<f64> where (0.0..=2.0),
    }
}

words! {
    /// The noise scheduler.
    pub enum Scheduler {
        /// DDIM.
        Ddim = "ddim",
        /// Euler.
        Euler = "euler",
        /// DPM-Solver++ of second order, multistep.
        DpmppTwoM = "dpmpp-2m",
        /// Latent consistency: few steps, with the LCM LoRA.
        Lcm = "lcm",
    }
}

mapping! {
    /// A member of the cast. A file's name alone stands for its portrait.
    pub(crate) struct MemberText short portrait {
        /// The picture that fixes who is seen, relative to the file it is written in.
        pub portrait: Located<FilePath>,
        /// Which of the picture's faces, from 1, the largest first.
        pub face: Option<u32> where (1..=100),
        /// The face when nothing is asked for; `rest` in formulas. `neutral` unless told.
        pub rest: Option<Located<PoseText>>,
    } with {
        /// How this face is drawn.
        pub rendering: RenderingText,
    }
}

mapping! {
    /// What a shot does; under `defaults`, what shots do unless they say otherwise.
    pub(crate) struct Settings layered {
        /// Who is seen: a name of the cast. May be left out where the cast is one.
        pub character: Option<Located<String>>,
        /// How long a shot is: a time, `sound` (as long as its sound) or `motion` (as long as its motion). Without it, a
        /// shot lasts until everything in it has happened.
        pub length: Option<Located<Length>>,
        /// How long a change takes that ends in a beat; all the time since the beat before unless told.
        pub over: Option<Located<Time>>,
        /// How values go from beat to beat: an easing, or easings by channel and region.
        pub ease: Option<EaseText> = "ease-in-out",
        /// Whether the face begins as it was at the end of this character's shot before.
        pub carry: Option<Located<bool>> = "false",
        /// How the film goes from the shot before to this one: `cut`, `fade TIME` or `dissolve TIME`.
        pub transition: Option<Located<TransitionText>> = "cut",
        /// Which part of the portrait is seen.
        pub framing: Option<FramingText>,
        /// Automatic blinks: true, false, or their mean distance.
        pub blink: Option<Blink> = "true",
        /// Small movements of head, eyes and brows: true, false, or how large (1 is usual).
        pub idle: Option<Idle> = "true",
        /// Seed of blinks and small movements, to have others.
        pub seed: Option<u64> = "0",
    }
}

/// The shots of a storyboard. None are there only where that was reported.
#[derive(Clone, Debug)]
pub(crate) struct ShotTexts(pub Vec<Located<ShotText>>);

impl FromNode for ShotTexts {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        let shots = Vec::from_node(node, report)?;
        if matches!(node.value(), Value::List(items) if items.is_empty()) {
            report.wrong(node, "the storyboard has no shots").hint("write at least one, below `shots:`");
        }
        Some(Self(shots))
    }

    fn wrong(_: Span) -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn schema(types: &mut Definitions) -> Schema {
        json!({"type": "array", "minItems": 1, "items": ShotText::schema(types)})
    }
}

mapping! {
    /// One shot: a character whose face changes.
    pub(crate) struct ShotText {
        /// What it is called, for `--shot` and for people; its number unless told.
        pub name: Option<Located<String>>,
        /// What happens, for the reader of the board.
        pub caption: Option<String>,
        /// What is said.
        pub dialogue: Option<String>,
        /// Moments in which the face has an expression, in the order of time.
        pub beats: Many<Located<BeatText>>,
        /// Tracks or videos that move the face during a part of the shot; expressions come on top.
        pub motion: Many<Located<MotionText>>,
        /// The sound that is heard.
        pub sound: Option<SoundText>,
    } with {
        /// What may also be said once for all shots.
        pub settings: Settings,
    }
}

mapping! {
    /// A track or a video that moves the face. A file's name alone stands for all of it, from the shot's start.
    pub(crate) struct MotionText short file {
        /// A track or a video, relative to the file it is written in.
        pub file: Located<FilePath>,
        /// When it begins in the shot.
        pub at: Located<Time> = "0",
        /// How long it moves the face: to its own end or the shot's unless told.
        pub length: Option<Located<Time>>,
        /// Where in the file it begins.
        pub from: Located<Time> = "0",
        /// How much faster it plays.
        pub speed: f64 where (0.01..=100.0) = "1",
        /// How long it takes to come in and to go out.
        pub fade: Located<Time> = "200ms",
        /// Factors on its channels, such as `jawOpen=1.2,head=0`.
        pub gain: Option<GainsText>,
    }
}

mapping! {
    /// A sound. A file's name alone stands for all of it, from the shot's start.
    pub(crate) struct SoundText short file {
        /// A sound or video file, relative to the file it is written in.
        pub file: Located<FilePath>,
        /// When it begins in the shot.
        pub at: Located<Time> = "0",
        /// Where in the file it begins.
        pub from: Located<Time> = "0",
    }
}
