//! How frames are drawn, as a plan says it.

use std::path::PathBuf;

use moue_animation::{Device, LinearMap, Painting, Precision, SchedulerKind};
use moue_film::Drawing;

use crate::plan::Recipe;

const PRECISIONS: [(&str, Precision); 3] =
    [("f32", Precision::F32), ("f16", Precision::F16), ("bf16", Precision::Bf16)];

impl Recipe {
    /// What a drawing says. `map` is what the plan calls the map's file.
    pub(crate) fn of(drawing: &Drawing, map: Option<String>) -> Self {
        let Drawing { painting, device, .. } = drawing;
        let scheduler = |kind| SchedulerKind::ALL.into_iter().find(|(_, known)| *known == kind).map(|(name, _)| name);
        let precision = |kind| PRECISIONS.into_iter().find(|(_, known)| *known == kind).map(|(name, _)| name);
        Self {
            device: device.to_string(),
            scheduler: painting.scheduler.and_then(scheduler).map(str::to_owned),
            steps: painting.steps,
            guidance: painting.guidance.map(|value| value.to_string()),
            expression_scale: painting.expression_scale.map(|value| value.to_string()),
            reference_scale: painting.reference_scale.map(|value| value.to_string()),
            no_reference: painting.no_reference,
            batch: painting.batch,
            precision: painting.precision.and_then(precision).map(str::to_owned),
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
                batch: self.batch,
                precision: self.precision.as_ref().map(precision).transpose()?,
            },
            map,
        })
    }
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
            batch: Some(3),
            precision: Some(Precision::Bf16),
        };
        let drawing = Drawing { device: Device::Cuda(1), painting, map: None };
        let recipe = Recipe::of(&drawing, None);
        let read = recipe.drawing(None, None).unwrap();
        assert_eq!((read.device, read.painting), (drawing.device, drawing.painting));
        assert!(Recipe { precision: Some("f8".to_owned()), ..recipe.clone() }.drawing(None, None).is_err());
        assert!(Recipe { device: "tpu".to_owned(), ..recipe }.drawing(None, None).is_err());
    }
}
