//! What parting lips show: the photograph's own teeth where it has them, and a made mouth cavity with teeth and tongue
//! where it does not.

use glam::Vec2;
use image::RgbImage;
use moue_topology as topology;

use crate::eye::down;
use crate::opening::{Inside, Opening};
use crate::pose::{Model, Pose};
use crate::stage::Stage;
use crate::surface::Surface;
use crate::teeth::{LOWER, Row, UPPER};
use crate::texture::{Rgba, luma, mix, smoothstep};

/// The mouth of the portrait.
pub(crate) struct Mouth {
    /// Picture position of the middle between the corners; the axes to the subject's left and down.
    centre: Vec2,
    left: Vec2,
    down: Vec2,
    px_per_cm: f32,
    /// The opening in the portrait, in texture pixels, and its height.
    rest: Opening,
    rest_height: f32,
    /// Whether the portrait shows what lies between the lips.
    photographed: bool,
    upper: Row,
    lower: Row,
    /// Brightness of the skin, 0 to 1: the light the made parts stand in.
    light: f32,
    /// Colour of the lips' inner edge.
    lip: Rgba,
    /// Shift of the lips' inner edge in the photograph, away from what shows between them; picture pixels, by vertex.
    trim: Vec<Vec2>,
}

/// The made cavity's colours in full light.
const DEEP: Rgba = [44.0, 16.0, 16.0, 0.0];
const FLESH: Rgba = [104.0, 44.0, 42.0, 0.0];
const TONGUE: Rgba = [196.0, 104.0, 102.0, 0.0];

impl Mouth {
    pub fn new(stage: &Stage, model: &Model) -> Mouth {
        let at = |v: u16| model.rest_px[v as usize];
        let texel = |edge: &[u16]| edge.iter().map(|&v| at(v) * stage.texture.scale).collect::<Vec<_>>();
        let rest = Opening::new(
            &texel(&topology::INNER_LIP_UPPER),
            &texel(&topology::INNER_LIP_LOWER),
            down(model, stage.texture.scale),
        );
        let corners = [topology::INNER_LIP_UPPER[0], topology::INNER_LIP_UPPER[10]].map(at);
        let left = (corners[1] - corners[0]).normalize_or(Vec2::X);
        let centre = (corners[0] + corners[1]) * 0.5;
        let down = if left.perp().dot(down(model, Vec2::ONE)) < 0.0 { -left.perp() } else { left.perp() };
        let px_per_cm = model.fit.px_per_cm;
        let depth = |point: Vec2| (point - centre).dot(down) / px_per_cm;

        let light = stage.skin_light(model);
        let rest_height = rest.height();
        let height_cm = rest_height / stage.texture.scale.x / px_per_cm;
        let teeth = if height_cm > 0.15 { photographed_teeth(stage, &rest, light) } else { None };
        let photographed = height_cm > 0.15;
        // The edge of the upper teeth: where the photograph's own end, else a little below the closed lips.
        let (edge, bow) = match teeth {
            Some(_) => {
                let lip = |v: u16| depth(at(v));
                let aside = (lip(402) + lip(178)) * 0.5;
                let reach = (at(402) - at(178)).length() / px_per_cm * 0.5;
                (lip(14), ((lip(14) - aside) / (reach * reach).max(0.05)).clamp(0.0, 0.12))
            }
            None => (depth(model.fit.project(model.lips.contact)) + 0.22, 0.03),
        };
        let enamel = teeth.unwrap_or([238.0, 230.0, 214.0, 0.0].map(|level: f32| (level * light * 1.12).min(238.0)));
        let size = (model.lips.width / 4.3).clamp(0.75, 1.4);
        let dimmer = [enamel[0] * 0.9, enamel[1] * 0.84, enamel[2] * 0.76, 0.0];
        let trim = lip_trim(stage, model);
        let lip = lip_colour(stage, model, &trim);
        Mouth {
            centre,
            left,
            down,
            px_per_cm,
            rest,
            rest_height,
            photographed,
            upper: Row { teeth: &UPPER, size, edge, bow, colour: enamel, upper: true },
            lower: Row { teeth: &LOWER, size, edge: edge - 0.14, bow: bow * 0.6, colour: dimmer, upper: false },
            light,
            lip,
            trim,
        }
    }

    /// Where in the photograph the skin of a vertex comes from, relative to the vertex; picture pixels.
    pub fn trim(&self, vertex: u16, share: f32) -> Vec2 {
        self.trim.get(vertex as usize).map_or(Vec2::ZERO, |trim| *trim * share)
    }

    /// The colour under the lips' edges.
    pub fn rim(&self, photo: Rgba, share: f32) -> Rgba {
        mix(photo, self.lip.map(|level| level * 0.85), share)
    }

