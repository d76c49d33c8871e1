//! Measures the driven parts of a toy face in a picture, by where its geometry says they are: the measures of
//! `tools/toyfaces/readback.py`, where the reasons are.
//!
//! Positions are parts of the picture's side, x to the right, y down. The face's left is on the right.

use image::RgbImage;

const EYE: [f64; 2] = [0.125, 0.470];
const BROW_Y: f64 = 0.358;
const MOUTH_Y: f64 = 0.750;
const LUMINANCE: [f64; 3] = [0.299, 0.587, 0.114];
/// How much more of their colour is red in lips than in skin.
const LIP_RED: f64 = 0.15;
/// An open mouth's middle line hangs lower; how much higher its corners are than the line says.
const PER_OPENING: f64 = 0.05;

/// Eyes, nose and corners of the mouth of an aligned toy face at rest, in parts of the side.
pub const POINTS: [[f64; 2]; 5] = [[0.375, 0.470], [0.625, 0.470], [0.5, 0.622], [0.388, 0.750], [0.612, 0.750]];

/// The driven parts, in parts of the picture's side; lids 0 open to about 1 shut.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub jaw_open: f64,
    pub smile: f64,
    pub mouth_width: f64,
    pub mouth_asymmetry: f64,
    pub lid_left: f64,
    pub lid_right: f64,
    pub brows: f64,
    pub brow_asymmetry: f64,
}

/// Reads a square picture of an aligned face.
pub fn read(picture: &RgbImage) -> Reading {
    let reader = Reader::new(picture);
    let mouth = reader.mouth();
    let (left, right) = (0.5 + EYE[0], 0.5 - EYE[0]);
    let brows = [reader.brow(left), reader.brow(right)];
    Reading {
        jaw_open: mouth.opening,
        smile: (mouth.left + mouth.right) / 2.0,
        mouth_width: mouth.width,
        mouth_asymmetry: mouth.left - mouth.right,
        lid_left: reader.closed(left),
        lid_right: reader.closed(right),
        brows: (brows[0] + brows[1]) / 2.0,
        brow_asymmetry: brows[0] - brows[1],
    }
}

/// A part of a picture, row after row, with where its pixels are.
struct Part {
    pixels: Vec<[f64; 3]>,
    ys: Vec<f64>,
    xs: Vec<f64>,
}

impl Part {
    /// Every pixel with its place: x, y, colour.
    fn places(&self) -> impl Iterator<Item = (f64, f64, [f64; 3])> {
        let places = self.ys.iter().flat_map(|&y| self.xs.iter().map(move |&x| (x, y)));
        places.zip(&self.pixels).map(|((x, y), &pixel)| (x, y, pixel))
    }
}

struct Mouth {
    opening: f64,
    width: f64,
    left: f64,
    right: f64,
}

struct Reader<'a> {
    picture: &'a RgbImage,
    skin: [f64; 3],
}

