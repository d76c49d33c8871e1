//! What holds for every number of steps.

use candle_core::{Device, Tensor};
use moue_diffusion::{ScheduleConfig, Scheduler, SchedulerKind};

const KINDS: [SchedulerKind; 4] =
    [SchedulerKind::DpmppTwoM, SchedulerKind::Ddim, SchedulerKind::Euler, SchedulerKind::Lcm];

/// Stable Diffusion 1.5.
fn config() -> ScheduleConfig {
    ScheduleConfig {
        beta_start: 0.00085,
        beta_end: 0.012,
        train_timesteps: 1000,
        scaled_linear: true,
        steps_offset: 1,
        set_alpha_to_one: false,
        clip_sample: false,
    }
}

fn latents() -> Tensor {
    Tensor::new(&[0.5f32, -1.25, 0.75, 2.0], &Device::Cpu).unwrap()
}

/// Where latents end if the network always predicts a part of what it is shown.
fn run(kind: SchedulerKind, config: &ScheduleConfig, steps: usize) -> Vec<f32> {
    let mut scheduler = Scheduler::new(kind, config, steps);
    let mut latents = (latents() * scheduler.initial_scale()).unwrap();
    for step in 0..scheduler.timesteps().len() {
        let predicted = (scheduler.scale_input(&latents, step).unwrap() * 0.5).unwrap();
        let fresh = scheduler.wants_noise(step).then(|| latents.ones_like().unwrap());
        latents = scheduler.step(step, &predicted, &latents, fresh.as_ref()).unwrap();
    }
    latents.to_vec1().unwrap()
}

fn assert_falls(kind: SchedulerKind, config: &ScheduleConfig, steps: usize) {
    let scheduler = Scheduler::new(kind, config, steps);
    let timesteps = scheduler.timesteps();
    // As many steps as the training had, from 1 to the last: one less fits between.
    let one_less = kind == SchedulerKind::DpmppTwoM && steps == config.train_timesteps && steps > 2;
    assert_eq!(timesteps.len(), steps - usize::from(one_less), "{kind:?}");
    assert!(timesteps.windows(2).all(|pair| pair[1] < pair[0]), "{kind:?} in {steps} steps: {timesteps:?}");
    let last = (config.train_timesteps - 1) as f64;
    assert!(timesteps.iter().all(|t| (0.0..=last).contains(t)), "{kind:?} in {steps} steps: {timesteps:?}");
}

#[test]
fn timesteps_fall_strictly_and_stay_within_the_training() {
    for kind in KINDS {
        (1..=1000).for_each(|steps| assert_falls(kind, &config(), steps));
    }
}

#[test]
fn timesteps_fall_for_other_trainings_too() {
    for train_timesteps in [1, 2, 3, 10, 49, 50, 51, 100] {
        for (kind, steps_offset) in KINDS.into_iter().flat_map(|kind| [0, 1, 7].map(|offset| (kind, offset))) {
            let config = ScheduleConfig { train_timesteps, steps_offset, ..config() };
            (1..=train_timesteps).for_each(|steps| assert_falls(kind, &config, steps));
        }
    }
}

/// Every number of steps would be a million of them for each kind; these are all small ones, and some of the large.
#[test]
fn latents_stay_finite() {
    let some = (1..=64).chain((65..1000).step_by(61)).chain(990..=1000);
    for steps in some {
        for kind in KINDS {
            for clip_sample in [false, true] {
                let config = ScheduleConfig { clip_sample, ..config() };
                let end = run(kind, &config, steps);
                assert!(end.iter().all(|v| v.is_finite() && v.abs() < 1e3), "{kind:?} in {steps} steps: {end:?}");
            }
        }
    }
}

#[test]
fn more_or_fewer_steps_than_there_are_become_the_nearest() {
    for kind in KINDS {
        let timesteps = |steps| Scheduler::new(kind, &config(), steps).timesteps().to_vec();
        assert_eq!(timesteps(0), timesteps(1));
        assert_eq!(timesteps(5000), timesteps(1000));
    }
}

#[test]
fn latent_consistency_takes_one_to_eight_steps() {
    // Of the 50 steps of the distillation, evenly spread from the last.
    let expected: [&[f64]; 4] = [&[999.0], &[999.0, 499.0], &[999.0, 679.0, 339.0], &[999.0, 759.0, 499.0, 259.0]];
    for steps in 1..=8 {
        let scheduler = Scheduler::new(SchedulerKind::Lcm, &config(), steps);
        if let Some(expected) = expected.get(steps - 1) {
            assert_eq!(scheduler.timesteps(), *expected);
        }
        let noisy: Vec<bool> = (0..steps).map(|step| scheduler.wants_noise(step)).collect();
        assert!(noisy[..steps - 1].iter().all(|&noisy| noisy) && !noisy[steps - 1], "{steps}: {noisy:?}");
        assert!(run(SchedulerKind::Lcm, &config(), steps).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn latent_consistency_without_noise_is_an_error_and_not_a_panic() {
    let mut scheduler = Scheduler::new(SchedulerKind::Lcm, &config(), 2);
    let error = scheduler.step(0, &latents(), &latents(), None).unwrap_err().to_string();
    assert!(error.contains("noise between its steps"), "{error}");
}

/// One step of Euler starts at the last timestep of the schedule, as numpy's `linspace` with one number does.
#[test]
fn euler_takes_one_step() {
    let scheduler = Scheduler::new(SchedulerKind::Euler, &config(), 1);
    assert_eq!(scheduler.timesteps(), [0.0]);
    assert!((scheduler.initial_scale() - 0.029_17).abs() < 1e-4, "{}", scheduler.initial_scale());
    // x - sigma * prediction, of x = sigma * latents.
    let end = run(SchedulerKind::Euler, &config(), 1);
    let sigma = scheduler.initial_scale() as f32;
    for (end, start) in end.iter().zip(latents().to_vec1::<f32>().unwrap()) {
        let input = sigma * start / (sigma * sigma + 1.0).sqrt();
        assert!((end - (sigma * start - sigma * 0.5 * input)).abs() < 1e-7, "{end}");
    }
}
