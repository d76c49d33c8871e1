//! Noise and latents, moved along a flow.

use moue_diffusion::{FINE, Latents, NoiseMap};
use moue_mesh::Flow;

/// Where the noise of each fine cell comes from: the cell that the flow says, and noise of its own where what is seen
/// was not seen before. The flow is that of a picture of as many pixels as there are fine cells.
pub(super) fn noise_map(flow: &Flow, latents: (usize, usize)) -> Option<NoiseMap> {
    let (columns, rows) = (latents.0 * FINE, latents.1 * FINE);
    let inside = |[x, y]: [f32; 2]| x >= 0.0 && y >= 0.0 && (x as usize) < columns && (y as usize) < rows;
    let cells = flow.sources().iter().zip(flow.visible());
    let sources = cells.map(|(&source, &is_visible)| {
        let [x, y] = source;
        (is_visible && inside(source)).then(|| (y as usize * columns + x as usize) as u32)
    });
    NoiseMap::new(latents, sources.collect())
}

/// Latents where the flow takes them, by bilinear interpolation. The flow is that of a picture of the latents' size.
pub(super) fn latents_along(flow: &Flow, latents: &Latents) -> Latents {
    let Latents { channels, height, width, values } = latents;
    let plane = height * width;
    let mut carried = vec![0.0; values.len()];
    for (cell, &[x, y]) in flow.sources().iter().enumerate().take(plane) {
        let (x, y) = ((x - 0.5).clamp(0.0, (width - 1) as f32), (y - 0.5).clamp(0.0, (height - 1) as f32));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        for channel in 0..*channels {
            let at = |row: usize, column: usize| values[channel * plane + row * width + column];
            let above = at(top, left) * (1.0 - fx) + at(top, right) * fx;
            let below = at(bottom, left) * (1.0 - fx) + at(bottom, right) * fx;
            carried[channel * plane + cell] = above * (1.0 - fy) + below * fy;
        }
    }
    Latents { values: carried, ..*latents }
}

/// The weighted sum of latents of one size, whose weights sum to 1.
pub(super) fn blended(parts: &[(Latents, f32)]) -> Option<Latents> {
    let mut parts = parts.iter();
    let (first, weight) = parts.next()?;
    let mut sum = Latents { values: first.values.iter().map(|value| value * weight).collect(), ..*first };
    for (latents, weight) in parts {
        sum.values.iter_mut().zip(&latents.values).for_each(|(sum, value)| *sum += value * weight);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latents() -> Latents {
        Latents { channels: 2, height: 3, width: 4, values: (0..24).map(|i| (i * i % 17) as f32).collect() }
    }

    #[test]
    fn what_does_not_move_stays_exactly() {
        let still = latents_along(&Flow::still((4, 3)), &latents());
        assert_eq!(still, latents());
        let map = noise_map(&Flow::still((4 * FINE as u32, 3 * FINE as u32)), (4, 3)).unwrap();
        assert_eq!(map, NoiseMap::still((4, 3)));
        assert!(noise_map(&Flow::still((4, 3)), (4, 3)).is_none(), "a flow of another size");
    }

    #[test]
    fn shares_of_latents_are_added_up() {
        let other = Latents { values: vec![2.0; 24], ..latents() };
        let sum = blended(&[(latents(), 0.25), (other, 0.75)]).unwrap();
        assert!(sum.values.iter().zip(latents().values).all(|(sum, own)| (sum - (0.25 * own + 1.5)).abs() < 1e-6));
        assert_eq!(blended(&[]), None);
    }
}
