//! One session: a pipeline from its first frame to its last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::chain::Chain;
use super::output::{LiveKind, LiveOutput};
use super::watchdog::Watchdog;
use super::words::{Loss, loss};
use crate::sink::VideoFormat;
use crate::sound::{RATE, Stereo};

/// How long a server may take until it takes frames; the sinks' own limits are shorter, but count each step of it. The
/// first frames, which show it, take their time too.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const FIRST_FRAMES: u64 = 4;
/// How long a server must have kept a stream until it counts as live: some say yes first and look at the key then.
const PROOF: Duration = Duration::from_secs(1);
/// How long the last frames and the farewell may take.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Sound that may wait to be encoded. Before it is as much, the session is given up or frames are left out.
const MOST_SOUND: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// A running pipeline. Dropping it ends it at once.
pub(super) struct Session {
    output: LiveOutput,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sound: Option<gst_app::AppSrc>,
    sink: gst::Element,
    bus: Option<gst::Bus>,
    counts: Arc<Counts>,
    watchdog: Watchdog,
    began: Instant,
    patience: Duration,
    flows_since: Option<Instant>,
    told_live: bool,
}

/// What the pads see.
#[derive(Default)]
struct Counts {
    /// Coded buffers that came to the sink, each after the one before was taken.
    passed: AtomicU64,
    bytes: AtomicU64,
    encoded: AtomicU64,
    /// Nanoseconds.
    encoding: AtomicU64,
    /// When the frame in the encoder came in, in nanoseconds since the session began.
    entered: AtomicU64,
}

/// What the pads have seen since one looked last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) encoded: u64,
    pub(super) encoding: Duration,
}

