//! Storyboards become panels and films.
//!
//! ```text
//! Storyboard ─► Cut ─► pieces ─┬─ kept from an earlier run (the ledger knows them by the hash of all that went in)
//!                              └─ missing: Stage draws their frames ─► encoder ─► folder of pieces ─► ledger
//!                                                        pieces, sounds ─► media::join ─► film.mp4
//! Storyboard ─► panels ─► Stage draws one frame each ─► board: HTML, PDF, contact sheet
//! ```
//!
//! # Invariants
//! - What a frame shows depends on the storyboard, the files it names, the models and this program's version alone: equal
//!   pieces have equal hashes, and a piece with the right hash is never rendered again.
//! - A piece has its name only when it is whole, and is in the ledger only after that.
//! - Nothing here parses arguments or prints.

mod air;
mod album;
mod coding;
mod cut;
mod digest;
mod error;
mod files;
mod framing;
mod keep;
mod keyframes;
mod make;
mod making;
mod models;
mod paintings;
mod panels;
mod performance;
mod pieces;
mod props;
mod run;
mod shoot;
mod stage;

pub use album::frame_path;
pub use coding::Coding;
pub use cut::{Cut, shot_named};
pub use digest::program;
pub use error::{FilmError, LedgerProblem};
pub use files::{DiskFiles, check_outputs, inputs_of};
pub use keyframes::{ShotKeyframes, paint_keyframes, shot_keyframes};
pub use make::{FilmJob, FilmObserver, FilmSummary, film};
pub use models::{ModelPrint, model_folder};
pub use paintings::KEYFRAMES;
pub use panels::panels;
pub use performance::shot_track;
pub use pieces::Piece;
pub use props::Props;
pub use shoot::{PaintedFrame, Shoot, ShotFrames};

use moue_animation::{Compose, Device, Keyframing, LinearMap, Painting};
use moue_storyboard::{OutputSize, Renderer, Storyboard};

/// How frames are drawn, as far as the storyboard does not say.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// What the diffusion renderer computes on.
    pub device: Device,
    /// How it paints.
    pub painting: Painting,
    /// What becomes of what it paints. By default shots of the face alone show the painted square, and shots of more
    /// than that the picture with the painted face in it.
    pub compose: Option<Compose>,
    /// A map between ARKit and FLAME.
    pub map: Option<LinearMap>,
    /// Which frames are painted by the renderer that paints some of them.
    pub keyframes: Option<Keyframing>,
}

impl Drawing {
    /// What this machine makes of it: frames are kept by the device that paints them, as GPUs and CPUs paint alike but
    /// not the same. Refuses what does not go with the storyboard.
    pub(crate) fn here(&self, storyboard: &Storyboard) -> Result<Self, FilmError> {
        self.check(storyboard)?;
        match storyboard.output.renderer {
            Renderer::Mesh => Ok(self.clone()),
            Renderer::Diffusion | Renderer::Mixed => Ok(Self { device: self.device.here(), ..self.clone() }),
        }
    }

    /// Refuses what the storyboard's renderer does not have.
    ///
    /// # Errors
    /// [`FilmError::Keyframes`], [`FilmError::Framing`], [`AnimationError::Option`](moue_animation::AnimationError::Option) and
    /// [`AnimationError::Device`](moue_animation::AnimationError::Device).
    pub fn check(&self, storyboard: &Storyboard) -> Result<(), FilmError> {
        let renderer = storyboard.output.renderer;
        if self.keyframes.is_some() && renderer != Renderer::Mixed {
            return Err(FilmError::Keyframes { renderer: renderer.name() });
        }
        if renderer == Renderer::Mesh {
            self.painting.refuse_for_mesh(self.device, self.compose)?;
        } else if self.compose == Some(Compose::Crop) {
            storyboard.shots.iter().try_for_each(paintings::check_crop)?;
        }
        Ok(())
    }
}

/// Frames per second of a draft.
pub const DRAFT_RATE: moue_timeline::FrameRate = moue_timeline::FrameRate::FPS_12;

/// Makes a draft of a storyboard: the mesh renderer, half the size. Its rate is that which it was read at.
///
/// # Errors
/// Where the first shot's portrait, which may give the size, cannot be read.
pub fn draft(storyboard: &mut Storyboard, props: &Props) -> Result<(), FilmError> {
    let (width, height) = stage::film_size(storyboard, None, props)?;
    let half = |side: u32| (side / 4 * 2).max(moue_animation::MIN_SIDE);
    storyboard.output.size = OutputSize::Pixels { width: half(width), height: half(height) };
    storyboard.output.renderer = Renderer::Mesh;
    Ok(())
}
