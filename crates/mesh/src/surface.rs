//! The canonical mesh, subdivided once, with the eyes and the mouth as holes for everything that spreads over skin.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::OnceLock;

use glam::Vec3;
use moue_topology as topology;

use crate::rig::{LEFT, RIGHT};

/// The subdivided canonical face.
///
/// Vertices `0..468` are the landmarks; each further vertex is the middle of an edge. Triangles that lie in an eye or
/// between the lips are kept (they carry the picture there) but nothing spreads across them: a lid and the lid
/// opposite, or two lips, are neighbours in space and far apart on the skin.
pub(crate) struct Surface {
    /// Canonical positions in centimetres.
    pub positions: Vec<Vec3>,
    /// Each vertex as the mean of two landmarks; of one landmark twice for the landmarks themselves.
    pub parents: Vec<[u16; 2]>,
    /// Triangles over `positions`.
    pub triangles: Vec<[u16; 3]>,
    /// For each triangle, the opening it lies in.
    pub openings: Vec<Option<Gap>>,
    /// Edge vertices inside an opening: they follow their two parents and have no motion of their own.
    pub inside_opening: Vec<bool>,
    neighbours: Vec<Vec<(u16, f32)>>,
}

/// An opening of the skin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    Mouth,
    /// By side: right, left.
    Eye(usize),
}

/// The rings that bound the openings, as closed loops of landmarks.
fn rings() -> [(Gap, Vec<u16>); 3] {
    let ring = |upper: &[u16], lower: &[u16]| -> Vec<u16> {
        let inner = &lower[1..lower.len() - 1];
        upper.iter().copied().chain(inner.iter().rev().copied()).collect()
    };
    [
        (Gap::Mouth, ring(&topology::INNER_LIP_UPPER, &topology::INNER_LIP_LOWER)),
        (Gap::Eye(RIGHT), ring(&topology::RIGHT_LID_UPPER, &topology::RIGHT_LID_LOWER)),
        (Gap::Eye(LEFT), ring(&topology::LEFT_LID_UPPER, &topology::LEFT_LID_LOWER)),
    ]
}

impl Surface {
    /// The one surface every portrait shares.
    pub fn get() -> &'static Surface {
        static SURFACE: OnceLock<Surface> = OnceLock::new();
        SURFACE.get_or_init(Surface::build)
    }

    fn build() -> Surface {
        let mut positions: Vec<Vec3> = topology::vertices().iter().map(|&v| Vec3::from(v)).collect();
        let mut parents: Vec<[u16; 2]> = (0..topology::VERTEX_COUNT as u16).map(|v| [v, v]).collect();
        let rings = rings().map(|(gap, ring)| (gap, ring.into_iter().collect::<HashSet<u16>>()));
        let opening = |corners: &[u16; 3]| {
            rings.iter().find(|(_, ring)| corners.iter().all(|corner| ring.contains(corner))).map(|(gap, _)| *gap)
        };

        // An edge lies inside an opening when both triangles beside it do; edges of a ring border the skin.
        let mut skin_edges = HashSet::new();
        for triangle in topology::triangles().iter().filter(|t| opening(t).is_none()) {
            for (a, b) in edges(*triangle) {
                skin_edges.insert((a.min(b), a.max(b)));
            }
        }
        let mut inside_opening = vec![false; positions.len()];
        let mut middles: HashMap<(u16, u16), u16> = HashMap::new();
        let mut triangles = Vec::new();
        let mut openings = Vec::new();
        let mut skin_triangles = Vec::new();
        for &triangle in topology::triangles() {
            let middle = edges(triangle).map(|(a, b)| {
                let edge = (a.min(b), a.max(b));
                *middles.entry(edge).or_insert_with(|| {
                    positions.push((positions[a as usize] + positions[b as usize]) * 0.5);
                    parents.push([edge.0, edge.1]);
                    inside_opening.push(!skin_edges.contains(&edge));
                    (positions.len() - 1) as u16
                })
            });
            let [a, b, c] = triangle;
            let [ab, bc, ca] = middle;
            let parts = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]];
            triangles.extend(parts);
            openings.extend([opening(&triangle); 4]);
            if opening(&triangle).is_none() {
                skin_triangles.extend(parts);
            }
        }
        let neighbours = connect(&positions, &skin_triangles);
        Surface { positions, parents, triangles, openings, inside_opening, neighbours }
    }

    /// Distance over the skin from `start` to every vertex, in centimetres; infinite beyond `reach`.
    pub fn distances(&self, start: u16, reach: f32) -> Vec<f32> {
        let mut best = vec![f32::INFINITY; self.positions.len()];
        let mut queue = BinaryHeap::new();
        best[start as usize] = 0.0;
        queue.push((Reversed(0.0), start));
        while let Some((Reversed(distance), vertex)) = queue.pop() {
            if distance > best[vertex as usize] {
                continue;
            }
            for &(next, length) in &self.neighbours[vertex as usize] {
                let through = distance + length;
                if through < best[next as usize] && through <= reach {
                    best[next as usize] = through;
                    queue.push((Reversed(through), next));
                }
            }
        }
        best
    }
}

fn edges([a, b, c]: [u16; 3]) -> [(u16, u16); 3] {
    [(a, b), (b, c), (c, a)]
}

/// Links along edges, and across each pair of triangles that share one: with edges alone, distances along the
/// diagonals of the mesh come out a third too long.
fn connect(positions: &[Vec3], triangles: &[[u16; 3]]) -> Vec<Vec<(u16, f32)>> {
    let mut opposite: HashMap<(u16, u16), Vec<u16>> = HashMap::new();
    let mut links = HashSet::new();
    for &[a, b, c] in triangles {
        for (from, to, across) in [(a, b, c), (b, c, a), (c, a, b)] {
            links.insert((from.min(to), from.max(to)));
            opposite.entry((from.min(to), from.max(to))).or_default().push(across);
        }
    }
    for pair in opposite.values().filter(|pair| pair.len() == 2) {
        links.insert((pair[0].min(pair[1]), pair[0].max(pair[1])));
    }
    let mut neighbours = vec![Vec::new(); positions.len()];
    for (a, b) in links {
        let length = positions[a as usize].distance(positions[b as usize]);
        neighbours[a as usize].push((b, length));
        neighbours[b as usize].push((a, length));
    }
    neighbours
}

#[derive(PartialEq)]
struct Reversed(f32);

impl Eq for Reversed {}

impl PartialOrd for Reversed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reversed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.total_cmp(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lips_and_lids_are_far_apart_over_the_skin() {
        let surface = Surface::get();
        let across = surface.positions[13].distance(surface.positions[14]);
        let over_skin = surface.distances(13, 20.0)[14];
        assert!(across < 0.7 && over_skin > 4.0, "lips: {across} cm in space, {over_skin} cm over the skin");
        let lid = surface.distances(159, 20.0)[145];
        assert!(lid > 2.0, "lids: {lid} cm over the skin");
    }

    #[test]
    fn subdivision_keeps_the_landmarks_and_closes_the_mesh() {
        let surface = Surface::get();
        assert_eq!(surface.triangles.len(), 4 * topology::TRIANGLE_COUNT);
        assert_eq!(surface.positions.len(), surface.parents.len());
        assert_eq!(surface.positions[1], Vec3::from(topology::vertices()[1]));
        assert!(surface.inside_opening.iter().filter(|&&inside| inside).count() > 20);
    }
}
