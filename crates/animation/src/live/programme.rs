//! What those who look at a run in a browser see.

use std::path::Path;

use moue_timeline::{Channel, FlameChannel, HeadAxis, Shape};

use super::{Beside, Programme};
use crate::animate::pose_renderer;
use crate::{AnimateJob, AnimationError, Framing, Portrait, Renderer, RendererKind};

/// The programme of a run.
///
/// # Errors
/// Where the mesh for poses cannot be fitted.
pub(crate) fn programme(
    job: &AnimateJob,
    portrait: &Portrait,
    renderer: &dyn Renderer,
    frames: Option<u64>,
) -> Result<Programme, AnimationError> {
    let (width, height) = renderer.size();
    let framing = match job.framing {
        Framing::Face => Framing::Head,
        framing => framing,
    };
    let pose = job.live.page.as_ref().map(|_| pose_renderer(portrait, framing, (width, height))).transpose()?;
    // Whoever has the page need not know where files lie.
    let motion = job.motion.path().and_then(Path::file_name);
    let motion = motion.map_or_else(|| job.motion.source.to_string(), |name| name.to_string_lossy().into_owned());
    let portrait_name = portrait.path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Programme {
        title: format!("{portrait_name}, {motion}"),
        renderer: renderer.name(),
        frames,
        channels: match job.renderer {
            RendererKind::Mesh => {
                Shape::ALL.into_iter().map(Channel::Shape).chain(HeadAxis::ALL.map(Channel::Head)).collect()
            }
            RendererKind::Diffusion | RendererKind::Mixed => FlameChannel::all().map(Channel::Flame).collect(),
        },
        pose,
        files: job.files().into_iter().map(|(name, kind)| Beside::new(name, kind)).collect(),
        is_live: frames.is_none(),
    })
}