impl<'a> Reader<'a> {
    fn new(picture: &'a RgbImage) -> Self {
        let mut reader = Self { picture, skin: [0.0; 3] };
        let forehead = reader.part([0.47, 0.29, 0.53, 0.42]).pixels;
        reader.skin = [0, 1, 2].map(|channel| {
            let mut values: Vec<f64> = forehead.iter().map(|pixel| pixel[channel]).collect();
            values.sort_by(f64::total_cmp);
            (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
        });
        reader
    }

    /// Left, top, right, bottom.
    fn part(&self, [left, top, right, bottom]: [f64; 4]) -> Part {
        let side = self.picture.width();
        let within = |low: f64, high: f64| {
            let at = move |i: u32| (f64::from(i) + 0.5) / f64::from(side);
            (0..side).map(move |i| (i, at(i))).filter(move |(_, at)| (low..high).contains(at))
        };
        let pixel = |x, y| self.picture.get_pixel(x, y).0.map(|level| f64::from(level) / 255.0);
        Part {
            pixels: within(top, bottom).flat_map(|(y, _)| within(left, right).map(move |(x, _)| pixel(x, y))).collect(),
            ys: within(top, bottom).map(|(_, y)| y).collect(),
            xs: within(left, right).map(|(_, x)| x).collect(),
        }
    }

    /// Of the eye at `x`: how little of its box differs from skin.
    fn closed(&self, x: f64) -> f64 {
        let part = self.part([x - 0.05, EYE[1] - 0.046, x + 0.05, EYE[1] + 0.034]);
        let differs = |pixel: &[f64; 3]| {
            let most = (0..3).map(|c| (pixel[c] - self.skin[c] * 0.95).abs()).fold(0.0, f64::max);
            ((most - 0.10) / 0.12).clamp(0.0, 1.0)
        };
        1.0 - part.pixels.iter().map(differs).sum::<f64>() / part.pixels.len() as f64 / 0.85
    }

    /// Height of the brow at `x`, by its ends.
    fn brow(&self, x: f64) -> f64 {
        let luminance = |colour: [f64; 3]| (0..3).map(|c| colour[c] * LUMINANCE[c]).sum::<f64>();
        let part = self.part([x - 0.068, 0.275, x + 0.068, 0.43]);
        let (mut sum, mut weights) = (0.0, 1e-9);
        for (_, y, pixel) in part.places().filter(|(at, _, _)| (at - x).abs() > 0.042) {
            let weight = (0.75 - luminance(pixel) / luminance(self.skin)).clamp(0.0, 0.4);
            sum += weight * y;
            weights += weight;
        }
        BROW_Y - sum / weights
    }

    /// Columns of how much of each pixel is mouth, with their xs and the ys in them.
    fn mouth_mask(&self) -> (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) {
        let red = |colour: [f64; 3]| (colour[0] + 0.02) / (colour.iter().sum::<f64>() + 0.06);
        let part = self.part([0.33, 0.625, 0.67, 0.93]);
        let mask: Vec<f64> = part
            .places()
            .map(|(x, y, pixel)| {
                let redder = (red(pixel) - red(self.skin)) / LIP_RED;
                let mouth = ((redder - 0.3) / 0.3).clamp(0.0, 1.0).max(((-redder - 0.4) / 0.3).clamp(0.0, 1.0));
                if y < 0.93 - 0.75 * (x - 0.5).abs() { mouth } else { 0.0 }
            })
            .collect();
        let columns = (0..part.xs.len()).map(|x| {
            let column: Vec<f64> = mask.iter().skip(x).step_by(part.xs.len()).copied().collect();
            let (above, below) = (accumulated(column.iter()), accumulated(column.iter().rev()));
            above.iter().zip(below.iter().rev()).map(|(a, b)| a.min(*b)).collect()
        });
        (columns.collect(), part.xs, part.ys)
    }

    fn mouth(&self) -> Mouth {
        let (columns, xs, ys) = self.mouth_mask();
        let pixel = 1.0 / f64::from(self.picture.width());
        let inner: Vec<f64> =
            xs.iter().zip(&columns).filter(|(x, _)| (**x - 0.5).abs() < 0.03).map(|(_, c)| c.iter().sum()).collect();
        let opening = inner.iter().sum::<f64>() / inner.len() as f64 * pixel;
        let profile: Vec<f64> = columns
            .iter()
            .map(|column| {
                let mut column = column.clone();
                column.sort_by(|a, b| b.total_cmp(a));
                ((column[0] + column[1]) / 2.0 * 1.5).clamp(0.0, 1.0)
            })
            .collect();
        let middle = xs.len() / 2;
        // From the middle outwards, until the mouth ends.
        let reach = |outwards: &mut dyn Iterator<Item = f64>| {
            outwards
                .scan(1.0, |least, value| {
                    *least = f64::min(*least, value);
                    Some(*least)
                })
                .sum::<f64>()
                * pixel
        };
        let low = reach(&mut profile[..middle].iter().rev().copied());
        let high = reach(&mut profile[middle..].iter().copied());
        let points: Vec<[f64; 3]> = xs
            .iter()
            .zip(&columns)
            .filter(|(x, _)| **x > xs[middle] - low && **x < xs[middle] + high)
            .map(|(x, column)| {
                let mass = column.iter().sum::<f64>() + 1e-6;
                [x - 0.5, column.iter().zip(&ys).map(|(m, y)| m * y).sum::<f64>() / mass, mass]
            })
            .collect();
        let line = parabola(&points);
        let corner = |x: f64| MOUTH_Y - (line[0] + x * (line[1] + x * line[2])) + PER_OPENING * opening;
        let width = low + high;
        Mouth { opening, width, left: corner(width / 2.0), right: corner(-width / 2.0) }
    }
}

/// The largest value so far.
fn accumulated<'a>(values: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    values
        .scan(0.0, |most, &value| {
            *most = f64::max(*most, value);
            Some(*most)
        })
        .collect()
}

/// a, b, c of the least-squares a + b x + c x^2 through points x, y, weight; zeros where there are fewer than four.
fn parabola(points: &[[f64; 3]]) -> [f64; 3] {
    if points.len() < 4 {
        return [0.0; 3];
    }
    let mut rows = [[0.0; 4]; 3];
    for &[x, y, weight] in points {
        let powers = [1.0, x, x * x];
        for (row, a) in rows.iter_mut().zip(powers) {
            for (cell, b) in row.iter_mut().zip([1.0, x, x * x, y]) {
                *cell += weight * a * b;
            }
        }
    }
    // Gauss-Jordan; the matrix is positive definite.
    for pivot in 0..3 {
        let row = rows[pivot].map(|cell| cell / rows[pivot][pivot]);
        rows[pivot] = row;
        for other in (0..3).filter(|other| *other != pivot) {
            let factor = rows[other][pivot];
            (0..4).for_each(|i| rows[other][i] -= factor * row[i]);
        }
    }
    rows.map(|row| row[3])
}
