//! The panels of a board, drawn.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use moue_engine::CancelToken;
use moue_storyboard::{Renderer, Storyboard};

use crate::keep::Keep;
use crate::paintings::Paintings;
use crate::stage::{Stage, film_size};
use crate::{Drawing, FilmError, FilmObserver, Props};

/// Draws the picture of each of [`Storyboard::panels`], in their order. `keep` is where painted frames are kept; the
/// mesh renderer needs none.
///
/// # Errors
/// As [`film`](crate::film()).
pub fn panels(
    storyboard: &Storyboard,
    keep: &Path,
    drawing: &Drawing,
    props: &Props,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<Vec<RgbImage>, FilmError> {
    let drawing = &drawing.here(storyboard)?;
    let size = film_size(storyboard, drawing.compose, props)?;
    let panels = storyboard.panels();
    let (mut paintings, mut kept) = (None, None);
    if storyboard.output.renderer != Renderer::Mesh {
        let keep = kept.insert(Keep::open(keep, false)?);
        paintings = Some(Arc::new(Paintings::new(keep.painted(), drawing, props)?.of_renderer(storyboard, drawing)));
    }
    let stage = Stage::new(storyboard, props, drawing.map.as_ref(), paintings.clone(), size);
    if let Some(paintings) = &paintings {
        let mut wanted: BTreeMap<usize, BTreeMap<usize, Vec<u64>>> = BTreeMap::new();
        for panel in &panels {
            let character = storyboard.shots[panel.shot].character;
            wanted.entry(character).or_default().entry(panel.shot).or_default().push(panel.frame);
        }
        for (character, shots) in wanted {
            paintings.paint(&stage, character, &shots, &mut |_| ControlFlow::Continue(()), observer, token)?;
        }
    }
    observer.started(panels.len() as u64);
    let mut pictures = Vec::with_capacity(panels.len());
    for panel in &panels {
        if token.is_finishing() {
            return Err(moue_animation::AnimationError::Interrupted.into());
        }
        let mut picture = RgbImage::new(size.0, size.1);
        stage.scene(panel.shot, observer, token)?.draw(panel.frame, &mut picture)?;
        pictures.push(picture);
        observer.rendered(pictures.len() as u64);
    }
    drop(kept);
    Ok(pictures)
}