    /// Draws what shows between the lips, and the tongue where it is out.
    ///
    /// `share` is what [`Mouth::change`] says.
    pub fn draw(&self, stage: &Stage, model: &Model, pose: &Pose, share: f32, frame: &mut RgbImage) {
        if share == 0.0 {
            return;
        }
        let opening = opening(stage, model, pose);
        let feather = stage.feather();
        let px_per_cm = self.px_per_cm * stage.scale;
        let jaw = Vec2::new(pose.mouth.jaw.dot(self.left), pose.mouth.jaw.dot(self.down)) / self.px_per_cm;
        let blur = feather / px_per_cm;
        // The shadow where lips touch, about a millimetre wide.
        let shadow = (0.055 * px_per_cm).max(0.8);
        let line = [self.lip[0] * 0.5, self.lip[1] * 0.38, self.lip[2] * 0.38, 0.0];
        let (low, high) = opening.bounds(feather + 3.0 * shadow);
        stage.for_pixels(frame, low, high, |position, pixel| {
            let Some(inside) = opening.at(position) else { return };
            let gap = inside.below_upper + inside.above_lower;
            let touching = 1.0 - smoothstep(0.5 * feather, 3.0 * feather, gap);
            if touching > 0.0 {
                let away = (inside.below_upper - inside.above_lower) * 0.5 / shadow;
                let along = (position - opening.corner).dot(opening.along) / opening.length;
                let taper = smoothstep(-0.02, 0.06, along) * smoothstep(-0.02, 0.06, 1.0 - along);
                *pixel = mix(*pixel, line, (-away * away).exp() * touching * taper * share * 0.75);
            }
            let coverage = smoothstep(-feather, feather, inside.depth()) * smoothstep(0.0, 2.5 * feather, gap);
            if coverage <= 0.0 {
                return;
            }
            let picture = pose.mouth.skull.undo(stage.picture_position(position));
            let place = stage.texture_position(picture);
            let own = self.own_share(place);
            let mut colour = stage.texture.sample(place);
            let kept = 1.0 - share * (1.0 - own);
            // No light falls through a slit.
            let slit = 1.0 - 0.6 * share * (1.0 - smoothstep(0.0, 0.22 * px_per_cm, gap));
            if kept < 1.0 {
                let offset = picture - self.centre;
                let spot = Vec2::new(offset.dot(self.left), offset.dot(self.down)) / self.px_per_cm;
                let made = self.made(spot, jaw, inside, px_per_cm, blur);
                colour = mix(made, colour, kept);
            }
            *pixel = mix(*pixel, colour.map(|level| level * slit), coverage);
        });
        if pose.mouth.tongue > 0.0 {
            self.draw_tongue(stage, &opening, pose.mouth.tongue, px_per_cm, frame);
        }
    }

    /// Share of the photograph in what shows at a texture position: its own teeth, up to its own lips.
    fn own_share(&self, place: Vec2) -> f32 {
        if !self.photographed {
            return 0.0;
        }
        let soft = (self.rest_height * 0.12).max(0.75);
        self.rest.at(place).map_or(0.0, |inside| smoothstep(0.1 * soft, soft, inside.depth()))
    }

    /// The made cavity at a place given in centimetres from the middle of the mouth (to the subject's left, down).
    fn made(&self, spot: Vec2, jaw: Vec2, inside: Inside, px_per_cm: f32, blur: f32) -> Rgba {
        let depth_cm = inside.depth() / px_per_cm;
        let lit = |colour: Rgba, by: f32| colour.map(|level| level * self.light * by);
        let below = smoothstep(-0.5, 1.6, spot.y - self.upper.edge);
        let mut colour = mix(lit(DEEP, 0.8), lit(FLESH, 0.75), below * 0.6);
        // The tongue rests behind the lower teeth and shows when the jaw is well down.
        let tongue = Vec2::new((spot.x - jaw.x) / 1.75, (spot.y - jaw.y - self.lower.edge - 0.45) / 0.75);
        let round = 1.0 - tongue.length_squared();
        let dropped = smoothstep(0.4, 1.2, jaw.y);
        colour = mix(colour, lit(TONGUE, 0.5 + 0.25 * round.max(0.0)), smoothstep(0.0, 0.35, round) * dropped);
        colour = self.lower.over(colour, spot - jaw, blur);
        colour = self.upper.over(colour, spot, blur);
        // Lips shade what is close behind them, the upper one most.
        let upper_shade = smoothstep(-0.05, 0.4, inside.below_upper / px_per_cm);
        let shade = (0.6 + 0.4 * upper_shade) * (0.7 + 0.3 * smoothstep(0.0, 0.3, depth_cm));
        colour.map(|level| level * shade)
    }

