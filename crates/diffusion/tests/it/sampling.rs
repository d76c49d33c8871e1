//! What holds for a whole sampling, whatever the network.

use candle_core::Tensor;
use moue_diffusion::{
    Compute, Conditioning, DenoisingUnet, ExpressionTokens, FrameTokens, Prompts, ReferenceBank, Result, Sampling,
    ScheduleConfig, SchedulerKind, sample,
};
use moue_models::ModelFile;

use crate::helpers::{checkpoint, difference, noise};

const FRAMES: usize = 3;

struct Scene {
    unet: DenoisingUnet,
    schedule: ScheduleConfig,
    prompts: Prompts,
    tokens: FrameTokens,
    bank: ReferenceBank,
    initial: Tensor,
}

impl Scene {
    /// Three frames of one person, each with an expression of its own.
    fn new(variant: &str, (height, width): (usize, usize)) -> Self {
        let checkpoint = checkpoint(variant);
        let weights = checkpoint.unet_weights(&Compute::cpu()).unwrap();
        let adapter = weights.expression_adapter().unwrap();
        let lora = weights.lora(ModelFile::ReferenceAdapter).unwrap();
        let face: Vec<f32> = noise(&[512], 1).to_vec1().unwrap();
        let prompts = checkpoint.prompts(&face.try_into().unwrap(), &Compute::cpu()).unwrap();
        let expressions = noise(&[FRAMES, 55], 2);
        let tokens = FrameTokens {
            expressions: adapter.projection.forward(&expressions).unwrap(),
            neutral: adapter.projection.forward(&noise(&[1, 55], 2).zeros_like().unwrap()).unwrap(),
        };
        let reference = noise(&[1, 4, height, width], 3);
        let bank = weights.reference().unwrap().forward(&reference, 0.0, &prompts.positive).unwrap();
        Self {
            unet: weights.denoising(Some(&adapter), &[(lora, 0.8)]).unwrap(),
            schedule: checkpoint.schedule,
            initial: noise(&[FRAMES, 4, height, width], 4),
            prompts,
            tokens,
            bank,
        }
    }

    /// Samples the frames from `first` on, so many of them.
    fn sample(&self, sampling: &Sampling, first: usize, frames: usize) -> Result<Tensor> {
        let expressions = self.tokens.expressions.narrow(0, first, frames)?;
        let tokens = FrameTokens { expressions, neutral: self.tokens.neutral.clone() };
        self.sample_with(sampling, &tokens, &self.prompts, &self.bank, first)
    }

    fn sample_with(
        &self,
        sampling: &Sampling,
        tokens: &FrameTokens,
        prompts: &Prompts,
        bank: &ReferenceBank,
        first: usize,
    ) -> Result<Tensor> {
        let frames = tokens.expressions.dim(0)?;
        let fresh = |step: usize| Ok(noise(self.initial.dims(), 100 + step as u64).narrow(0, first, frames)?);
        let initial = self.initial.narrow(0, first, frames)?;
        let mut seen = 0;
        let latents = sample(
            &self.unet,
            &self.schedule,
            sampling,
            prompts,
            Some(tokens),
            bank,
            &initial,
            &fresh,
            &mut |step, latents| {
                assert_eq!((step, latents.dims()), (seen, initial.dims()));
                seen += 1;
                Ok(())
            },
        )?;
        assert_eq!(seen, sampling.steps);
        Ok(latents)
    }
}

/// A few steps of each scheduler. DDIM clips, as its class does: a rounding may decide what is cut.
fn samplings() -> Vec<Sampling> {
    let kinds = [SchedulerKind::DpmppTwoM, SchedulerKind::Ddim, SchedulerKind::Euler, SchedulerKind::Lcm];
    kinds.map(|scheduler| Sampling { scheduler, steps: 3, guidance: 2.0, expression_scale: 0.9 }).into()
}

#[test]
fn frames_at_once_are_as_one_by_one() {
    for (variant, size) in [("full", (6, 6)), ("faceid", (4, 8)), ("linear", (5, 7))] {
        let scene = Scene::new(variant, size);
        let mut samplings = samplings();
        samplings.push(Sampling { steps: 2, ..Sampling::few_steps() });
        for sampling in samplings {
            let together = scene.sample(&sampling, 0, FRAMES).unwrap();
            for frame in 0..FRAMES {
                let alone = scene.sample(&sampling, frame, 1).unwrap();
                let error = difference(&together.narrow(0, frame, 1).unwrap(), &alone);
                // To the last bit, so that a range of frames is what the whole run has there.
                assert_eq!(error, 0.0, "{variant}, frame {frame}, {sampling:?}");
            }
            let [first, second] = [0, 1].map(|frame| together.narrow(0, frame, 1).unwrap());
            assert!(difference(&first, &second) > 1e-2, "all frames are the same: {sampling:?}");
        }
    }
}

