//! The sound of a film: its cues one after another and above each other, encoded once from the first frame to the last.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use gstreamer as gst;

use super::Encoder;
use super::cue::{Cue, RATE, Stereo, Voice, stereo, stereo_caps};
use super::inlet::{Inlet, failed};
use super::limiter::{AHEAD, Limiter};
use super::reader::SoundReader;
use crate::codecs::in_short;
use crate::container::Container;
use crate::error::MediaError;
use crate::reader::{Clock, VideoReader, check, look};
use crate::source::Source;

/// Samples that are made at a time, a tenth of a second.
const BLOCK: u64 = 4800;

/// The sounds of a film, all of which can be decoded, in the order in which they begin.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    cues: VecDeque<(Cue, Clock)>,
}

impl Score {
    /// Tries the first moment of every file; `None` without cues.
    ///
    /// # Errors
    /// A file is missing, goes on in real time, has no sound, or sound that cannot be decoded here; a cue makes no
    /// sense.
    pub(crate) fn read(cues: &[Cue]) -> Result<Option<Self>, MediaError> {
        let mut known: Vec<(&Source, Clock)> = Vec::new();
        let mut found = Vec::new();
        for cue in cues {
            cue.check()?;
            let clock = match known.iter().find(|(source, _)| **source == cue.source) {
                Some((_, clock)) => *clock,
                None => {
                    let clock = try_out(cue)?;
                    known.push((&cue.source, clock));
                    clock
                }
            };
            found.push((cue.clone(), clock));
        }
        found.sort_by_key(|(cue, _)| cue.first());
        Ok((!found.is_empty()).then(|| Self { cues: found.into() }))
    }

    /// Of one sound, which can be decoded.
    pub(super) fn of(cue: Cue, clock: Clock) -> Self {
        Self { cues: [(cue, clock)].into() }
    }

    pub(super) fn into_cues(self) -> Vec<Cue> {
        self.cues.into_iter().map(|(cue, _)| cue).collect()
    }

    /// The same from sample `at` of the film on. What is being heard there fades in.
    fn from(&self, at: u64) -> Self {
        let cues = self.cues.iter().filter_map(|(cue, clock)| Some((cue.after(at)?, *clock)));
        Self { cues: cues.collect() }
    }
}

fn try_out(cue: &Cue) -> Result<Clock, MediaError> {
    let source = &cue.source;
    let path = source.name();
    check(source)?;
    if VideoReader::is_of_pictures(source)? {
        return Err(MediaError::NoSound { path });
    }
    let seen = look(source)?;
    if seen.info.is_live {
        return Err(MediaError::Address {
            address: path.display().to_string(),
            problem: "a live source cannot be a sound of a film".to_owned(),
            hint: "record it to a file first",
        });
    }
    if seen.info.sound.is_none() {
        return Err(MediaError::NoSound { path });
    }
    match SoundReader::open(source, 0.0, seen.clock, &stereo()).and_then(|mut reader| reader.next()) {
        Ok(Some(_)) => Ok(seen.clock),
        Ok(None) => Err(MediaError::NoSound { path }),
        Err(error @ (MediaError::MissingElement { .. } | MediaError::NoDecoder { .. })) => Err(error),
        Err(error) => Err(MediaError::Damaged { path, format: "sound", detail: in_short(&error) }),
    }
}

/// A film's sound on its way into the muxer.
pub(crate) struct Mixed {
    inlet: Inlet,
    mixer: Mixer,
    /// Samples of silence after the film, without which the encoder would keep its end to itself.
    tail: u64,
}

impl Mixed {
    /// Links the sound of a film that ends after `end` nanoseconds to the muxer. Before anything runs.
    pub(crate) fn open(
        path: &Path,
        pipeline: &gst::Pipeline,
        muxer: &gst::Element,
        container: Container,
        score: Score,
        end: u64,
    ) -> Result<Self, MediaError> {
        let encoder = Encoder::of(container);
        let inlet = Inlet::open(path, pipeline, muxer, Some(&stereo_caps()), Some(encoder))?;
        let end = (u128::from(end) * u128::from(RATE)).div_ceil(1_000_000_000) as u64;
        Ok(Self { inlet, mixer: Mixer::new(score, end), tail: encoder.delay() })
    }

    /// Lets a thread do it.
    pub(crate) fn start(self, path: &Path) -> Result<Sounding, MediaError> {
        let thread = std::thread::Builder::new().name("sound".to_owned());
        let started = thread.spawn(move || self.run());
        let thread = started.map_err(|error| failed(path, "no thread for it", error.to_string()))?;
        Ok(Sounding { path: path.to_owned(), thread: Some(thread), notes: Vec::new() })
    }