impl Session {
    /// Sets a chain going.
    pub(super) fn start(output: &LiveOutput, format: &VideoFormat, chain: Chain) -> Result<Self, Loss> {
        let began = Instant::now();
        let Chain { pipeline, source, sound, encoder, sink, mouth } = chain;
        let counts = Arc::new(Counts::default());
        watch(&counts, &encoder, &mouth, began);
        let watchdog = Watchdog::new(output, began);
        let (output, bus) = (output.clone(), pipeline.bus());
        let patience = CONNECT_PATIENCE + Duration::from_nanos(format.rate.pts(FIRST_FRAMES).0);
        let session = Self {
            output,
            pipeline,
            source,
            sound,
            sink,
            bus,
            counts,
            watchdog,
            began,
            patience,
            flows_since: None,
            told_live: false,
        };
        match session.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(session),
            Err(error) => Err(session.heard().unwrap_or_else(|| loss(&session.output, &error.to_string(), "", false))),
        }
    }

    /// Whether the other side takes what is sent.
    pub(super) fn flows(&self) -> bool {
        // What lies on a disk is there; a network's sink takes its first buffer before it is connected, and waits.
        let needed = if self.is_local() { 1 } else { 2 };
        self.counts.passed.load(Relaxed) >= needed
    }

    /// Whether it has done so long enough to be believed.
    pub(super) fn is_live(&self) -> bool {
        match self.output.kind() {
            // Where nobody answers, packets vanish for three seconds before that is told.
            LiveKind::Srt if !self.is_local() => self.told_live || self.flows() && is_acknowledged(&self.sink),
            _ => {
                let proof = if self.is_local() { Duration::ZERO } else { PROOF };
                self.flows_since.is_some_and(|since| since.elapsed() >= proof)
            }
        }
    }

    /// Whether anything that was sent is known to have been taken, at an end that began then; looks for a moment where it
    /// takes a while to be known.
    pub(super) fn is_heard(&self, began: Instant) -> bool {
        if self.output.kind() != LiveKind::Srt || self.is_local() {
            return self.flows();
        }
        while !self.is_live() && began.elapsed() < END_PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.is_live()
    }

    fn is_local(&self) -> bool {
        self.output.kind() == LiveKind::Hls || self.output.is_listener()
    }

    /// Whether it is live, once.
    pub(super) fn became_live(&mut self) -> bool {
        let became = !self.told_live && self.is_live();
        self.told_live |= became;
        became
    }

    pub(super) fn has_room(&self) -> bool {
        self.source.current_level_buffers() < self.source.max_buffers()
    }

    /// Whether everything that was pushed is on its way to the encoder or beyond. Where there is sound, the muxer begins
    /// when it has some of both, and the sound's encoder keeps the latest 40 ms to itself.
    pub(super) fn is_drained(&self) -> bool {
        if self.sound.is_some() { self.has_room() } else { self.source.current_level_buffers() == 0 }
    }

    /// Hands a frame over; there must be room. That it goes nowhere is told by [`fault`](Self::fault).
    pub(super) fn push(&self, buffer: gst::Buffer) {
        let _ = self.source.push_buffer(buffer);
    }

    /// Hands samples over that begin with sample `at` of the stream. When nothing is taken any more, they are lost.
    pub(super) fn push_sound(&self, samples: Vec<Stereo>, at: u64) {
        let Some(sound) = self.sound.as_ref().filter(|sound| sound.current_level_time() < MOST_SOUND) else { return };
        let time = |sample: u64| gst::ClockTime::SECOND.mul_div_floor(sample, u64::from(RATE));
        let (start, end) = (time(at), time(at + samples.len() as u64));
        let bytes: Vec<u8> = samples.into_iter().flatten().flat_map(f32::to_le_bytes).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(start);
            buffer.set_duration(end.zip(start).map(|(end, start)| end - start));
        }
        let _ = sound.push_buffer(buffer);
    }

    /// Why the session is over, if it is.
    pub(super) fn fault(&mut self) -> Option<Loss> {
        if let Some(loss) = self.heard() {
            return Some(loss);
        }
        let now = Instant::now();
        if self.flows() {
            self.flows_since.get_or_insert(now);
            let (passed, has_room) = (self.counts.passed.load(Relaxed), self.has_room());
            let is_frozen = self.watchdog.barks(&self.sink, passed, has_room, now);
            return is_frozen.then(|| Loss::frozen(&self.output));
        }
        // Clients may come when they like.
        let is_late = now.saturating_duration_since(self.began) > self.patience && !self.output.is_listener();
        is_late.then(|| Loss::silent(&self.output))
    }

    /// Sends what is in it and says farewell, if anyone listens. What is wrong with that, where something is.
    pub(super) fn finish(&self) -> Option<Loss> {
        if !self.flows() || self.source.end_of_stream().is_err() {
            return None;
        }
        if let Some(sound) = &self.sound {
            let _ = sound.end_of_stream();
        }
        let wait = gst::ClockTime::try_from(END_PATIENCE).unwrap_or(gst::ClockTime::SECOND);
        let types = [gst::MessageType::Eos, gst::MessageType::Error];
        match self.bus.as_ref()?.timed_pop_filtered(wait, &types) {
            Some(message) => self.sorted(&message),
            None => Some(Loss::cut_off(&self.output, END_PATIENCE.as_secs_f64())),
        }
    }

    /// What the pads have seen since one looked last.
    pub(super) fn seen(&self) -> Seen {
        let take = |count: &AtomicU64| count.swap(0, Relaxed);
        let Counts { bytes, encoded, encoding, .. } = &*self.counts;
        // What waits for a connection has gone nowhere yet.
        let bytes = if self.flows() { take(bytes) } else { 0 };
        Seen { bytes, encoded: take(encoded), encoding: Duration::from_nanos(take(encoding)) }
    }

    fn heard(&self) -> Option<Loss> {
        let message = self.bus.as_ref()?.pop_filtered(&[gst::MessageType::Error])?;
        self.sorted(&message)
    }

    fn sorted(&self, message: &gst::Message) -> Option<Loss> {
        let gst::MessageView::Error(error) = message.view() else { return None };
        let detail = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
        let message = error.error();
        Some(loss(&self.output, message.message(), &detail, self.is_live()))
    }
}

/// Whether an SRT receiver has acknowledged a packet.
fn is_acknowledged(sink: &gst::Element) -> bool {
    let stats = sink.property::<Option<gst::Structure>>("stats");
    stats.and_then(|stats| stats.get::<i32>("packet-ack-received").ok()).is_some_and(|count| count > 0)
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            // An element that could not start cannot stop either, and holds up the others.
            for element in self.pipeline.iterate_recurse().into_iter().flatten() {
                let _ = element.set_state(gst::State::Null);
            }
            let _ = self.pipeline.set_state(gst::State::Null);
        }
    }
}

