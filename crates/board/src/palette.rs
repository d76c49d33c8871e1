//! The colours of the cast.

use moue_charts::draw::Colour;

/// White letters can be read on all of them (contrast above 4.5), and all of them on white.
pub(crate) const CAST: [Colour; 7] = [
    Colour([0x2f, 0x6b, 0xa8]),
    Colour([0xa8, 0x50, 0x2a]),
    Colour([0x2f, 0x7a, 0x57]),
    Colour([0x86, 0x4f, 0x8c]),
    Colour([0x8a, 0x68, 0x12]),
    Colour([0x2a, 0x76, 0x80]),
    Colour([0x6b, 0x6f, 0x78]),
];

/// On the colours of the cast, and behind everything.
pub(crate) const WHITE: Colour = Colour([0xff; 3]);

/// The colour of the `index`-th member who is seen; after the last the first comes again.
pub(crate) fn cast(index: usize) -> Colour {
    CAST[index % CAST.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance after WCAG 2.
    fn luminance(Colour(rgb): Colour) -> f64 {
        let [r, g, b] = rgb.map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn letters_can_be_read() {
        for colour in CAST {
            let contrast = 1.05 / (luminance(colour) + 0.05);
            assert!(contrast > 4.5, "{colour:?}: {contrast}");
        }
    }
}
