//! One shot while its frames are painted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moue_diffusion::memory::HELD_BANKS;
use moue_diffusion::{
    DiffusionError, FINE, FrameInput, FrameNoise, Latents, NoiseMap, Painter, ReferenceBank, Start, Step,
};
use moue_timeline::FlameExpression;

use super::carry::{blended, latents_along, noise_map};
use super::{FaceFlow, HistoryMode, KeyframePlan, KeyframeStore, NoiseMode, TemporalConditioning};
use crate::{AnimationError, Asked};

/// Keyframes of a shot whose end is not known. A face that trembles in many components is always far from where it was:
/// without an end, every frame would be painted twice, and stay in memory. After that, the nearest ones do.
const MOST_LIVE: usize = 128;

/// Hears of steps, and may end the run.
pub(crate) type Observe<'a> = &'a mut dyn FnMut(Step) -> Result<(), DiffusionError>;

/// The keyframes of a shot, as far as they are painted.
pub(crate) struct Shot {
    plan: Mutex<KeyframePlan>,
    /// Whether frames may become keyframes as they come: live, nobody knows the rest of the shot.
    grows: bool,
    store: Option<KeyframeStore>,
    painted: Mutex<HashMap<usize, Arc<Latents>>>,
    banks: Mutex<VecDeque<(usize, Arc<ReferenceBank>)>>,
}

impl Shot {
    /// A shot whose expressions are known, or one whose are not.
    pub fn new(plan: KeyframePlan, grows: bool, store: Option<KeyframeStore>) -> Self {
        Self { plan: Mutex::new(plan), grows, store, painted: Mutex::default(), banks: Mutex::default() }
    }

    /// The expression of a keyframe.
    fn expression(&self, index: usize) -> Option<FlameExpression> {
        lock(&self.plan).keyframes().get(index).copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gets frames ready to be painted.
pub(crate) struct Conditioning<'a> {
    pub settings: &'a TemporalConditioning,
    pub painter: &'a Painter,
    /// Where the settings need it.
    pub flow: Option<&'a FaceFlow>,
    pub shot: &'a Shot,
}

/// A frame that is ready to be painted.
pub(crate) struct Prepared {
    expression: FlameExpression,
    noise: OwnedNoise,
    history: Vec<(Arc<ReferenceBank>, f32)>,
    start: Option<(Latents, f64)>,
}

enum OwnedNoise {
    Shared,
    Own(u64),
    Carried(NoiseMap),
}

impl Prepared {
    /// What it looks at, as it is handed to [`Self::input`].
    pub fn history(&self) -> Vec<(&ReferenceBank, f32)> {
        self.history.iter().map(|(bank, weight)| (&**bank, *weight)).collect()
    }

    /// The frame as the painter takes it.
    pub fn input<'a>(&'a self, history: &'a [(&'a ReferenceBank, f32)]) -> FrameInput<'a> {
        FrameInput {
            expression: self.expression.as_array(),
            noise: match &self.noise {
                OwnedNoise::Shared => FrameNoise::Shared,
                OwnedNoise::Own(number) => FrameNoise::Own(*number),
                OwnedNoise::Carried(map) => FrameNoise::Carried(map),
            },
            history,
            start: self.start.as_ref().map(|(latents, strength)| Start { latents, strength: *strength }),
        }
    }
}

impl Conditioning<'_> {
    /// Gets a frame ready, and paints the keyframes that it needs.
    ///
    /// # Errors
    /// Where a keyframe cannot be painted, read or kept.
    pub fn frame(&self, asked: &Asked, observe: Observe<'_>) -> Result<Prepared, AnimationError> {
        let noise = match self.settings.noise {
            NoiseMode::Independent => OwnedNoise::Own(asked.index),
            _ => self.noise(&asked.flame)?,
        };
        let mut prepared = Prepared { expression: asked.flame, noise, history: Vec::new(), start: None };
        if !self.settings.has_keyframes() {
            return Ok(prepared);
        }
        if self.shot.grows {
            let mut plan = lock(&self.shot.plan);
            if plan.keyframes().len() < MOST_LIVE {
                plan.extend(&asked.flame);
            }
        }
        let weights = lock(&self.shot.plan).weights(&asked.flame);
        let mut starts = Vec::new();
        for (index, share) in weights {
            let Some(expression) = self.shot.expression(index) else { continue };
            let latents = self.keyframe(asked.index, index, &expression, observe)?;
            if self.settings.history == HistoryMode::Keyframe {
                let weight = share * self.settings.history_weight as f32;
                prepared.history.push((self.bank(index, &latents)?, weight));
            }
            if let Some(flow) = self.flow.filter(|_| self.settings.starts_from_keyframes()) {
                let moved = flow.flow(Some(&expression), &asked.flame, latents.width)?;
                starts.push((latents_along(&moved, &latents), share));
            }
        }
        prepared.start = blended(&starts).map(|latents| (latents, self.settings.start_strength));
        Ok(prepared)
    }

    /// The latents of a keyframe: those that are in memory, else those of its file, else painted now, for `frame`.
    ///
    /// # Errors
    /// Where it cannot be painted, read or kept.
    pub fn keyframe(
        &self,
        frame: u64,
        index: usize,
        expression: &FlameExpression,
        observe: Observe<'_>,
    ) -> Result<Arc<Latents>, AnimationError> {
        if let Some(latents) = lock(&self.shot.painted).get(&index) {
            return Ok(Arc::clone(latents));
        }
        let store = self.shot.store.as_ref();
        let kept = store.map(|store| store.load(expression, self.painter.latent_shape())).transpose()?.flatten();
        let latents = match kept {
            Some(latents) => latents,
            None => {
                let noise = self.noise(expression)?;
                let prepared = Prepared { expression: *expression, noise, history: Vec::new(), start: None };
                tracing::debug!(index, frame, "painting a keyframe");
                let latents = self.painter.latents(frame, &prepared.input(&[]), observe)?;
                store.map(|store| store.save(expression, &latents)).transpose()?;
                latents
            }
        };
        let latents = Arc::new(latents);
        lock(&self.shot.painted).insert(index, Arc::clone(&latents));
        Ok(latents)
    }

    /// All keyframes of the shot.
    pub fn keyframes(&self) -> Vec<FlameExpression> {
        lock(&self.shot.plan).keyframes().to_vec()
    }

    /// The noise of an expression, whichever frame asks for it.
    fn noise(&self, expression: &FlameExpression) -> Result<OwnedNoise, AnimationError> {
        let Some(flow) = self.flow.filter(|_| self.settings.noise == NoiseMode::Carried) else {
            return Ok(OwnedNoise::Shared);
        };
        let (_, height, width) = self.painter.latent_shape();
        let flow = flow.flow(None, expression, width * FINE)?;
        Ok(noise_map(&flow, (width, height)).map_or(OwnedNoise::Shared, OwnedNoise::Carried))
    }

    fn bank(&self, index: usize, latents: &Latents) -> Result<Arc<ReferenceBank>, AnimationError> {
        let mut banks = lock(&self.shot.banks);
        if let Some(at) = banks.iter().position(|(known, _)| *known == index) {
            // The one that was needed last goes last.
            let found = banks.remove(at);
            banks.extend(found);
        } else {
            if banks.len() == HELD_BANKS {
                banks.pop_front();
            }
            banks.push_back((index, Arc::new(self.painter.history(latents)?)));
        }
        Ok(banks.back().map(|(_, bank)| Arc::clone(bank)).unwrap_or_default())
    }
}
