//! The eyeball behind the lids: it keeps its shape while they close, turns with the gaze, and is whole where the
//! photograph shows only a part of it.

use glam::Vec2;
use image::RgbImage;
use moue_topology as topology;

use crate::opening::Opening;
use crate::pose::{EyePose, Model, Pose};
use crate::rig::RIGHT;
use crate::stage::Stage;
use crate::texture::{Rgba, Texture, luma, mix, smoothstep};

/// One eye of the portrait. Positions are in texture pixels.
pub(crate) struct Eye {
    upper: &'static [u16; 9],
    lower: &'static [u16; 9],
    iris: Vec2,
    radius: f32,
    /// The eyeball with what the lids hide filled in.
    whole: Texture,
    /// Height of the opening in the portrait.
    height: f32,
    lash: Rgba,
}

impl Eye {
    pub fn new(side: usize, stage: &Stage, model: &Model, landmarks: &[[f32; 3]; topology::LANDMARK_COUNT]) -> Eye {
        let (upper, lower, iris) = if side == RIGHT {
            (&topology::RIGHT_LID_UPPER, &topology::RIGHT_LID_LOWER, topology::RIGHT_IRIS)
        } else {
            (&topology::LEFT_LID_UPPER, &topology::LEFT_LID_LOWER, topology::LEFT_IRIS)
        };
        let texture = &stage.texture;
        let texel = |v: u16| model.rest_px[v as usize] * texture.scale;
        let points = |edge: &[u16]| edge.iter().map(|&v| texel(v)).collect::<Vec<_>>();
        let opening = Opening::new(&points(upper), &points(lower), down(model, texture.scale));
        let at = |v: u16| Vec2::new(landmarks[v as usize][0], landmarks[v as usize][1]) * texture.scale;
        let centre = at(iris[0]);
        let radius = iris[1..].iter().map(|&v| at(v).distance(centre)).sum::<f32>() / 4.0;
        // An iris is about a quarter of the eye's width; landmarks of a nearly closed eye can say anything.
        let radius = radius.clamp(opening.length * 0.16, opening.length * 0.34);
        let photo = Photo { texture, opening: &opening, iris: centre, radius, height: opening.height() };
        let open = 1.0 - smoothstep(0.45, 0.7, model.rest_closed(side));
        let fill = Fill::measure(&photo, stage.skin_light(model), open);
        let (low, high) = opening.bounds(opening.length * 0.45);
        let whole = Texture::paint(texture.scale, low, high, |p| photo.completed(p, &fill));
        let lash = photo.lash(&points(upper));
        Eye { upper, lower, iris: centre, radius, whole, height: opening.height(), lash }
    }

    /// Draws the eyeball through the opening between the lids, and the lashes where they have met.
    ///
    /// `share` is what [`Eye::change`] says.
    pub fn draw(&self, stage: &Stage, model: &Model, pose: &Pose, eye: &EyePose, share: f32, frame: &mut RgbImage) {
        if share == 0.0 {
            return;
        }
        let opening = self.opening(stage, model, pose);
        let gaze = eye.gaze * stage.texture.scale;
        let feather = stage.feather();
        let height = opening.height();
        let lashes = lashes(eye.closed) * share * 0.8;
        let thickness = (opening.length * 0.022).max(0.6);
        let (low, high) = opening.bounds(feather + 3.0 * thickness);
        stage.for_pixels(frame, low, high, |position, pixel| {
            let Some(inside) = opening.at(position) else { return };
            // A slit thinner than the feather fades out instead of flickering between open and shut.
            let coverage = smoothstep(-feather, feather, inside.depth()) * smoothstep(0.0, 2.0 * feather, height);
            if coverage > 0.0 {
                let place = stage.texture_position(eye.skull.undo(stage.picture_position(position)));
                let photo = stage.texture.sample(place);
                let shade = 0.82 + 0.18 * smoothstep(0.0, 0.35 * height.max(1.0), inside.below_upper);
                let ball = self.whole.sample(self.part_at(place, gaze)).map(|level| level * shade);
                *pixel = mix(*pixel, mix(photo, ball, share), coverage);
            }
            if lashes > 0.0 {
                let offset = position - opening.corner;
                let place = (offset.dot(opening.along) / opening.length).clamp(0.0, 1.0);
                let taper = (4.0 * place * (1.0 - place)).powf(0.6);
                let line = (-(inside.below_upper / (thickness * (0.35 + taper))).powi(2)).exp();
                *pixel = mix(*pixel, self.lash, line * taper * lashes);
            }
        });
    }

