//! Products of matrices in f32 on one thread: the only place with `unsafe`, around the `gemm` crate that candle's own
//! products are made by.

/// A matrix that is read: `rows` x `cols`, element (i, j) at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(super) struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    /// Rows one after the other, `stride` apart.
    pub(super) fn rows(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        Self { data, rows, cols, row_stride: stride, col_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(super) fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.cols == 0
            || (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride < self.data.len()
    }
}

/// What happens to what is in the destination.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Into {
    /// It is overwritten.
    Replace,
    /// The product is added to it.
    Add,
}

/// `dst = [dst +] scale * a * b`, with the rows of `dst` `stride` apart.
///
/// # Panics
/// Where the shapes do not match or a matrix is larger than its slice: a mistake in this crate.
#[expect(unsafe_code, reason = "the gemm crate takes pointers; every extent is checked right here")]
pub(super) fn gemm(dst: &mut [f32], stride: usize, a: Mat<'_>, b: Mat<'_>, scale: f32, into: Into) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert_eq!(k, b.rows, "inner sizes");
    assert!(a.fits() && b.fits(), "a matrix reaches past its slice");
    if m == 0 || n == 0 {
        return;
    }
    assert!(stride >= n && (m - 1) * stride + n <= dst.len(), "the destination is too small");
    let read = into == Into::Add;
    // SAFETY: the pointers come from live slices; the asserts above bound every element that is touched; `dst` is
    // borrowed mutably and so overlaps neither `a` nor `b`; its rows do not overlap since `stride >= n`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            stride as isize,
            read,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_scale_and_addition() {
        let a = [1., 2., 9., 3., 4., 9.]; // 2x2 with rows 3 apart
        let b = [5., 6., 7., 8.]; // its transpose is used
        let mut dst = [1.; 6];
        gemm(&mut dst, 3, Mat::rows(&a, 2, 2, 3), Mat::rows(&b, 2, 2, 2).t(), 2.0, Into::Replace);
        assert_eq!(dst, [34., 46., 1., 78., 106., 1.]);
        gemm(&mut dst, 3, Mat::rows(&a, 2, 2, 3), Mat::rows(&b, 2, 2, 2).t(), 1.0, Into::Add);
        assert_eq!(dst, [51., 69., 1., 117., 159., 1.]);
    }

    #[test]
    #[should_panic(expected = "past its slice")]
    fn a_matrix_that_is_too_large() {
        gemm(&mut [0.; 4], 2, Mat::rows(&[0.; 3], 2, 2, 2), Mat::rows(&[0.; 4], 2, 2, 2), 1.0, Into::Replace);
    }
}
