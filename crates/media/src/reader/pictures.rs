//! Pictures as a video: those of a folder, those of a GIF, or a single one.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_timeline::{FrameRate, Pts};

use super::gif::{self, GifFrames};
use crate::codecs::in_short;
use crate::error::MediaError;
use crate::picture::load_picture;
use crate::source::PICTURE_ENDINGS;

/// Pictures that are read one by one.
#[derive(Debug)]
pub(crate) struct Pictures {
    path: PathBuf,
    shown: Shown,
    /// When each one comes up and the last one goes, in nanoseconds.
    times: Vec<u64>,
    rate: Option<FrameRate>,
    /// Which ones are read.
    first: usize,
    end: usize,
    next: usize,
    /// Where the part that is read begins, in nanoseconds.
    start: u64,
}

#[derive(Debug)]
enum Shown {
    Files(Vec<PathBuf>),
    Gif(Box<GifFrames>),
}

impl Pictures {
    /// The pictures of a folder: what has the ending of one and is not hidden.
    pub(crate) fn in_folder(path: &Path, rate: FrameRate) -> Result<Self, MediaError> {
        let failed = |error| MediaError::from_io(path, "listing it", error);
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
            let is_picture = ending.is_some_and(|ending| PICTURE_ENDINGS.contains(&ending.as_str()));
            if is_picture && !name.starts_with('.') {
                files.push((name, entry.path()));
            }
        }
        files.sort_by(|a, b| natural_order(&a.0, &b.0));
        let files: Vec<_> = files.into_iter().map(|(_, path)| path).collect();
        if files.is_empty() {
            return Err(MediaError::EmptyFolder { path: path.to_owned() });
        }
        Ok(Self::new(
            path,
            Shown::Files(files.clone()),
            (0..=files.len() as u64).map(|i| rate.pts(i).0).collect(),
            Some(rate),
        ))
    }

    /// One picture.
    pub(crate) fn single(path: &Path) -> Self {
        let rate = FrameRate::FPS_25;
        Self::new(path, Shown::Files(vec![path.to_owned()]), vec![0, rate.pts(1).0], Some(rate))
    }

    /// The frames of a GIF.
    pub(crate) fn of_gif(path: &Path) -> Result<Self, MediaError> {
        let (times, mut frames) = (gif::times(path)?, GifFrames::open(path)?);
        if times.len() < 2 {
            let nothing =
                || MediaError::Damaged { path: path.to_owned(), format: "GIF", detail: "no picture in it".into() };
            return Err(frames.next().err().map_or_else(nothing, |error| gif::sorted(path, &error)));
        }
        let step = times[1];
        let is_even = times.windows(2).all(|pair| pair[1] - pair[0] == step);
        let rate = u32::try_from(step).ok().filter(|_| is_even).and_then(|step| FrameRate::new(100, step).ok());
        let times = times.into_iter().map(|time| time * 10_000_000).collect();
        Ok(Self::new(path, Shown::Gif(Box::new(frames)), times, rate))
    }

    fn new(path: &Path, shown: Shown, times: Vec<u64>, rate: Option<FrameRate>) -> Self {
        let end = times.len() - 1;
        Self { path: path.to_owned(), shown, times, rate, first: 0, end, next: 0, start: 0 }
    }

    /// What people call the way they are stored.
    pub(crate) fn format(&self) -> &'static str {
        if matches!(self.shown, Shown::Gif(_)) { "GIF" } else { "pictures" }
    }

    /// How many are still to come.
    pub(crate) fn len(&self) -> usize {
        self.end.saturating_sub(self.next.max(self.first))
    }

    pub(crate) fn rate(&self) -> Option<FrameRate> {
        self.rate
    }

    /// Seconds that all of them take.
    pub(crate) fn duration(&self) -> f64 {
        self.times.last().map_or(0.0, |end| *end as f64 / 1e9)
    }

    /// The size of the first one.
    pub(crate) fn size(&self) -> Result<(u32, u32), MediaError> {
        match &self.shown {
            Shown::Files(files) => {
                files.first().map_or(Ok((0, 0)), |file| load_picture(file).map(|picture| picture.image.dimensions()))
            }
            Shown::Gif(frames) => Ok(frames.size()),
        }
    }

    /// Leaves out what is not shown between two times, in seconds.
    pub(crate) fn keep(&mut self, start: f64, end: Option<f64>) {
        // A microsecond is forgiven, so that rounding adds no frame.
        fn nanoseconds(seconds: f64) -> u64 {
            (seconds * 1e9).round() as u64
        }
        self.start = nanoseconds(start);
        let ends = &self.times[1..];
        self.first = ends.partition_point(|end| *end <= self.start + 1000);
        let starts = &self.times[..self.times.len() - 1];
        let limit = end.map_or(u64::MAX, nanoseconds);
        self.end = starts.partition_point(|start| start.saturating_add(1000) < limit).max(self.first);
    }

    fn picture(&mut self, index: usize) -> Result<Option<RgbImage>, MediaError> {
        match &mut self.shown {
            Shown::Files(files) => {
                files.get(index).map(|file| load_picture(file).map(|picture| picture.image)).transpose()
            }
            Shown::Gif(frames) => frames.next().map_err(|error| gif::sorted(&self.path, &error)),
        }
    }

    /// A GIF that breaks off has good frames before that.
    fn ended_by(&self, error: MediaError, index: usize) -> MediaError {
        let frames = index.saturating_sub(self.first) as u64;
        if matches!(self.shown, Shown::Files(_)) || frames == 0 {
            return error;
        }
        let at = self.times[index] as f64 / 1e9;
        MediaError::EndsEarly { path: self.path.clone(), at, frames, detail: in_short(&error) }
    }
}