    /// Which part of the eyeball shows at a place of the unturned skull under a gaze: all in texture pixels.
    pub fn part_at(&self, place: Vec2, gaze: Vec2) -> Vec2 {
        place - gaze * self.pull(place, gaze)
    }

    /// The place at which a part of the eyeball shows: the other way round.
    pub fn place_of(&self, part: Vec2, gaze: Vec2) -> Vec2 {
        // The pull falls slowly beside what a gaze shifts, so each round comes nearer; after eight no pixel is missed.
        (0..8).fold(part + gaze, |place, _| part + gaze * self.pull(place, gaze))
    }

    /// How far a place goes along with the iris.
    fn pull(&self, place: Vec2, gaze: Vec2) -> f32 {
        1.0 - smoothstep(1.25, 3.2, place.distance(self.iris + gaze) / self.radius)
    }

    /// The opening between the lids, in output pixels.
    pub fn opening(&self, stage: &Stage, model: &Model, pose: &Pose) -> Opening {
        let points = |edge: &[u16]| edge.iter().map(|&v| stage.moved(model, pose, v)).collect::<Vec<_>>();
        Opening::new(&points(self.upper), &points(self.lower), down(model, Vec2::ONE))
    }

    /// The colour under the lids' edges: the photograph's own, and that of the lashes once the lids have met.
    pub fn rim(&self, photo: Rgba, closed: f32, share: f32) -> Rgba {
        mix(photo, self.lash, lashes(closed) * share)
    }

    /// How far the eye has left the portrait: 0 leaves the photograph as it is.
    pub fn change(&self, stage: &Stage, model: &Model, pose: &Pose, eye: &EyePose) -> f32 {
        let lids = self.upper.iter().chain(self.lower).map(|&v| {
            let rest = model.rest_px[v as usize];
            (rest + pose.displacement[v as usize] - eye.skull.apply(rest)).length()
        });
        let texels = lids.fold(eye.gaze.length(), f32::max) * stage.texture.scale.x;
        smoothstep(0.0, 0.1 * self.height + 0.75, texels)
    }
}

/// How far the lashes have come together.
fn lashes(closed: f32) -> f32 {
    smoothstep(0.45, 0.95, closed)
}

/// From the forehead to the chin.
pub(crate) fn down(model: &Model, scale: Vec2) -> Vec2 {
    (model.rest_px[152] - model.rest_px[10]) * scale
}

/// The eye as photographed.
struct Photo<'a> {
    texture: &'a Texture,
    opening: &'a Opening,
    iris: Vec2,
    radius: f32,
    height: f32,
}

/// Colours for the parts that the photograph does not show.
struct Fill {
    /// Mean colour of the iris by distance from its centre.
    rings: Vec<Rgba>,
    /// The white of the eye before and behind the iris, along the opening.
    whites: [Rgba; 2],
    /// How far the photograph can be trusted to show an eye at all: not where the lids are all but shut.
    shown: f32,
}

