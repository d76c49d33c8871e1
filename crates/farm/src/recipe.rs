//! How frames are drawn, as a plan says it.

use std::path::PathBuf;

use moue_animation::{
    AskedConditioning, Compose, Device, HistoryMode, LinearMap, NoiseMode, Painting, Precision, SchedulerKind,
};
use moue_film::Drawing;

use crate::plan::Recipe;

const PRECISIONS: [(&str, Precision); 3] =
    [("f32", Precision::F32), ("f16", Precision::F16), ("bf16", Precision::Bf16)];

impl Recipe {
    /// What a drawing says. `map` is what the plan calls the map's file.
    pub(crate) fn of(drawing: &Drawing, map: Option<String>) -> Self {
        let Drawing { painting, device, compose, .. } = drawing;
        let AskedConditioning { noise, history, history_weight, keyframe_distance, start_strength } =
            painting.conditioning;
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        Self {
            device: device.to_string(),
            scheduler: painting.scheduler.and_then(|kind| named(&SchedulerKind::ALL, kind)),
            steps: painting.steps,
            guidance: number(painting.guidance),
            expression_scale: number(painting.expression_scale),
            reference_scale: number(painting.reference_scale),
            no_reference: painting.no_reference,
            compose: compose.map(|compose| compose.name().to_owned()),
            paint_size: painting.side,
            detail: painting.detail.to_string(),
            noise: noise.and_then(|kind| named(&NoiseMode::ALL, kind)),
            history: history.and_then(|kind| named(&HistoryMode::ALL, kind)),
            history_weight: number(history_weight),
            keyframe_distance: number(keyframe_distance),
            start_strength: number(start_strength),
            batch: painting.batch,
            precision: painting.precision.and_then(|kind| named(&PRECISIONS, kind)),
            map,
        }
    }

    /// What is to be drawn with, on a machine that has its models in `models`.
    ///
    /// # Errors
    /// The word that is not understood.
    pub(crate) fn drawing(&self, models: Option<PathBuf>, map: Option<LinearMap>) -> Result<Drawing, String> {
        let number = |text: &Option<String>| -> Result<Option<f64>, String> {
            text.as_ref().map(|text| text.parse().map_err(|_| format!("`{text}` is no number"))).transpose()
        };
        let precision = |text: &String| {
            let found = PRECISIONS.into_iter().find(|(name, _)| name == text);
            found.map(|(_, kind)| kind).ok_or_else(|| format!("`{text}` is no precision"))
        };
        Ok(Drawing {
            device: self.device.parse::<Device>()?,
            painting: Painting {
                models,
                scheduler: self.scheduler.as_ref().map(|name| name.parse()).transpose()?,
                steps: self.steps,
                guidance: number(&self.guidance)?,
                expression_scale: number(&self.expression_scale)?,
                reference_scale: number(&self.reference_scale)?,
                no_reference: self.no_reference,
                side: self.paint_size,
                detail: self.detail.parse().map_err(|_| format!("`{}` is no number", self.detail))?,
                conditioning: AskedConditioning {
                    noise: self.noise.as_ref().map(|name| name.parse()).transpose()?,
                    history: self.history.as_ref().map(|name| name.parse()).transpose()?,
                    history_weight: number(&self.history_weight)?,
                    keyframe_distance: number(&self.keyframe_distance)?,
                    start_strength: number(&self.start_strength)?,
                },
                keyframes: None,
                batch: self.batch,
                precision: self.precision.as_ref().map(precision).transpose()?,
            },
            compose: self.compose.as_ref().map(|name| name.parse::<Compose>()).transpose()?,
            map,
            keyframes: None,
        })
    }
}

/// The name of a kind.
fn named<T: Copy + PartialEq>(all: &[(&'static str, T)], kind: T) -> Option<String> {
    all.iter().find(|(_, known)| *known == kind).map(|(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_read_as_it_was_written() {
        let painting = Painting {
            models: None,
            scheduler: Some(SchedulerKind::Lcm),
            steps: Some(4),
            guidance: Some(1.0 / 3.0),
            expression_scale: Some(0.1),
            reference_scale: Some(1e-7),
            no_reference: true,
            side: Some(128),
            detail: 0.3,
            conditioning: AskedConditioning {
                noise: Some(NoiseMode::Carried),
                history: Some(HistoryMode::Keyframe),
                history_weight: Some(0.7),
                keyframe_distance: Some(0.1),
                start_strength: Some(0.6),
            },
            keyframes: None,
            batch: Some(3),
            precision: Some(Precision::Bf16),
        };
        let (device, compose) = (Device::Cuda(1), Some(Compose::Paste));
        let drawing = Drawing { device, painting, compose, ..Drawing::default() };
        let recipe = Recipe::of(&drawing, None);
        let read = recipe.drawing(None, None).unwrap();
        assert_eq!((read.device, read.painting, read.compose), (drawing.device, drawing.painting, drawing.compose));
        assert!(Recipe { precision: Some("f8".to_owned()), ..recipe.clone() }.drawing(None, None).is_err());
        assert!(Recipe { device: "tpu".to_owned(), ..recipe }.drawing(None, None).is_err());
    }
}