impl Iterator for Pictures {
    type Item = Result<(Pts, RgbImage), MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Only a GIF needs the frames before.
        if matches!(self.shown, Shown::Files(_)) {
            self.next = self.next.max(self.first);
        }
        while self.next < self.end {
            let index = self.next;
            self.next += 1;
            match self.picture(index) {
                Ok(Some(image)) if index >= self.first => {
                    return Some(Ok((Pts(self.times[index].saturating_sub(self.start)), image)));
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(self.ended_by(error, index)));
                }
            }
        }
        None
    }
}

/// As people count: runs of digits are compared as numbers, everything else letter by letter.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match (digits(left), digits(right)) {
            (0, _) | (_, 0) => {
                let order = left.first().cmp(&right.first());
                if order != Ordering::Equal || left.is_empty() {
                    // Equal but for leading zeros.
                    return order.then_with(|| a.cmp(b));
                }
                (left, right) = (&left[1..], &right[1..]);
            }
            (m, n) => {
                let significant = |digits: &[u8]| digits.iter().skip_while(|digit| **digit == b'0').count();
                let (x, y) = (&left[..m], &right[..n]);
                let (p, q) = (significant(x), significant(y));
                let order = p.cmp(&q).then_with(|| x[m - p..].cmp(&y[n - q..]));
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (&left[m..], &right[n..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_counted() {
        let mut names = ["b2", "a10", "a9", "a", "a09", "a1b", "B1", "a9b1", "a123456789012345678901"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["B1", "a", "a1b", "a09", "a9", "a9b1", "a10", "a123456789012345678901", "b2"]);
    }

    proptest! {
        #[test]
        fn a_part_is_what_is_shown_in_it(
            steps in prop::collection::vec(1..200u64, 1..30),
            start in 0..3000u64,
            length in prop::option::of(1..3000u64),
        ) {
            let mut times = vec![0];
            times.extend(steps.iter().scan(0, |now, step| { *now += step * 1_000_000; Some(*now) }));
            let shown = Shown::Files(vec![PathBuf::new(); steps.len()]);
            let mut pictures = Pictures::new(Path::new("a"), shown, times.clone(), None);
            let seconds = |ms: u64| ms as f64 / 1000.0;
            pictures.keep(seconds(start), length.map(|length| seconds(start + length)));
            let (start, end) = (start * 1_000_000, length.map_or(u64::MAX, |length| (start + length) * 1_000_000));
            let is_shown = |index: &usize| times[index + 1] > start && times[*index] < end;
            let expected: Vec<usize> = (0..steps.len()).filter(is_shown).collect();
            prop_assert_eq!(pictures.len(), expected.len());
            prop_assert_eq!((pictures.first..pictures.end).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn it_is_an_order(a in "[ab0-2]{0,6}", b in "[ab0-2]{0,6}", c in "[ab0-2]{0,6}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b) == Ordering::Equal, a == b);
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }
    }
}
