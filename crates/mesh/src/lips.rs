//! The edges of the lips: they meet when the mouth is neutral and never pass through each other.

use glam::Vec3;
use moue_topology as topology;

use crate::field::Spreader;

/// How far the skin follows when lips close and when they press against each other, cm.
const CLOSING_REACH: f32 = 4.5;
const CONTACT_REACH: f32 = 1.6;
/// Points along the inner lips, corners left out.
const STATIONS: usize = 9;

/// The lips of one portrait.
pub(crate) struct Lips {
    /// Fields that move one station of the upper and of the lower lip.
    closing: [Vec<Vec<(u16, f32)>>; 2],
    pressing: [Vec<Vec<(u16, f32)>>; 2],
    /// What is left of the opening at each station when the portrait's expression is taken back, cm; the share of the
    /// photograph that the rig does not explain.
    residual: [f32; STATIONS],
    /// Overlap of the landmarks that the portrait itself has, at most 0.
    allowed: [f32; STATIONS],
    /// Middle between the corners, in the canonical frame, cm.
    pub centre: Vec3,
    /// Where the lips meet when the expression is neutral, in the canonical frame, cm.
    pub contact: Vec3,
    /// Width of the neutral mouth between the inner corners, cm.
    pub width: f32,
}

impl Lips {
    /// `rest_delta` is what the rig makes of the portrait's expression.
    pub fn new(vertices: &[Vec3], rest_delta: &[Vec3], spreader: &mut Spreader) -> Lips {
        let (upper, lower) = (&topology::INNER_LIP_UPPER, &topology::INNER_LIP_LOWER);
        let corners = [upper[0], upper[10]];
        let neutral = |v: u16| vertices[v as usize] - rest_delta[v as usize];
        let gap = |at: &dyn Fn(u16) -> Vec3, station: usize| at(upper[station + 1]).y - at(lower[station + 1]).y;
        Lips {
            closing: [
                spreader.cardinals(&upper[1..10], &[corners[0], corners[1], 2, 97, 326], CLOSING_REACH),
                spreader.cardinals(&lower[1..10], &[corners[0], corners[1], 152], CLOSING_REACH),
            ],
            pressing: [upper, lower].map(|lip| spreader.cardinals(&lip[1..10], &corners, CONTACT_REACH)),
            residual: std::array::from_fn(|station| gap(&neutral, station)),
            allowed: std::array::from_fn(|station| gap(&|v| vertices[v as usize], station).min(0.0)),
            centre: (vertices[corners[0] as usize] + vertices[corners[1] as usize]) * 0.5,
            contact: neutral(upper[5]).lerp(neutral(lower[5]), 0.5),
            width: neutral(corners[0]).distance(neutral(corners[1])),
        }
    }

    /// Takes back the residual opening as far as the mouth has left the portrait's expression, then keeps the lips
    /// from passing through each other.
    pub fn settle(&self, likeness: f32, vertices: &[Vec3], delta: &mut [Vec3]) {
        const UPPER_SHARE: f32 = 0.3;
        for station in 0..STATIONS {
            let closing = -self.residual[station] * (1.0 - likeness);
            part(&self.closing, station, closing * UPPER_SHARE, closing * (1.0 - UPPER_SHARE), delta);
        }
        let mut overlap = [0.0; STATIONS];
        for (station, overlap) in overlap.iter_mut().enumerate() {
            let [u, l] = [topology::INNER_LIP_UPPER, topology::INNER_LIP_LOWER].map(|lip| lip[station + 1] as usize);
            let gap = (vertices[u] + delta[u]).y - (vertices[l] + delta[l]).y;
            *overlap = (self.allowed[station] - gap).max(0.0);
        }
        for (station, overlap) in overlap.into_iter().enumerate() {
            part(&self.pressing, station, overlap * 0.5, overlap * 0.5, delta);
        }
    }
}

/// Moves one station of the upper lip up and of the lower lip down.
fn part(fields: &[Vec<Vec<(u16, f32)>>; 2], station: usize, upper: f32, lower: f32, delta: &mut [Vec3]) {
    for (field, amount) in [(&fields[0][station], upper), (&fields[1][station], -lower)] {
        if amount != 0.0 {
            for &(vertex, weight) in field {
                delta[vertex as usize].y += weight * amount;
            }
        }
    }
}