#[test]
fn without_guidance_there_is_no_unconditional_half() {
    let scene = Scene::new("full", (6, 6));
    let nothing = |tensor: &Tensor| (tensor * f64::NAN).unwrap();
    let prompts = Prompts { negative: nothing(&scene.prompts.negative), ..scene.prompts.clone() };
    let tokens = FrameTokens { neutral: nothing(&scene.tokens.neutral), ..scene.tokens.clone() };
    for sampling in samplings() {
        let one = Sampling { guidance: 1.0, ..sampling.clone() };
        let expected = scene.sample(&one, 0, FRAMES).unwrap();
        // What the unconditional half would see is not even looked at.
        let blind = scene.sample_with(&one, &tokens, &prompts, &scene.bank, 0).unwrap();
        assert_eq!(difference(&blind, &expected), 0.0, "{sampling:?}");
        // With both halves, a guidance of nearly 1 is the conditional one.
        let nearly = Sampling { guidance: 1.0 + 1e-12, ..sampling };
        assert!(nearly.is_guided() && !one.is_guided());
        let error = difference(&scene.sample(&nearly, 0, FRAMES).unwrap(), &expected);
        assert!(error < 1e-5, "{nearly:?}: {error}");
    }
}

#[test]
fn only_the_conditional_half_reads_the_bank() {
    let scene = Scene::new("faceid", (4, 8));
    let empty = ReferenceBank::empty();
    // In one pass.
    let latents = scene.initial.narrow(0, 0, 1).unwrap();
    let both = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 0).unwrap();
    let prompt = both(&scene.prompts.negative, &scene.prompts.positive);
    let tokens = both(&scene.tokens.neutral, &scene.tokens.expressions.narrow(0, 0, 1).unwrap());
    let predict = |bank_from: usize, bank: &ReferenceBank| {
        let expression = Some(ExpressionTokens { tokens: &tokens, scale: 1.0 });
        let conditioning = Conditioning { prompt: &prompt, expression, bank_from };
        scene.unet.forward(&both(&latents, &latents), 500.0, &conditioning, bank).unwrap()
    };
    let (with, without) = (predict(1, &scene.bank), predict(1, &empty));
    let change = |row: usize| difference(&with.narrow(0, row, 1).unwrap(), &without.narrow(0, row, 1).unwrap());
    assert!(change(0) < 1e-6 && change(1) > 1e-3, "{} {}", change(0), change(1));
    let all = predict(0, &scene.bank);
    assert!(difference(&all.narrow(0, 0, 1).unwrap(), &without.narrow(0, 0, 1).unwrap()) > 1e-3);
    // In a whole sampling: with a guidance of 0, nothing but the unconditional half is left.
    let sampling = Sampling { steps: 3, guidance: 0.0, ..Sampling::default() };
    let run = |sampling: &Sampling, bank: &ReferenceBank| {
        scene.sample_with(sampling, &scene.tokens, &scene.prompts, bank, 0).unwrap()
    };
    assert!(difference(&run(&sampling, &scene.bank), &run(&sampling, &empty)) < 1e-5);
    let guided = Sampling { guidance: 2.0, ..sampling };
    assert!(difference(&run(&guided, &scene.bank), &run(&guided, &empty)) > 1e-3);
}

#[test]
fn a_bank_of_another_network_is_an_error() {
    let (scene, other) = (Scene::new("faceid", (4, 8)), Scene::new("full", (6, 6)));
    let error = scene.sample_with(&samplings()[0], &scene.tokens, &scene.prompts, &other.bank, 0).unwrap_err();
    assert!(error.to_string().contains("a reference bank of"), "{error}");
}

#[test]
fn who_watches_may_end_the_run() {
    let scene = Scene::new("full", (6, 6));
    let mut steps = 0;
    let error = sample(
        &scene.unet,
        &scene.schedule,
        &Sampling::default(),
        &scene.prompts,
        Some(&scene.tokens),
        &scene.bank,
        &scene.initial,
        &|_| unreachable!("DPM-Solver++ asks for no noise"),
        &mut |step, _| {
            steps += 1;
            if step == 1 { Err(moue_diffusion::DiffusionError::Cancelled) } else { Ok(()) }
        },
    )
    .unwrap_err();
    assert!(matches!(error, moue_diffusion::DiffusionError::Cancelled) && steps == 2);
}

#[test]
fn shapes_that_do_not_match_are_errors() {
    let scene = Scene::new("full", (6, 6));
    let sampling = &samplings()[0];
    let two = FrameTokens { expressions: scene.tokens.expressions.narrow(0, 0, 2).unwrap(), ..scene.tokens.clone() };
    let initial = scene.initial.clone();
    let run = |tokens: &FrameTokens, initial: &Tensor| {
        let noise = |_| Ok(initial.clone());
        let (unet, schedule) = (&scene.unet, &scene.schedule);
        sample(unet, schedule, sampling, &scene.prompts, Some(tokens), &scene.bank, initial, &noise, &mut |_, _| Ok(()))
    };
    assert!(run(&scene.tokens, &initial).is_ok());
    assert!(run(&two, &initial).is_err(), "tokens for two of three frames");
    assert!(run(&scene.tokens, &initial.narrow(1, 0, 3).unwrap()).is_err(), "latents of three channels");
}
