//! The keyframes of a shot by themselves: whoever renders a shot's frames elsewhere has to have them first.

use std::path::Path;
use std::sync::Arc;

use moue_animation::KeyframePlan;
use moue_engine::CancelToken;
use moue_storyboard::{Renderer, Storyboard};

use crate::paintings::{Paintings, Steps};
use crate::stage::{Stage, film_size};
use crate::{Drawing, FilmError, FilmObserver, Props};

/// The keyframes of a shot.
#[derive(Clone, Debug, PartialEq)]
pub struct ShotKeyframes {
    /// The shot, an index below `shots.len()`.
    pub shot: usize,
    /// What the face is asked for in each of them, and which of them an expression needs; none where the mesh renderer
    /// draws, or nothing looks at keyframes.
    pub plan: KeyframePlan,
    /// Frames of the shot, counted from 0, that need each of them, in the plan's order: those that have a share in it.
    pub frames: Vec<Vec<u64>>,
}

/// Which keyframes a shot has: a function of what is asked for in all of its frames.
///
/// # Errors
/// A motion that cannot be read, settings that contradict each other.
pub fn shot_keyframes(
    storyboard: &Storyboard,
    shot: usize,
    drawing: &Drawing,
    props: &Props,
    token: &CancelToken,
) -> Result<ShotKeyframes, FilmError> {
    let own = &storyboard.shots[shot];
    let size = film_size(storyboard, drawing.compose, props)?;
    let none = ShotKeyframes { shot, plan: KeyframePlan::new(1.0), frames: Vec::new() };
    if storyboard.output.renderer == Renderer::Mesh {
        return Ok(none);
    }
    let paintings = Arc::new(Paintings::new(Path::new("").to_owned(), drawing, props)?);
    let conditioning = paintings.conditioning(&storyboard.cast[own.character])?;
    if !conditioning.has_keyframes() {
        return Ok(none);
    }
    let stage = Stage::new(storyboard, props, drawing.map.as_ref(), Some(paintings.clone()), size);
    let expressions = stage.flame(shot, token)?;
    let plan = KeyframePlan::of(expressions.iter().copied(), conditioning.keyframe_distance);
    let mut frames = vec![Vec::new(); plan.keyframes().len()];
    for (frame, expression) in expressions.iter().enumerate() {
        plan.weights(expression).into_iter().for_each(|(index, _)| frames[index].push(frame as u64));
    }
    Ok(ShotKeyframes { shot, plan, frames })
}

/// Paints keyframes of a shot, by their places in its plan, into the folder of paintings `painted` (`painted` in the
/// folder where a film's pieces are kept): those that are not there yet. Several processes may do that at once.
///
/// # Errors
/// As [`film`](crate::film()).
#[expect(clippy::too_many_arguments, reason = "a film, a shot, a folder, and who watches")]
pub fn paint_keyframes(
    storyboard: &Storyboard,
    shot: usize,
    indices: &[usize],
    painted: &Path,
    drawing: &Drawing,
    props: &Props,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<(), FilmError> {
    if indices.is_empty() || storyboard.output.renderer == Renderer::Mesh {
        return Ok(());
    }
    let size = film_size(storyboard, drawing.compose, props)?;
    let paintings = Arc::new(Paintings::new(painted.to_owned(), drawing, props)?);
    let stage = Stage::new(storyboard, props, drawing.map.as_ref(), Some(paintings.clone()), size);
    let own = &storyboard.shots[shot];
    let (character, compose) = (&storyboard.cast[own.character], paintings.composition(own));
    let mut painter = paintings.painter(character, compose, props, indices.len() as u64, observer, token)?;
    paintings.begin(&mut painter, &stage, shot, token)?;
    Ok(painter.paint_keyframes(indices, &Steps { observer, token })?)
}
