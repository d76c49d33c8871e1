//! Rings of vertices around the face, over which its motion fades to nothing.

use glam::Vec3;
use moue_topology as topology;

use crate::surface::Surface;

/// Distances of the rings from the outline of the face, as part of its distance from the middle of the face.
const RINGS: [f32; 9] = [0.05, 0.12, 0.22, 0.34, 0.5, 0.7, 0.95, 1.25, 1.6];
/// Where expressions end: beside and above the face, and below it, where the chin takes some of the neck along.
const EXPRESSION_END: (f32, f32) = (0.5, 0.8);
/// Up to where hair and ears turn with the head, and where that ends; the neck stays behind.
const HEAD_END: ((f32, f32), (f32, f32)) = ((0.35, 1.6), (0.0, 0.95));

/// How a vertex of the skirt follows the outline of the face.
pub(crate) struct Link {
    /// The surface vertex it hangs on.
    pub oval: u16,
    /// Share of that vertex's expression motion.
    pub expression: f32,
    /// Share of the head's rotation.
    pub head: f32,
}

pub(crate) struct Skirt {
    /// Positions in the canonical frame, cm.
    pub vertices: Vec<Vec3>,
    pub links: Vec<Link>,
    /// Indices count on from the surface's vertices.
    pub triangles: Vec<[u16; 3]>,
}

impl Skirt {
    /// Hangs a skirt on a fitted face.
    pub fn around(face: &[Vec3]) -> Skirt {
        let oval = subdivided_oval();
        let count = oval.len();
        let middle = oval.iter().map(|&v| face[v as usize]).sum::<Vec3>() / count as f32;
        let mut skirt = Skirt { vertices: Vec::new(), links: Vec::new(), triangles: Vec::new() };
        for ring in RINGS {
            for &v in &oval {
                let outward = face[v as usize] - middle;
                let down = (-outward.y / outward.length().max(1e-6)).clamp(0.0, 1.0).powi(2);
                skirt.vertices.push(face[v as usize] + outward * ring - Vec3::Z * 1.5 * ring);
                let blend = |beside: f32, below: f32| beside + (below - beside) * down;
                let plateau = blend(HEAD_END.0.0, HEAD_END.1.0);
                let end = blend(HEAD_END.0.1, HEAD_END.1.1);
                skirt.links.push(Link {
                    oval: v,
                    expression: fade(ring / blend(EXPRESSION_END.0, EXPRESSION_END.1)),
                    head: fade((ring - plateau) / (end - plateau)),
                });
            }
        }
        let first = face.len() as u16;
        let vertex = |ring: usize, step: usize| match ring {
            0 => oval[step % count],
            _ => first + ((ring - 1) * count + step % count) as u16,
        };
        for ring in 0..RINGS.len() {
            for step in 0..count {
                let [a, b] = [vertex(ring, step), vertex(ring, step + 1)];
                let [c, d] = [vertex(ring + 1, step), vertex(ring + 1, step + 1)];
                skirt.triangles.extend([[a, b, c], [b, d, c]]);
            }
        }
        skirt
    }
}

/// 1 at 0 and below, 0 at 1 and beyond, with a level start and end.
fn fade(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    1.0 - x * x * (3.0 - 2.0 * x)
}

fn subdivided_oval() -> Vec<u16> {
    let surface = Surface::get();
    let middle = |a: u16, b: u16| {
        let edge = [a.min(b), a.max(b)];
        surface.parents.iter().position(|&parents| parents == edge).map(|v| v as u16)
    };
    let oval = &topology::FACE_OVAL;
    let pairs = oval.iter().enumerate().map(|(step, &a)| (a, oval[(step + 1) % oval.len()]));
    pairs.flat_map(|(a, b)| [Some(a), middle(a, b)]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skirt_closes_around_the_face_and_ends_still() {
        let surface = Surface::get();
        let skirt = Skirt::around(&surface.positions);
        assert_eq!(skirt.vertices.len(), 72 * RINGS.len());
        assert_eq!(skirt.triangles.len(), 2 * 72 * RINGS.len());
        for link in &skirt.links[72 * (RINGS.len() - 1)..] {
            assert!(link.expression == 0.0 && link.head == 0.0);
        }
        let all: Vec<Vec3> = surface.positions.iter().chain(&skirt.vertices).copied().collect();
        for triangle in &skirt.triangles {
            let [a, b, c] = triangle.map(|v| all[v as usize].truncate());
            assert!((b - a).perp_dot(c - a) > 0.0, "{triangle:?} winds as the surface does");
        }
        let near = &skirt.links[0];
        assert!(near.expression > 0.9 && near.head > 0.9);
    }
}