    fn run(mut self) -> Result<Vec<String>, MediaError> {
        let unit = size_of::<Stereo>();
        let (mut limiter, mut at) = (Limiter::new(), 0);
        // The film's samples leave the limiter while it is fed with what comes after them.
        let mut after = self.tail + AHEAD as u64 - 1;
        loop {
            let block = match self.mixer.block()? {
                Some(block) => block,
                None if after > 0 => vec![[0.0; 2]; std::mem::take(&mut after) as usize],
                None => return Ok(self.mixer.notes),
            };
            let samples = block.into_iter().filter_map(|sample| limiter.push(sample));
            let bytes: Vec<u8> = samples.flatten().flat_map(f32::to_le_bytes).collect();
            if !bytes.is_empty() && !self.inlet.push_samples(bytes, &mut at, RATE, unit) {
                // Whoever listens to the muxer knows why.
                return Ok(self.mixer.notes);
            }
        }
    }
}

/// A film's sound that is being written.
pub(crate) struct Sounding {
    path: PathBuf,
    thread: Option<JoinHandle<Result<Vec<String>, MediaError>>>,
    notes: Vec<String>,
}

impl Sounding {
    /// Tells whether it failed, without waiting.
    pub(crate) fn check(&mut self) -> Result<(), MediaError> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { self.wait() } else { Ok(()) }
    }

    /// Waits for its end; what is worth telling, each a sentence.
    pub(crate) fn finish(mut self) -> Result<Vec<String>, MediaError> {
        self.wait()?;
        Ok(self.notes)
    }

    fn wait(&mut self) -> Result<(), MediaError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let broke = |_| Err(failed(&self.path, "it broke", String::new()));
        self.notes = thread.join().unwrap_or_else(broke)?;
        Ok(())
    }
}

/// Sums of cues.
pub(super) struct Mixer {
    cues: VecDeque<(Cue, Clock)>,
    voices: Vec<Voice>,
    /// The next sample, and the one after the last.
    at: u64,
    end: u64,
    notes: Vec<String>,
}

impl Mixer {
    fn new(score: Score, end: u64) -> Self {
        Self { cues: score.cues, voices: Vec::new(), at: 0, end, notes: Vec::new() }
    }

    /// Of a film without an end, from sample `at` on.
    pub(super) fn starting(score: &Score, at: u64) -> Self {
        Self { at, ..Self::new(score.from(at), u64::MAX) }
    }

    /// The next samples; `None` at the end of the film.
    pub(super) fn block(&mut self) -> Result<Option<Vec<Stereo>>, MediaError> {
        let until = (self.at + BLOCK).min(self.end);
        if until == self.at {
            return Ok(None);
        }
        while let Some((cue, clock)) = self.cues.pop_front_if(|(cue, _)| cue.first() < until) {
            self.voices.push(Voice::open(cue, clock, self.end)?);
        }
        let mut sums = vec![[0.0; 2]; (until - self.at) as usize];
        let mut going_on = Vec::new();
        for mut voice in std::mem::take(&mut self.voices) {
            let begins = voice.cue.first().saturating_sub(self.at) as usize;
            let mut is_over = false;
            for sum in sums.iter_mut().skip(begins) {
                let Some([left, right]) = voice.next()? else {
                    is_over = true;
                    break;
                };
                *sum = [sum[0] + left, sum[1] + right];
            }
            if !is_over {
                going_on.push(voice);
            } else if voice.heard == 0 {
                let Cue { source, at, from, .. } = &voice.cue;
                self.notes.push(format!("nothing is heard of {source} at {at:.2} s: it ends before {from:.2} s"));
            }
        }
        (self.voices, self.at) = (going_on, until);
        Ok(Some(sums))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Writes a WAV file of 16-bit samples, channels interleaved.
    pub(crate) fn wav(path: &Path, rate: u32, channels: u16, samples: impl Iterator<Item = i16>) {
        let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
        let unit = 2 * u32::from(channels);
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * unit).to_le_bytes());
        bytes.extend((unit as u16).to_le_bytes());
        bytes.extend(b"\x10\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        fs::write(path, bytes).unwrap();
    }

    fn cue(path: &Path, at: f64, from: f64, seconds: f64) -> Cue {
        Cue { source: Source::from(path), at, from, seconds }
    }

    /// All samples of a film of so many samples, before the limiter, and what is told.
    fn mixed(cues: &[Cue], end: u64) -> (Vec<Stereo>, Vec<String>) {
        crate::elements::start().unwrap();
        let mut mixer = Mixer::new(Score::read(cues).unwrap().unwrap(), end);
        let mut samples = Vec::new();
        while let Some(block) = mixer.block().unwrap() {
            assert!(block.len() as u64 <= BLOCK);
            samples.extend(block);
        }
        assert_eq!(samples.len() as u64, end);
        (samples, mixer.notes)
    }