impl Photo<'_> {
    /// How surely a position shows the eyeball: lashes and the lids' edges do not.
    fn visible(&self, position: Vec2) -> f32 {
        let Some(inside) = self.opening.at(position) else { return 0.0 };
        let above = smoothstep(0.1 * self.height, 0.28 * self.height, inside.below_upper);
        let below = smoothstep(0.02 * self.height, 0.16 * self.height, inside.above_lower);
        let along = (position - self.opening.corner).dot(self.opening.along) / self.opening.length;
        above * below * smoothstep(0.03, 0.12, along) * smoothstep(0.03, 0.12, 1.0 - along)
    }

    fn completed(&self, position: Vec2, fill: &Fill) -> Rgba {
        let distance = position.distance(self.iris) / self.radius;
        let place = distance.max(0.0) * (fill.rings.len() - 1) as f32 / RIM;
        let ring = (place as usize).min(fill.rings.len() - 2);
        let iris = mix(fill.rings[ring], fill.rings[ring + 1], (place - ring as f32).clamp(0.0, 1.0));
        let along = (position - self.iris).dot(self.opening.along) / self.radius;
        let white = mix(fill.whites[0], fill.whites[1], smoothstep(-1.2, 1.2, along));
        // The ball curves away towards the corners.
        let white = white.map(|level| level * (1.0 - 0.05 * (distance - 1.0).max(0.0)));
        let made = mix(iris, white, smoothstep(0.9, RIM, distance));
        mix(made, self.texture.sample(position), self.visible(position) * fill.shown)
    }

    /// The darkest colours along the upper lid: its lashes, or the shadow that stands for them.
    fn lash(&self, upper: &[Vec2]) -> Rgba {
        let reach = (self.height * 0.25).max(1.0);
        let darkest = upper[1..8].iter().map(|&p| {
            let across = (-4..=4).map(|step| self.texture.sample(p + self.opening.across * reach * step as f32 / 4.0));
            across.min_by(|a, b| luma(*a).total_cmp(&luma(*b))).unwrap_or_default()
        });
        let sum = darkest.fold([0.0; 4], |sum, c| std::array::from_fn(|lane| sum[lane] + c[lane]));
        sum.map(|level| level / 7.0)
    }
}

/// Where the iris has ended for certain, in radii.
const RIM: f32 = 1.12;

impl Fill {
    fn measure(photo: &Photo, light: f32, open: f32) -> Fill {
        let (low, high) = photo.opening.bounds(0.0);
        let mut whites = [Mean::default(); 2];
        let mut rings = [Mean::default(); 12];
        let mut all = Mean::default();
        for y in low.y.floor() as i32..=high.y.ceil() as i32 {
            for x in low.x.floor() as i32..=high.x.ceil() as i32 {
                let position = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
                let weight = photo.visible(position);
                if weight <= 0.0 {
                    continue;
                }
                let colour = photo.texture.sample(position);
                all.add(colour, weight);
                let distance = position.distance(photo.iris) / photo.radius;
                if distance > 1.2 {
                    let side = (position - photo.iris).dot(photo.opening.along) > 0.0;
                    // Bright pixels count more: what darkens a white is a lash or a shadow.
                    whites[usize::from(side)].add(colour, weight * (luma(colour) / 255.0).powi(2));
                } else {
                    let ring = (distance / RIM * (rings.len() - 1) as f32).round() as usize;
                    rings[ring.min(rings.len() - 1)].add(colour, weight);
                }
            }
        }
        let grey = all.colour().unwrap_or([120.0; 4]);
        let bright = grey.map(|level| (level * 1.35).min(235.0));
        let found = whites.map(|white| white.colour());
        let either = found[0].or(found[1]).unwrap_or(bright);
        let mut nearest = rings.iter().find_map(Mean::colour).unwrap_or(grey);
        let shown = open * smoothstep(0.01, 0.05, all.weight / photo.opening.length.powi(2));
        let rings = rings.iter().enumerate().map(|(ring, mean)| {
            nearest = mean.colour().unwrap_or(nearest);
            let usual = if ring < 5 { PUPIL } else { IRIS };
            mix(usual.map(|level| level * light), nearest, shown)
        });
        let usual = WHITE.map(|level| level * light);
        Fill { rings: rings.collect(), whites: found.map(|white| mix(usual, white.unwrap_or(either), shown)), shown }
    }
}

/// An eye that the photograph does not show, in full light.
const WHITE: Rgba = [222.0, 214.0, 208.0, 0.0];
const IRIS: Rgba = [84.0, 62.0, 48.0, 0.0];
const PUPIL: Rgba = [22.0, 18.0, 18.0, 0.0];

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: Rgba,
    weight: f32,
}

impl Mean {
    fn add(&mut self, colour: Rgba, weight: f32) {
        for (sum, level) in self.sum.iter_mut().zip(colour) {
            *sum += level * weight;
        }
        self.weight += weight;
    }

    fn colour(&self) -> Option<Rgba> {
        (self.weight > 0.05).then(|| self.sum.map(|sum| sum / self.weight))
    }
}
