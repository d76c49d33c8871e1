use super::*;

/// Values from -1 to 1 that look random.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        for (left, shift) in [(true, 13), (false, 17), (true, 5)] {
            state ^= if left { state << shift } else { state >> shift };
        }
        state as f32 / 2f32.powi(31) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Runs an operation with vectors of 1, 4, or as many values as the machine has.
fn run(lanes: usize, operation: impl WithSimd<Output = ()>) {
    match lanes {
        1 => pulp::Scalar::new().vectorize(operation),
        4 => pulp::Scalar128b.vectorize(operation),
        _ => crate::simd::dispatch(operation),
    }
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{what}, value {i}: {found}, not {expected}");
    }
}

#[test]
fn dense_rows_are_sums_of_products() {
    // Pixels, inputs of each source, outputs, and channels of the residual.
    let cases: [(usize, &[usize], usize, usize); 7] = [
        (7, &[5], 8, 0),
        (1, &[3], 16, 16),
        (13, &[9, 9, 9], 16, 0),
        (11, &[6, 6], 48, 32),
        (9, &[17], 5, 0),
        (3, &[4], 33, 0),
        (10, &[8], 8, 8),
    ];
    for (pixels, sources, outputs, channels) in cases {
        let inputs = sources.iter().sum::<usize>();
        let weights = noise(outputs * inputs, 1);
        let [bias, slopes] = [2, 3].map(|seed| noise(outputs, seed));
        let dense = Dense::new(inputs, &weights, &bias, &slopes);
        let added = noise(pixels * channels, 4);
        // Sources whose pixels lie further apart than they have inputs.
        let parts: Vec<_> = (5..).zip(sources).map(|(seed, inputs)| noise(pixels * (inputs + 2), seed)).collect();
        let sources: Vec<_> =
            parts.iter().zip(sources).map(|(values, &inputs)| Source { values, stride: inputs + 2, inputs }).collect();
        let mut expected = Vec::new();
        for pixel in 0..pixels {
            let patch: Vec<f32> =
                sources.iter().flat_map(|s| s.values[pixel * s.stride..][..s.inputs].to_vec()).collect();
            for output in 0..dense.outputs {
                let weights = weights.chunks(inputs).nth(output).unwrap_or(&[]);
                let sum: f32 = patch.iter().zip(weights).map(|(value, weight)| value * weight).sum();
                let sum = sum + bias.get(output).unwrap_or(&0.0);
                let sum = if output < channels { sum + added[pixel * channels + output] } else { sum };
                expected.push(if sum < 0.0 { sum * slopes.get(output).unwrap_or(&0.0) } else { sum });
            }
        }
        for lanes in [1, 4, 8] {
            let mut out = vec![f32::NAN; pixels * dense.outputs];
            let residual = Residual { values: &added, channels };
            run(lanes, DenseRow { dense: &dense, sources: &sources, residual, out: &mut out });
            close(&out, &expected, &format!("{pixels} pixels, {inputs} to {outputs}, {lanes} lanes"));
        }
    }
}

struct DepthwiseRow<'a>(&'a Depthwise, [&'a [f32]; 3], &'a mut [f32]);

impl WithSimd for DepthwiseRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.row(simd, self.1, self.2);
    }
}

#[test]
fn depthwise_rows_are_convolutions_of_each_channel() {
    for (pixels, channels) in [(1, 8), (2, 24), (5, 8), (7, 16), (12, 40)] {
        let (weights, bias) = (noise(channels * 9, 1), noise(channels, 2));
        let depthwise = Depthwise::new(&weights, &bias);
        let rows = [3, 4, 5].map(|seed| noise((pixels + 2) * channels, seed));
        let mut expected = Vec::new();
        for pixel in 0..pixels {
            for channel in 0..channels {
                let taps = (0..9)
                    .map(|tap| weights[channel * 9 + tap] * rows[tap / 3][(pixel + tap % 3) * channels + channel]);
                expected.push(taps.sum::<f32>() + bias[channel]);
            }
        }
        for lanes in [1, 4, 8] {
            let mut out = vec![f32::NAN; pixels * channels];
            run(lanes, DepthwiseRow(&depthwise, rows.each_ref().map(Vec::as_slice), &mut out));
            close(&out, &expected, &format!("{pixels} pixels, {channels} channels, {lanes} lanes"));
        }
    }
}

struct Pool<'a>([&'a [f32]; 2], usize, &'a mut [f32]);

impl WithSimd for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        pool(simd, self.0, self.1, self.2);
    }
}

#[test]
fn pooling_takes_the_largest_of_four() {
    for (pixels, channels) in [(1, 8), (3, 16), (5, 24)] {
        let rows = [1, 2].map(|seed| noise(2 * pixels * channels, seed));
        let largest = |i: usize| {
            let at = i / channels * 2 * channels + i % channels;
            rows.iter().flat_map(|row| [row[at], row[at + channels]]).fold(f32::MIN, f32::max)
        };
        let expected: Vec<f32> = (0..pixels * channels).map(largest).collect();
        for lanes in [1, 4, 8] {
            let mut out = vec![f32::NAN; pixels * channels];
            run(lanes, Pool(rows.each_ref().map(Vec::as_slice), channels, &mut out));
            assert_eq!(out, expected, "{pixels} pixels, {channels} channels, {lanes} lanes");
        }
    }
}
