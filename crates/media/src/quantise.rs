//! Choosing colours: variance-based splitting (Wan, Wong and Prusinkiewicz 1990) refined by k-means (Lloyd 1982).

/// Bits per channel by which pixels are gathered; their exact mean is kept.
const BITS: u32 = 6;
const REFINEMENTS: usize = 3;

/// Pixels of nearly one colour.
#[derive(Clone, Copy)]
struct Group {
    mean: [f32; 3],
    count: f32,
}

/// At most `most` colours that stand for `pixels` with a small mean squared error; at least one.
pub(crate) fn colours(pixels: impl Iterator<Item = [u8; 3]>, most: usize) -> Vec<[u8; 3]> {
    let mut groups = gather(pixels);
    let mut centres = split(&mut groups, most);
    for _ in 0..REFINEMENTS {
        refine(&groups, &mut centres);
    }
    centres.iter().map(|centre| centre.map(|value| value.round() as u8)).collect()
}

fn gather(pixels: impl Iterator<Item = [u8; 3]>) -> Vec<Group> {
    let mut cells = vec![([0u32; 3], 0u32); 1 << (3 * BITS)];
    for pixel in pixels {
        let cell = pixel.iter().fold(0, |cell, value| (cell << BITS) | usize::from(value >> (8 - BITS)));
        let (sums, count) = &mut cells[cell];
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u32::from(value);
        }
        *count += 1;
    }
    let group =
        |(sums, count): ([u32; 3], u32)| Group { mean: sums.map(|sum| sum as f32 / count as f32), count: count as f32 };
    cells.into_iter().filter(|(_, count)| *count > 0).map(group).collect()
}

/// A run of groups that share a colour.
struct Cluster {
    range: std::ops::Range<usize>,
    mean: [f32; 3],
    /// The channel in which they differ most, and the sum of squared differences in all.
    axis: usize,
    error: f32,
}

impl Cluster {
    fn of(groups: &[Group], range: std::ops::Range<usize>) -> Self {
        let members = &groups[range.clone()];
        let count: f32 = members.iter().map(|group| group.count).sum();
        let per_channel = |value: &dyn Fn(&Group, usize) -> f32| {
            [0, 1, 2].map(|channel| members.iter().map(|group| value(group, channel)).sum::<f32>())
        };
        let mean = per_channel(&|group, channel| group.count * group.mean[channel]).map(|sum| sum / count.max(1.0));
        let errors = per_channel(&|group, channel| group.count * (group.mean[channel] - mean[channel]).powi(2));
        let axis = (0..3).max_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0);
        Self { range, mean, axis, error: errors.iter().sum() }
    }
}

/// Splits what errs most, across its longest axis at its mean, until there are enough.
fn split(groups: &mut [Group], most: usize) -> Vec<[f32; 3]> {
    let mut clusters = vec![Cluster::of(groups, 0..groups.len())];
    while clusters.len() < most {
        let worst = (0..clusters.len()).max_by(|&a, &b| clusters[a].error.total_cmp(&clusters[b].error)).unwrap_or(0);
        let Cluster { range, mean, axis, .. } = &clusters[worst];
        let (range, mean, axis) = (range.clone(), *mean, *axis);
        groups[range.clone()].sort_unstable_by(|a, b| a.mean[axis].total_cmp(&b.mean[axis]));
        let middle = range.start + groups[range.clone()].partition_point(|group| group.mean[axis] <= mean[axis]);
        if middle == range.start || middle == range.end {
            break;
        }
        clusters[worst] = Cluster::of(groups, range.start..middle);
        clusters.push(Cluster::of(groups, middle..range.end));
    }
    clusters.iter().map(|cluster| cluster.mean).collect()
}

/// Moves each centre to the mean of the groups that are nearest to it.
fn refine(groups: &[Group], centres: &mut [[f32; 3]]) {
    let mut sums = vec![([0.0f32; 3], 0.0f32); centres.len()];
    for group in groups {
        let distance =
            |centre: &[f32; 3]| (0..3).map(|channel| (centre[channel] - group.mean[channel]).powi(2)).sum::<f32>();
        let nearest = centres.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((nearest, _)) = nearest else { return };
        let (sum, count) = &mut sums[nearest];
        for (sum, value) in sum.iter_mut().zip(group.mean) {
            *sum += group.count * value;
        }
        *count += group.count;
    }
    for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
        if count > 0.0 {
            *centre = sum.map(|sum| sum / count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_found_exactly() {
        let wanted = [[200, 30, 30], [20, 40, 220], [0, 0, 0], [255, 255, 255]];
        let mut found = colours(wanted.into_iter().cycle().take(900), 255);
        found.sort_unstable();
        assert_eq!(found, [[0, 0, 0], [20, 40, 220], [200, 30, 30], [255, 255, 255]]);
        assert_eq!(colours([[7, 8, 9]; 5].into_iter(), 255), [[7, 8, 9]]);
        assert_eq!(colours(std::iter::empty(), 255).len(), 1);
    }

    #[test]
    fn many_colours_are_stood_for_by_few() {
        let pixels: Vec<[u8; 3]> = (0..=255u8).flat_map(|r| (0..=255u8).step_by(8).map(move |g| [r, g, 60])).collect();
        // A square of side s has a mean squared error of s^2 / 6.
        for (most, allowed) in [(4, 2800.0), (64, 180.0), (255, 48.0)] {
            let found = colours(pixels.iter().copied(), most);
            assert_eq!(found.len(), most);
            let error = |pixel: &[u8; 3]| {
                found
                    .iter()
                    .map(|c| (0..3).map(|i| f64::from(c[i].abs_diff(pixel[i])).powi(2)).sum::<f64>())
                    .fold(f64::MAX, f64::min)
            };
            let mean = pixels.iter().map(error).sum::<f64>() / pixels.len() as f64;
            assert!(mean < allowed, "{most}: {mean}");
        }
    }
}
