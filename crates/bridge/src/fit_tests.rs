use super::*;
use moue_timeline::{FlameChannel, Shape};

const FPS: f64 = 25.0;
/// Standard deviation of the trackers' noise.
const SIGMA: f64 = 0.01;

/// Uniform values, the same every time.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    fn noise(&mut self) -> f64 {
        SIGMA * ((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0)
    }
}

/// Smooth curves from 0 to 1, none of them like another.
fn curves(random: &mut Random, count: usize, frames: usize) -> Vec<Vec<f64>> {
    let mut curve = || {
        let waves = [0; 3].map(|_| (random.between(0.3, 9.0), random.between(0.0, 7.0), random.between(0.3, 1.0)));
        let total: f64 = waves.iter().map(|wave| wave.2).sum();
        let at = |frame: usize| {
            let t = frame as f64 / FPS;
            0.5 + 0.5 * waves.iter().map(|(speed, phase, part)| part * (speed * t + phase).sin()).sum::<f64>() / total
        };
        (0..frames).map(at).collect::<Vec<f64>>()
    };
    (0..count).map(|_| curve()).collect()
}

fn track(channels: &[Channel], columns: &[Vec<f64>]) -> Track {
    let frames = columns[0].len();
    let times = (0..frames).map(|frame| frame as f64 / FPS).collect();
    let values = (0..frames).flat_map(|frame| columns.iter().map(move |column| column[frame] as f32)).collect();
    Track::new(channels.to_vec(), times, values).unwrap()
}

/// Shapes that a rule says nothing about, and expression components.
fn channels(shapes: usize, components: usize) -> (Vec<Channel>, Vec<Channel>) {
    let free = |shape: &Shape| !shape.name().starts_with("jaw") && !shape.name().starts_with("eyeBlink");
    let shapes = Shape::ALL.into_iter().filter(free).take(shapes).map(Channel::Shape).collect();
    let components = (0..components).filter_map(FlameChannel::from_index).map(Channel::Flame).collect();
    (shapes, components)
}

fn weights(random: &mut Random, inputs: usize, outputs: usize, reach: f64) -> Vec<Vec<f64>> {
    (0..inputs).map(|_| (0..outputs).map(|_| random.between(-reach, reach)).collect()).collect()
}

/// `bias + sum of inputs times weights`, without noise.
fn mixed(columns: &[Vec<f64>], weights: &[Vec<f64>], bias: &[f64]) -> Vec<Vec<f64>> {
    let frames = columns[0].len();
    let output = |index: usize| -> Vec<f64> {
        let at =
            |frame: usize| bias[index] + columns.iter().zip(weights).map(|(c, w)| c[frame] * w[index]).sum::<f64>();
        (0..frames).map(at).collect()
    };
    (0..bias.len()).map(output).collect()
}

fn noisy(random: &mut Random, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    columns.iter().map(|column| column.iter().map(|value| value + random.noise()).collect()).collect()
}

fn pair<'a>(arkit: &'a Track, flame: &'a Track) -> Pair<'a> {
    Pair { name: "take.mp4", hash: "sha256:1", arkit, flame }
}

