//! Pictures for the tests: the example portrait, and the warp that `goldens/make_goldens.py` also does.

#![allow(clippy::unwrap_used)]
// Each test and benchmark takes some of them.
#![allow(dead_code)]

use std::path::Path;

use image::{Rgb, RgbImage};

/// The example portrait: one face, 512x512.
pub fn portrait() -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/astronaut.png");
    image::open(path).unwrap().to_rgb8()
}

/// x = (m[0] * u + m[1] * v + m[2]) / 2^16, y likewise from m[3..6]; bilinear with 8-bit weights, edges repeated.
/// Integers only, so that Python and Rust agree to the last bit.
pub fn warp(source: &RgbImage, width: u32, height: u32, m: [i64; 6]) -> RgbImage {
    let pixel = |x: i64, y: i64| {
        let x = x.clamp(0, i64::from(source.width()) - 1) as u32;
        let y = y.clamp(0, i64::from(source.height()) - 1) as u32;
        source.get_pixel(x, y).0.map(i64::from)
    };
    RgbImage::from_fn(width, height, |u, v| {
        let (u, v) = (i64::from(u), i64::from(v));
        let (x, y) = (m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5]);
        let (fx, fy) = ((x & 0xFFFF) >> 8, (y & 0xFFFF) >> 8);
        let (x, y) = (x >> 16, y >> 16);
        let (a, b, c, d) = (pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1));
        Rgb([0, 1, 2].map(|i| {
            let upper = a[i] * (256 - fx) + b[i] * fx;
            let lower = c[i] * (256 - fx) + d[i] * fx;
            ((upper * (256 - fy) + lower * fy + (1 << 15)) >> 16) as u8
        }))
    })
}

/// The portrait scaled, its point (226, 118), the middle of the face, moved to `center`.
pub fn portrait_at(width: u32, height: u32, scale: f64, center: [f64; 2]) -> RgbImage {
    let step = (65536.0 / scale) as i64;
    let origin = |middle: f64, center: f64| (middle * 65536.0) as i64 - (step as f64 * center) as i64;
    warp(&portrait(), width, height, [step, 0, origin(226.0, center[0]), 0, step, origin(118.0, center[1])])
}

/// Sum of each byte times its position, modulo 2^32.
pub fn checksum(picture: &RgbImage) -> u32 {
    let bytes = picture.as_raw().iter().zip(1u32..);
    bytes.fold(0, |sum, (&byte, position)| sum.wrapping_add(position.wrapping_mul(u32::from(byte))))
}
