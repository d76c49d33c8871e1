//! What a frame is painted from, besides the person.

use crate::adapter::EXPRESSION_SIZE;
use crate::noise::NoiseMap;
use crate::unet::ReferenceBank;

/// What one frame is painted from.
#[derive(Clone, Copy, Debug)]
pub struct FrameInput<'a> {
    /// What the face is asked for.
    pub expression: &'a [f32; EXPRESSION_SIZE],
    /// The noise that it starts from.
    pub noise: FrameNoise<'a>,
    /// What it looks at besides the portrait, as [`Painter::history`](crate::Painter::history) gives it, with weights: 1
    /// is as much as the portrait.
    pub history: &'a [(&'a ReferenceBank, f32)],
    /// The picture that it starts from; from noise alone where there is none.
    pub start: Option<Start<'a>>,
}

impl<'a> FrameInput<'a> {
    /// From an expression alone.
    pub fn of(expression: &'a [f32; EXPRESSION_SIZE]) -> Self {
        Self { expression, noise: FrameNoise::Shared, history: &[], start: None }
    }
}

/// The noise of a frame.
#[derive(Clone, Copy, Debug)]
pub enum FrameNoise<'a> {
    /// The seed's, the same for all frames: what the expression does not change stays as it is.
    Shared,
    /// That of the frame of this number alone.
    Own(u64),
    /// The shared one, carried along by what moves in the picture.
    Carried(&'a NoiseMap),
}

/// A picture that a frame starts from, with noise added.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The picture.
    pub latents: &'a Latents,
    /// The share of the steps that are taken from there, above 0 to 1: as many as that take the picture away from it.
    pub strength: f64,
}

/// Latents of one picture as plain numbers: channel after channel, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    /// Numbers of each place.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `channels * height * width` numbers.
    pub values: Vec<f32>,
}
