//! Elementwise arithmetic that the compiler turns into the vectors of the machine it runs on.
//!
//! The default build is for any x86-64; `pulp` compiles each closure for several instruction sets and picks one when
//! the program starts.

use std::sync::LazyLock;

/// The instruction set of this machine.
pub(super) static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// Makes a function whose body is compiled for several instruction sets. What it calls must be `#[inline(always)]`;
/// references name their lifetimes. A closure given to `pulp` would not do: the compiler may leave it out of line, where it is
/// compiled for the oldest machine and every `mul_add` becomes a call.
macro_rules! vectorized {
    ($(#[$attribute:meta])* fn $name:ident<$($life:lifetime),+>($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$attribute])*
        fn $name<$($life),+>($($argument: $type),*) {
            struct Arguments<$($life),+> {
                $($argument: $type,)*
                lives: std::marker::PhantomData<($(&$life (),)+)>,
            }
            impl<$($life),+> pulp::NullaryFnOnce for Arguments<$($life),+> {
                type Output = ();
                #[inline(always)]
                fn call(self) {
                    let Self { $($argument,)* lives: _ } = self;
                    $body
                }
            }
            $crate::ops::simd::ARCH.dispatch(Arguments { $($argument,)* lives: std::marker::PhantomData })
        }
    };
}
pub(super) use vectorized;

/// e to the power of `x`, for `x` up to 88, with a relative error below 2e-7; 0 below -87.
///
/// 2^(x log2 e) is split in a whole and a broken part; the polynomial is the Taylor series of 2^f on -0.5..=0.5.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, so that the reduction is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let f = whole.mul_add(-LN2_LOW, whole.mul_add(-LN2_HIGH, x));
    let p = 1.987_569_1e-4_f32
        .mul_add(f, 1.398_199_9e-3)
        .mul_add(f, 8.333_452e-3)
        .mul_add(f, 4.166_579_6e-2)
        .mul_add(f, 1.666_666_5e-1)
        .mul_add(f, 0.5);
    let p = (p * f).mul_add(f, f) + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    p * power
}

/// The error function with an absolute error below 5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// formula 7.1.26.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    // 1 - (a1 t + ... + a5 t^5) exp(-x^2) with t = 1 / (1 + p x).
    let a = x.abs().min(6.0);
    let t = 1.0 / 0.327_591_1_f32.mul_add(a, 1.0);
    let p = 1.061_405_4_f32
        .mul_add(t, -1.453_152_1)
        .mul_add(t, 1.421_413_8)
        .mul_add(t, -0.284_496_72)
        .mul_add(t, 0.254_829_6)
        * t;
    (1.0 - p * exp(-a * a)).copysign(x)
}

/// x times the logistic function of x.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The exact GELU: x times the normal distribution at x.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exp() {
        for i in -8600..8700 {
            let x = i as f32 * 0.01;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 3e-7, "{x}: {} {expected}", exp(x));
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gelu_has_its_known_values() {
        // x * Phi(x), from tables of the normal distribution.
        let known: [(f32, f32); 5] =
            [(0.0, 0.0), (1.0, 0.841_345), (-1.0, -0.158_655), (2.0, 1.954_5), (-3.0, -0.004_05)];
        for (x, expected) in known {
            assert!((gelu(x) - expected).abs() < 1e-6, "{x}: {} {expected}", gelu(x));
        }
    }
}