#[test]
fn a_known_map_to_flame_is_recovered_to_within_the_noise() {
    let mut random = Random(1);
    let (shapes, components) = channels(40, 50);
    let inputs = curves(&mut random, 40, 4000);
    let truth = weights(&mut random, 40, 50, 1.0);
    let bias: Vec<f64> = (0..50).map(|_| random.between(-0.5, 0.5)).collect();
    let outputs = mixed(&inputs, &truth, &bias);
    let (arkit, flame) = (track(&shapes, &inputs), track(&components, &noisy(&mut random, &outputs)));
    let map = fit(&[pair(&arkit, &flame)]).unwrap();
    let affine = map.to(Family::Flame).unwrap();
    assert_eq!((affine.inputs(), affine.outputs()), (&shapes[..], &components[..]));

    // Inputs deviate by about 0.2: a weight is known to SIGMA / (0.2 sqrt(3000)), and there are 2000 of them.
    let expected = SIGMA / (0.2 * 3000f64.sqrt());
    let mut squares = 0.0;
    for (input, row) in truth.iter().enumerate() {
        for (output, weight) in row.iter().enumerate() {
            let error = affine.weight(input, output) - weight;
            assert!(error.abs() < 6.0 * expected, "{input} {output}: {error}");
            squares += error * error / 2000.0;
        }
    }
    assert!(squares.sqrt() < 2.0 * expected, "{} for {expected}", squares.sqrt());
    assert!(affine.bias().iter().zip(&bias).all(|(found, bias)| (found - bias).abs() < 0.01));
    for score in affine.scores() {
        let Score { rmse, r2 } = score.unwrap();
        // What is left is the noise of what it is compared with.
        assert!((0.9 * SIGMA..1.1 * SIGMA).contains(&rmse) && r2.unwrap() > 0.99, "{rmse} {r2:?}");
    }
    assert_eq!((map.training_frames() + map.held_back_frames() > 3600, map.held_back_frames()), (true, 800));
    assert_eq!(map.sources()[0], Source { name: "take.mp4".into(), hash: "sha256:1".into(), frames: 4000 });

    // And the other way: what comes back from FLAME is what went in.
    let errors = map.to(Family::Arkit).unwrap().scores();
    assert!(errors.iter().all(|score| score.unwrap().r2.unwrap() > 0.97), "{errors:?}");
    let back = crate::bridge(&flame, Family::Arkit, Some(&map)).unwrap();
    for (column, input) in inputs.iter().enumerate() {
        let error = back.track.column_values(column).zip(input).map(|(a, b)| (f64::from(a) - b).powi(2)).sum::<f64>();
        assert!((error / 4000.0).sqrt() < 0.03, "{column}: {error}");
    }
}

#[test]
fn a_known_map_to_arkit_is_recovered_through_its_cuts() {
    let mut random = Random(2);
    let (shapes, components) = channels(20, 30);
    let inputs: Vec<Vec<f64>> = curves(&mut random, 30, 4000)
        .iter()
        .map(|curve| curve.iter().map(|value| 4.0 * value - 2.0).collect())
        .collect();
    let truth = weights(&mut random, 30, 20, 0.4);
    // Most coefficients rest at 0 most of the time, and some go beyond 1.
    let bias: Vec<f64> = (0..20).map(|_| random.between(-0.3, 0.3)).collect();
    let uncut = mixed(&inputs, &truth, &bias);
    let cut: Vec<Vec<f64>> =
        uncut.iter().map(|column| column.iter().map(|value| value.clamp(0.0, 1.0)).collect()).collect();
    let measured: Vec<Vec<f64>> = noisy(&mut random, &cut)
        .iter()
        .map(|column| column.iter().map(|value| value.clamp(0.0, 1.0)).collect())
        .collect();
    let resting = cut.iter().flatten().filter(|value| **value == 0.0).count();
    assert!((20_000..60_000).contains(&resting), "{resting} of 80000 values rest");
    let (arkit, flame) = (track(&shapes, &measured), track(&components, &inputs));
    let map = fit(&[pair(&arkit, &flame)]).unwrap();
    let affine = map.to(Family::Arkit).unwrap();
    for (input, row) in truth.iter().enumerate() {
        for (output, weight) in row.iter().enumerate() {
            let error = affine.weight(input, output) - weight;
            assert!(error.abs() < 0.02, "{input} {output}: {} for {weight}", affine.weight(input, output));
        }
    }
    for score in affine.scores() {
        assert!(score.unwrap().rmse < 1.3 * SIGMA, "{score:?}");
    }
}