    /// The value of sample `index` of the ramps below.
    fn ramp(index: u64) -> f32 {
        ((index % 20_000) as f32 + 1000.0) / 32_768.0
    }

    #[test]
    fn every_sample_lands_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        wav(&path, 48_000, 1, (0..240_000).map(|index| (index % 20_000 + 1000) as i16));
        // In the middle of a block, and at no whole sample; from a place that is sought.
        for (at, from) in [(0.0, 0.0), (0.123_45, 0.0), (1.0, 0.5), (0.7, 3.25)] {
            let (samples, notes) = mixed(&[cue(&path, at, from, 1.0)], 120_000);
            assert_eq!(notes, [""; 0]);
            let (first, skipped) = ((at * 48_000.0).round() as u64, (from * 48_000.0).round() as u64);
            for (index, [left, right]) in (0..).zip(samples) {
                assert_eq!(left, right, "one channel is heard on both sides");
                let inside = u64::checked_sub(index, first).filter(|inside| *inside < 48_000);
                let Some(inside) = inside else {
                    assert_eq!(left, 0.0, "{at}, {from}: sample {index}");
                    continue;
                };
                let expected = ramp(inside + skipped);
                let is_start_cut = from > 0.0 && inside < 240;
                if is_start_cut || inside >= 47_760 {
                    let (near, far) = if is_start_cut { (inside, 240) } else { (47_999 - inside, 240) };
                    let gain = (std::f64::consts::FRAC_PI_2 * (near as f64 + 0.5) / f64::from(far)).sin().powi(2);
                    assert!((left - expected * gain as f32).abs() < 1e-5, "{at}, {from}: sample {index}: {left}");
                } else {
                    assert!((left - expected).abs() < 1e-6, "{at}, {from}: sample {index}: {left}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn sounds_that_follow_each_other_touch_and_those_at_once_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        wav(&path, 48_000, 2, (0..48_000).flat_map(|_| [8192, -16_384]));
        // Whole: nothing fades. Thirds of a second are no whole samples.
        let third = 1.0 / 3.0;
        let cues = [cue(&path, third, 0.0, 2.0), cue(&path, third + 1.0, 0.0, f64::INFINITY)];
        let (samples, _) = mixed(&cues, 120_000);
        for (index, sample) in (0..).zip(&samples) {
            let expected = if (16_000..112_000).contains(&index) { [0.25, -0.5] } else { [0.0; 2] };
            assert_eq!(*sample, expected, "{index}");
        }
        // Three at once, given in no order; the one that the film's end cuts fades with it.
        let cues = [cue(&path, 0.5, 0.0, 1.0), cue(&path, 0.0, 0.0, 1.0), cue(&path, 0.75, 0.0, 1.0)];
        let (samples, _) = mixed(&cues, 60_000);
        assert_eq!([samples[23_999], samples[24_000], samples[36_000]], [[0.25, -0.5], [0.5, -1.0], [0.75, -1.5]]);
        assert_eq!(samples[48_000], [0.5, -1.0]);
        assert!(samples[59_999][0] < 1e-4 && samples[59_759] == [0.5, -1.0]);
    }

    #[test]
    fn other_rates_keep_their_places_and_short_sounds_their_shape() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        // A pulse of 50 ms, half a second into the file.
        wav(&path, 44_100, 1, (0..44_100).map(|index| if (22_050..24_255).contains(&index) { 16_384 } else { 0 }));
        let (samples, _) = mixed(&[cue(&path, 0.25, 0.25, 0.6)], 48_000);
        let begins = samples.iter().position(|[left, _]| *left > 0.25).unwrap();
        let ends = samples.iter().rposition(|[left, _]| *left > 0.25).unwrap();
        assert!(begins.abs_diff(24_000) <= 1 && ends.abs_diff(26_399) <= 1, "{begins}, {ends}");
        // 100 samples of it: they fade over 50 each, and nothing is heard outside.
        let (samples, _) = mixed(&[cue(&path, 0.0, 0.51, 100.0 / 48_000.0)], 1000);
        assert!(samples[49][0] > 0.49 && samples[50][0] > 0.49 && samples[0][0] < 1e-3 && samples[99][0] < 1e-3);
        assert_eq!(samples[100..], [[0.0; 2]; 900]);
    }

    #[test]
    fn a_place_after_the_end_is_silent_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        wav(&path, 48_000, 1, (0..48_000).map(|_| 1000));
        for from in [1.5, 3.0] {
            let (samples, notes) = mixed(&[cue(&path, 0.25, from, 1.0)], 24_000);
            assert!(samples.iter().all(|sample| *sample == [0.0; 2]));
            assert!(notes[0].starts_with("nothing is heard of ") && notes[0].contains("a.wav at 0.25 s"), "{notes:?}");
        }
    }
}
