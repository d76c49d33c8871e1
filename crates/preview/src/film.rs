//! The frames of the film on their way to the pages: the newest one counts, and it is encoded only if a page shows it.
//! Coefficients are kept for some seconds, so that curves have those of the frames that were left out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use image::RgbImage;
use moue_timeline::Channel;
use tokio::sync::watch;

use crate::messages::Row;
use crate::picture::jpeg;
use crate::pose::for_people;
use crate::scene::Shown;

/// Frames whose coefficients are kept: some seconds at any usual rate.
const MAX_ROWS: usize = 300;

/// The newest frame as pages get it.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub sequence: u32,
    pub rendered_at: Instant,
    /// A picture, where a page wanted one.
    pub jpeg: Option<Bytes>,
}

/// What happened to the frames since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct FilmCounts {
    pub shown: u64,
    pub encoded: u64,
    /// Replaced by a newer one while a page wanted pictures.
    pub dropped: u64,
    pub encoding: Duration,
    pub bytes: u64,
}

/// Shared by whoever renders, the encoder's thread and the server. Locked for moments only.
pub(crate) struct Film {
    slot: Mutex<Slot>,
    bell: Condvar,
    encoded: watch::Sender<Option<Arc<Encoded>>>,
    channels: Vec<Channel>,
    began: Instant,
}

struct Slot {
    /// Kept after it was encoded too, for pages that are opened while nothing moves.
    newest: Option<(Arc<RgbImage>, Instant)>,
    sequence: u32,
    /// The last frames, the newest at the end: it has the slot's sequence, and those before it count down.
    rows: VecDeque<Arc<Row>>,
    /// What was made of the newest frame so far.
    made: Made,
    /// Pages that are open, and those of them that show the film.
    pages: usize,
    watching: usize,
    counts: FilmCounts,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Nothing,
    Values,
    Picture,
}

impl Film {
    pub(crate) fn new(channels: Vec<Channel>, began: Instant) -> Self {
        let slot = Slot {
            newest: None,
            sequence: 0,
            rows: VecDeque::new(),
            made: Made::Nothing,
            pages: 0,
            watching: 0,
            counts: FilmCounts::default(),
            is_over: false,
        };
        Self { slot: Mutex::new(slot), bell: Condvar::new(), encoded: watch::Sender::new(None), channels, began }
    }

    /// Replaces the newest frame.
    pub(crate) fn show(&self, image: &Arc<RgbImage>, shown: &Shown) {
        let value = |channel: &Channel| for_people(*channel, shown.get(*channel));
        let row = Arc::new(Row {
            number: shown.number,
            rendered_ms: shown.rendered_at.saturating_duration_since(self.began).as_secs_f64() * 1e3,
            values: self.channels.iter().map(value).collect(),
        });
        let mut slot = self.lock();
        slot.counts.shown += 1;
        slot.counts.dropped += u64::from(slot.watching > 0 && slot.newest.is_some() && slot.made < Made::Picture);
        let before = slot.newest.replace((Arc::clone(image), shown.rendered_at));
        slot.sequence = slot.sequence.wrapping_add(1);
        slot.rows.push_back(row);
        if slot.rows.len() > MAX_ROWS {
            slot.rows.pop_front();
        }
        slot.made = Made::Nothing;
        let is_awaited = slot.pages > 0;
        // The last holder of a frame frees it, which takes a moment too long under the lock.
        drop(slot);
        drop(before);
        if is_awaited {
            self.bell.notify_all();
        }
    }

    /// The frames after the first sequence up to the second one, as far as they are kept.
    pub(crate) fn rows(&self, after: u32, up_to: u32) -> Vec<Arc<Row>> {
        let slot = self.lock();
        let newer = slot.sequence.wrapping_sub(up_to) as usize;
        let wanted = up_to.wrapping_sub(after) as usize;
        let end = slot.rows.len().saturating_sub(newer);
        slot.rows.range(end.saturating_sub(wanted)..end).cloned().collect()
    }

    /// A page came or went, or shows something else now.
    pub(crate) fn change_audience(&self, change: impl FnOnce(&mut usize, &mut usize)) {
        let mut slot = self.lock();
        let Slot { pages, watching, .. } = &mut *slot;
        change(pages, watching);
        drop(slot);
        self.bell.notify_all();
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Encoded>>> {
        let mut receiver = self.encoded.subscribe();
        // What is there already is new to this page.
        receiver.mark_changed();
        receiver
    }

    pub(crate) fn counts(&self) -> FilmCounts {
        self.lock().counts
    }

    /// How many pages are open.
    pub(crate) fn pages(&self) -> usize {
        self.lock().pages
    }

    pub(crate) fn count_bytes(&self, bytes: usize) {
        self.lock().counts.bytes += bytes as u64;
    }

    /// Ends [`Self::encode`].
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.bell.notify_all();
    }

    /// Encodes what pages want until the film ends.
    pub(crate) fn encode(&self) {
        while let Some((sequence, image, rendered_at, with_picture)) = self.next() {
            let started = Instant::now();
            let file = with_picture.then(|| jpeg(&image));
            let took = started.elapsed();
            drop(image);
            let jpeg = match file.transpose() {
                Ok(file) => file.map(Bytes::from),
                Err(error) => {
                    tracing::debug!(error, "JPEG");
                    None
                }
            };
            if jpeg.is_some() {
                let mut slot = self.lock();
                slot.counts.encoded += 1;
                slot.counts.encoding += took;
            }
            self.encoded.send_replace(Some(Arc::new(Encoded { sequence, rendered_at, jpeg })));
        }
    }

    /// Waits for a frame of which a page wants more than there is; none when the film is over.
    fn next(&self) -> Option<(u32, Arc<RgbImage>, Instant, bool)> {
        let wanted = |slot: &Slot| match (slot.watching, slot.pages) {
            (1.., _) => Made::Picture,
            (0, 1..) => Made::Values,
            _ => Made::Nothing,
        };
        let idle = |slot: &mut Slot| !slot.is_over && (slot.newest.is_none() || slot.made >= wanted(slot));
        let mut slot = self.bell.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if slot.is_over {
            return None;
        }
        slot.made = wanted(&slot);
        let with_picture = slot.made == Made::Picture;
        let sequence = slot.sequence;
        slot.newest.clone().map(|(image, rendered_at)| (sequence, image, rendered_at, with_picture))
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "film_tests.rs"]
mod tests;