fn watch(counts: &Arc<Counts>, encoder: &gst::Element, mouth: &gst::Pad, began: Instant) {
    let nanoseconds = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    if let (Some(entry), Some(exit)) = (encoder.static_pad("sink"), encoder.static_pad("src")) {
        let counts = (Arc::clone(counts), Arc::clone(counts));
        entry.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counts.0.entered.store(nanoseconds(), Relaxed);
            gst::PadProbeReturn::Ok
        });
        exit.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let time = nanoseconds().saturating_sub(counts.1.entered.load(Relaxed));
            counts.1.encoded.fetch_add(1, Relaxed);
            counts.1.encoding.fetch_add(time, Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
    let counts = Arc::clone(counts);
    let note = move |buffer: &gst::BufferRef| {
        counts.bytes.fetch_add(buffer.size() as u64, Relaxed);
        // Headers are kept by the sink until there is a connection.
        let is_content = !buffer.flags().contains(gst::BufferFlags::HEADER);
        counts.passed.fetch_add(u64::from(is_content), Relaxed);
    };
    mouth.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => note(buffer),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().for_each(&note),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use image::{Rgb, RgbImage};
    use moue_timeline::FrameRate;

    use super::*;
    use crate::live::settings::LiveSettings;
    use crate::planes::{Planar, timed, video_info};
    use crate::settings::H264Encoder;

    /// Without a clock, as fast as the encoders go.
    #[test]
    fn for_an_hour_times_rise_evenly_and_the_sound_keeps_up() {
        const FRAMES: u64 = 107_892;
        crate::elements::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let output = LiveOutput::parse(folder.path().join("a.m3u8").to_str().unwrap()).unwrap();
        let format = VideoFormat::new(16, 16, FrameRate::new(30_000, 1001).unwrap());
        let info = video_info(Path::new("a"), &format).unwrap();
        let settings: LiveSettings = serde_json::from_str(r#"{"speed": "ultrafast"}"#).unwrap();
        let chain = Chain::build(&output, &format, &settings, H264Encoder::X264, &info, true, 1).unwrap();
        let entrance = chain.sound.as_ref().and_then(|sound| sound.static_pad("src"));
        let converter = entrance.and_then(|pad| pad.peer()?.parent_element());
        let encoder = converter.and_then(|element| element.static_pad("src")?.peer()?.parent_element());
        let pictures = times_at(&chain.mouth);
        let sounds = times_at(&encoder.unwrap().static_pad("src").unwrap());
        let mut session = Session::start(&output, &format, chain).unwrap();
        let mut planar = Planar::new(&info, 8);
        let buffers = [0, 255].map(|grey| planar.buffer(&RgbImage::from_pixel(16, 16, Rgb([grey; 3]))));
        let place = |index| super::super::follower::place(format.rate, index);
        for index in 0..FRAMES {
            while !session.has_room() {
                assert_eq!(session.heard(), None);
                std::thread::sleep(Duration::from_micros(100));
            }
            session.push(timed(buffers[(index / 15 % 2) as usize].clone(), &format, index));
            let samples = vec![[0.1; 2]; (place(index + 1) - place(index)) as usize];
            session.push_sound(samples, place(index));
        }
        let began = Instant::now();
        while (pictures.lock().unwrap().len() as u64) < FRAMES && began.elapsed() < Duration::from_secs(30) {
            assert_eq!(session.fault(), None);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(session.finish(), None);
        let (pictures, sounds) = (pictures.lock().unwrap(), sounds.lock().unwrap());
        assert_eq!(pictures.len() as u64, FRAMES);
        assert!((0..).zip(&*pictures).all(|(index, time)| *time - pictures[0] == format.rate.pts(index).0));
        // AAC is coded by 1024 samples; what a buffer says is where its samples were pushed.
        let off = (0..).zip(&*sounds).map(|(index, time)| {
            let samples: u64 = index * 1024;
            (time - sounds[0]).abs_diff(samples * 1_000_000_000 / u64::from(RATE))
        });
        assert!(off.max().unwrap() < 1_000_000);
        // All that was pushed was heard, but for what the encoder still holds.
        let heard = sounds.len() as u64 * 1024;
        assert!(place(FRAMES).abs_diff(heard) < 4 * 1024, "{heard} samples");
    }

    #[test]
    fn a_farewell_that_nobody_takes_is_told() {
        crate::elements::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let output = LiveOutput::parse(folder.path().join("a.m3u8").to_str().unwrap()).unwrap();
        let format = VideoFormat::new(16, 16, FrameRate::FPS_25);
        let info = video_info(Path::new("a"), &format).unwrap();
        let settings = LiveSettings::default();
        let chain = Chain::build(&output, &format, &settings, H264Encoder::X264, &info, false, 1).unwrap();
        let mouth = chain.mouth.clone();
        let session = Session::start(&output, &format, chain).unwrap();
        let mut planar = Planar::new(&info, 8);
        let (began, mut index) = (Instant::now(), 0);
        while !session.flows() {
            assert!(began.elapsed() < Duration::from_secs(30));
            // The elements keep a frame or two until the next ones.
            if session.has_room() {
                session.push(timed(planar.buffer(&RgbImage::new(16, 16)), &format, index));
                index += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        mouth.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
        let loss = session.finish().unwrap();
        assert!(loss.why.contains("the last frames were not taken by the disk within 1 s"), "{loss:?}");
    }

    /// The times of all buffers that pass a pad, in nanoseconds.
    fn times_at(pad: &gst::Pad) -> Arc<Mutex<Vec<u64>>> {
        let times = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&times);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let time = info.buffer().and_then(|buffer| buffer.pts());
            heard.lock().unwrap_or_else(PoisonError::into_inner).extend(time.map(|time| time.nseconds()));
            gst::PadProbeReturn::Ok
        });
        times
    }
}
