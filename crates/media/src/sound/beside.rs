//! Sound that goes into the muxer in step with the frames, where there is no second pass.

use std::collections::VecDeque;
use std::path::Path;

use gstreamer as gst;

use super::cue::{RATE, Stereo, stereo_caps};
use super::inlet::Inlet;
use super::limiter::Limiter;
use super::mixer::Mixer;
use super::{Encoder, Plan};
use crate::codecs::in_short;
use crate::error::MediaError;

/// The sound of an output that is being written.
pub(crate) struct Beside {
    inlet: Inlet,
    mixer: Mixer,
    limiter: Limiter,
    /// Samples that were mixed ahead.
    ahead: VecDeque<Stereo>,
    /// Samples that were handed over.
    at: u64,
    /// Why it ends early.
    complaint: Option<String>,
}

impl Beside {
    /// Links the sound to the muxer. Before anything runs.
    pub(crate) fn open(
        path: &Path,
        pipeline: &gst::Pipeline,
        muxer: &gst::Element,
        plan: &Plan,
    ) -> Result<Self, MediaError> {
        let inlet = Inlet::open(path, pipeline, muxer, Some(&stereo_caps()), Some(Encoder::Aac))?;
        // There is never more of it than of the frames, and those wait for room.
        inlet.never_wait();
        let mixer = Mixer::starting(&plan.score(), 0);
        Ok(Self { inlet, mixer, limiter: Limiter::new(), ahead: VecDeque::new(), at: 0, complaint: None })
    }

    /// Hands over what is heard until then, in nanoseconds.
    pub(crate) fn until(&mut self, time: u64) {
        let end = (u128::from(time) * u128::from(RATE) / 1_000_000_000) as u64;
        let count = end.saturating_sub(self.at) as usize;
        while self.ahead.len() < count {
            self.mix();
        }
        let bytes = self.ahead.drain(..count).flatten().flat_map(f32::to_le_bytes).collect();
        // Whoever listens to the muxer knows why nobody takes them.
        self.inlet.push_samples(bytes, &mut self.at, RATE, size_of::<Stereo>());
    }

    fn mix(&mut self) {
        let mixed = if self.complaint.is_some() { Ok(None) } else { self.mixer.block() };
        let block = mixed.unwrap_or_else(|error| {
            self.complaint = Some(in_short(&error));
            None
        });
        let block = block.unwrap_or_else(|| vec![[0.0; 2]; RATE as usize / 10]);
        self.ahead.extend(block.into_iter().filter_map(|sample| self.limiter.push(sample)));
    }

    /// Ends the sound; why it ended before the frames, if it did.
    pub(crate) fn finish(mut self) -> Option<String> {
        // What the encoder's delay pushes out at the end must have been put in.
        let end = u128::from(self.at + Encoder::Aac.delay()) * 1_000_000_000 / u128::from(RATE) + 1;
        let complaint = self.complaint.take();
        self.until(end as u64);
        complaint
    }
}