#[test]
fn what_nothing_tells_is_its_mean() {
    let mut random = Random(3);
    let (shapes, components) = channels(5, 5);
    let inputs = curves(&mut random, 5, 3000);
    let mut outputs = mixed(&inputs, &weights(&mut random, 5, 5, 1.0), &[0.0; 5]);
    // One component is noise, one rests.
    outputs[1] = (0..3000).map(|_| 0.3 + 50.0 * random.noise()).collect();
    outputs[2] = vec![0.7; 3000];
    let (arkit, flame) = (track(&shapes, &inputs), track(&components, &outputs));
    let map = fit(&[pair(&arkit, &flame)]).unwrap();
    let affine = map.to(Family::Flame).unwrap();
    let largest = |output: usize| (0..5).map(|input| affine.weight(input, output).abs()).fold(0.0, f64::max);
    assert!(largest(1) < 0.1 && largest(2) < 1e-6 && largest(0) > 0.1);
    assert!((affine.bias()[2] - 0.7).abs() < 1e-6);
    let scores = affine.scores();
    assert!(scores[1].unwrap().r2.unwrap().abs() < 0.1);
    assert_eq!(scores[2].unwrap().r2, None);
}

#[test]
fn rules_are_scored_beside_the_map() {
    let mut random = Random(4);
    let (mut shapes, mut components) = channels(3, 3);
    shapes.push(Channel::Shape(Shape::JawOpen));
    components.push(Channel::Flame(FlameChannel::from_index(52).unwrap()));
    let inputs = curves(&mut random, 4, 2000);
    let mut outputs = mixed(&inputs[..3], &weights(&mut random, 3, 3, 1.0), &[0.0; 3]);
    // This person's jaw opens by 0.4 rad.
    outputs.push(inputs[3].iter().map(|open| 0.4 * open).collect());
    let (arkit, flame) = (track(&shapes, &inputs), track(&components, &outputs));
    let map = fit(&[pair(&arkit, &flame)]).unwrap();
    let affine = map.to(Family::Flame).unwrap();
    assert_eq!(affine.rule_scores()[..3], [None; 3]);
    let (rule, fitted) = (affine.rule_scores()[3].unwrap(), affine.scores()[3].unwrap());
    assert!(fitted.rmse < 1e-3 && (0.03..0.08).contains(&rule.rmse), "{rule:?} {fitted:?}");
    let back = map.to(Family::Arkit).unwrap();
    assert!(back.rule_scores()[3].is_some() && back.rule_scores()[0].is_none());
}

#[test]
fn channels_are_those_that_all_recordings_have() {
    let mut random = Random(5);
    let (shapes, components) = channels(6, 4);
    let inputs = curves(&mut random, 6, 1500);
    let outputs = mixed(&inputs, &weights(&mut random, 6, 4, 1.0), &[0.0; 4]);
    let (arkit, flame) = (track(&shapes, &inputs), track(&components, &outputs));
    let fewer = track(&shapes[2..], &inputs[2..]);
    let map = fit(&[pair(&arkit, &flame), pair(&fewer, &flame)]).unwrap();
    assert_eq!(map.to(Family::Flame).unwrap().inputs(), &shapes[2..]);
    assert_eq!((map.sources().len(), map.sources()[1].frames), (2, 1500));
    // The same recordings give the same map.
    assert_eq!(fit(&[pair(&arkit, &flame), pair(&fewer, &flame)]), Ok(map));
}

#[test]
fn recordings_that_cannot_be_learned_from_are_refused() {
    let mut random = Random(6);
    let (shapes, components) = channels(3, 3);
    let columns = curves(&mut random, 3, 500);
    let (arkit, flame) = (track(&shapes, &columns), track(&components, &columns));
    let error = |pairs: &[Pair<'_>]| fit(pairs).unwrap_err().to_string();
    assert!(error(&[]).starts_with("0 frames to learn from: expected at least 200\nhint: "), "{}", error(&[]));
    let short: Vec<Vec<f64>> = columns.iter().map(|column| column[..100].to_vec()).collect();
    let (few_shapes, few_components) = (track(&shapes, &short), track(&components, &short));
    assert!(error(&[pair(&few_shapes, &few_components)]).contains("frames to learn from: expected at least 200"));
    assert_eq!(
        error(&[pair(&arkit, &few_components)]),
        "take.mp4: one track has 500 frames and the other 100\nhint: both tracks come from the same frames of one video"
    );
    let late = arkit.retimed(0.9).unwrap();
    assert!(error(&[pair(&late, &flame)]).starts_with("take.mp4: frame 1 is at "));
    assert!(error(&[pair(&flame, &flame)]).starts_with("take.mp4: no ARKit channel is in this recording"));
}
