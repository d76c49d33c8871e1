use std::fmt;
use std::sync::{Arc, Mutex};

use crate::scope::lock;

/// Spare buffers, so that a stream of frames allocates only its first few.
///
/// It never blocks and never limits how many buffers exist: that is what the channels do. Clones share the spares.
pub struct Pool<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    spare: Mutex<Vec<T>>,
    most: usize,
    make: Box<dyn Fn() -> T + Send + Sync>,
}

impl<T> Pool<T> {
    /// A pool that keeps at most `most_spare` buffers and makes new ones with `make` when it has none.
    pub fn new(most_spare: usize, make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let spare = Mutex::new(Vec::with_capacity(most_spare));
        Self { inner: Arc::new(Inner { spare, most: most_spare, make: Box::new(make) }) }
    }

    /// A buffer, with whatever its last user left in it.
    pub fn take(&self) -> T {
        let spare = lock(&self.inner.spare).pop();
        spare.unwrap_or_else(|| (self.inner.make)())
    }

    /// Gives a buffer back.
    pub fn give(&self, buffer: T) {
        let mut spare = lock(&self.inner.spare);
        if spare.len() < self.inner.most {
            spare.push(buffer);
        }
    }

    /// Gives back a buffer that others may still hold; the last holder to do so makes it spare.
    pub fn give_shared(&self, buffer: Arc<T>) {
        if let Some(buffer) = Arc::into_inner(buffer) {
            self.give(buffer);
        }
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spare = lock(&self.inner.spare).len();
        f.debug_struct("Pool").field("spare", &spare).field("most", &self.inner.most).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn buffers_come_back_and_the_spares_are_bounded() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let pool = Pool::new(2, move || counter.fetch_add(1, Ordering::Relaxed));
        let (a, b, c) = (pool.take(), pool.take(), pool.take());
        assert_eq!((a, b, c), (0, 1, 2));
        for buffer in [a, b, c] {
            pool.give(buffer);
        }
        assert_eq!((pool.take(), pool.take(), pool.take()), (1, 0, 3), "the third was let go");
    }

    #[test]
    fn the_last_holder_returns_a_shared_buffer() {
        let pool = Pool::new(4, || vec![0u8; 3]);
        let one = Arc::new(vec![7u8; 3]);
        let other = Arc::clone(&one);
        pool.give_shared(one);
        assert_eq!(pool.take(), [0; 3], "still held elsewhere");
        pool.give_shared(other);
        assert_eq!(pool.take(), [7; 3]);
    }
}