    fn draw_tongue(&self, stage: &Stage, opening: &Opening, out: f32, px_per_cm: f32, frame: &mut RgbImage) {
        let half = (1.05 * px_per_cm).min(opening.length * 0.36);
        let middle = opening.corner + opening.along * (opening.length * 0.5);
        let (low, high) = opening.bounds(0.0);
        let reach = (high - low).dot(opening.across.abs());
        let tip = reach * 0.5 + 1.5 * px_per_cm * out;
        let root = tip - half * (0.6 + 1.4 * out);
        let feather = stage.feather();
        stage.for_pixels(frame, low - half, high + Vec2::splat(tip + half), |position, pixel| {
            let offset = position - middle;
            let (x, y) = (offset.dot(opening.along) / half, (offset.dot(opening.across) - root) / (tip - root));
            let within = if y < 0.0 { x.abs() } else { (x * x + y.powi(3) * y).sqrt() };
            let edge = (1.0 - within) * half;
            let visible = match opening.at(position) {
                // Above the upper lip there is no tongue.
                Some(inside) => smoothstep(-feather, feather, inside.below_upper),
                None => 0.0,
            };
            let coverage = smoothstep(0.0, 2.0 * feather, edge) * visible * smoothstep(-0.9, -0.3, y);
            if coverage > 0.0 {
                let furrow = 1.0 - 0.22 * (-(x / 0.14).powi(2)).exp() * (1.0 - y.clamp(0.0, 1.0));
                let round = 0.78 + 0.27 * (1.0 - within.min(1.0)).sqrt();
                let lit = TONGUE.map(|level| level * self.light * furrow * round * (0.75 + 0.25 * y.clamp(0.0, 1.0)));
                *pixel = mix(*pixel, lit, coverage * smoothstep(0.0, 0.15, out));
            }
        });
    }

    /// How far the lips have left the portrait: 0 leaves the photograph as it is.
    pub fn change(&self, stage: &Stage, model: &Model, pose: &Pose) -> f32 {
        let lips = topology::INNER_LIP_UPPER.iter().chain(&topology::INNER_LIP_LOWER).map(|&v| {
            let rest = model.rest_px[v as usize];
            (rest + pose.displacement[v as usize] - pose.mouth.skull.apply(rest)).length()
        });
        let texels = lips.fold(pose.mouth.tongue * self.px_per_cm, f32::max) * stage.texture.scale.x;
        smoothstep(0.0, 1.5, texels)
    }
}

/// The opening between the lips, in output pixels.
pub(crate) fn opening(stage: &Stage, model: &Model, pose: &Pose) -> Opening {
    let points = |edge: &[u16]| edge.iter().map(|&v| stage.moved(model, pose, v)).collect::<Vec<_>>();
    Opening::new(&points(&topology::INNER_LIP_UPPER), &points(&topology::INNER_LIP_LOWER), down(model, Vec2::ONE))
}

/// The lips' inner edge in a photograph is a mixture of lip and teeth or shadow: once the lips move, their skin is
/// taken from a little farther out.
fn lip_trim(stage: &Stage, model: &Model) -> Vec<Vec2> {
    let surface = Surface::get();
    let mut trim = vec![Vec2::ZERO; surface.parents.len()];
    let reach = 1.2 / stage.texture.scale.x + 0.05 * model.fit.px_per_cm;
    let edges = [
        (&topology::INNER_LIP_UPPER, &topology::OUTER_LIP_UPPER),
        (&topology::INNER_LIP_LOWER, &topology::OUTER_LIP_LOWER),
    ];
    for (inner, outer) in edges {
        for (&inner, &outer) in inner.iter().zip(outer) {
            let across = model.rest_px[outer as usize] - model.rest_px[inner as usize];
            trim[inner as usize] = across.clamp_length_max(reach.min(across.length() * 0.4));
        }
    }
    for (vertex, &[a, b]) in surface.parents.iter().enumerate().skip(topology::VERTEX_COUNT) {
        if !surface.inside_opening[vertex] {
            trim[vertex] = (trim[a as usize] + trim[b as usize]) * 0.5;
        }
    }
    trim
}

fn lip_colour(stage: &Stage, model: &Model, trim: &[Vec2]) -> Rgba {
    let lips = topology::INNER_LIP_UPPER[2..9].iter().chain(&topology::INNER_LIP_LOWER[2..9]);
    let mut sum = [0.0; 4];
    for &v in lips {
        let place = model.rest_px[v as usize] + trim[v as usize];
        let colour = stage.texture.sample(stage.texture_position(place));
        for (sum, level) in sum.iter_mut().zip(colour) {
            *sum += level / 14.0;
        }
    }
    sum
}

/// The colour of the teeth between parted lips; none if what shows there is not brighter and paler than lips.
fn photographed_teeth(stage: &Stage, rest: &Opening, light: f32) -> Option<Rgba> {
    let (low, high) = rest.bounds(0.0);
    let mut seen = Vec::new();
    for y in low.y.floor() as i32..=high.y.ceil() as i32 {
        for x in low.x.floor() as i32..=high.x.ceil() as i32 {
            let position = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            if rest.at(position).is_some_and(|inside| inside.depth() > 0.2 * rest.height()) {
                seen.push(stage.texture.sample(position));
            }
        }
    }
    seen.sort_by(|a, b| luma(*a).total_cmp(&luma(*b)));
    let bright = *seen.get(seen.len() * 7 / 10)?;
    let pale = (bright[0] - bright[2]) / bright[0].max(1.0) < 0.35;
    (pale && luma(bright) > 0.75 * 195.0 * light).then_some(bright)
}
