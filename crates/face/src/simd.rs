//! Which vector instructions this machine has.
//!
//! The default build is for any machine of its kind; what is run here is compiled for several and picked when the
//! program runs. All that an operation calls must be `#[inline(always)]`: what stays out of line is compiled for the
//! oldest machine.

use std::sync::LazyLock;

use pulp::WithSimd;

/// Runs an operation with the best vectors of up to 8 values (f32) that there are.
#[inline]
pub(crate) fn dispatch<O: WithSimd>(operation: O) -> O::Output {
    // `Arch` would take vectors of 16 where other crates have pulp compiled with them.
    #[cfg(target_arch = "x86_64")]
    {
        static AVX2: LazyLock<Option<pulp::x86::V3>> = LazyLock::new(pulp::x86::V3::try_new);
        match *AVX2 {
            Some(simd) => pulp::Simd::vectorize(simd, operation),
            None => pulp::Simd::vectorize(pulp::Scalar::new(), operation),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);
        ARCH.dispatch(operation)
    }
}
