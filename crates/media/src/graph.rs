//! A running chain of GStreamer elements that frames are pushed into, and how it ends.

use std::path::Path;
use std::thread::JoinHandle;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use crate::elements;
use crate::error::MediaError;

/// A running media graph and the thread that listens to its bus.
///
/// The listener takes the graph to Null on an error: that is what wakes a `push` that waits for room in a graph which
/// no longer moves.
pub(crate) struct Graph {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    listener: Option<JoinHandle<Ending>>,
}

/// How a graph ended.
enum Ending {
    /// All is written.
    Complete,
    /// Nobody wants it any more.
    Dismissed,
    /// It broke.
    Failed(gst::glib::Error, String),
}

impl Graph {
    /// Links the chain, of which `source` is the first, and sets it going.
    pub(crate) fn start(source: gst_app::AppSrc, chain: &[gst::Element], path: &Path) -> Result<Self, MediaError> {
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(chain).map_err(|error| does_not_start(path, error.to_string()))?;
        gst::Element::link_many(chain).map_err(|error| does_not_start(path, error.to_string()))?;
        Self::run(pipeline, source, path)
    }

    /// Sets a pipeline going that is linked already, of which `source` is a part.
    pub(crate) fn run(pipeline: gst::Pipeline, source: gst_app::AppSrc, path: &Path) -> Result<Self, MediaError> {
        let broken = |detail: String| does_not_start(path, detail);
        let bus = pipeline.bus().ok_or_else(|| broken("it has no bus".to_owned()))?;
        let heard = pipeline.clone();
        let listener = std::thread::Builder::new()
            .name("media bus".to_owned())
            .spawn(move || listen(&heard, &bus))
            .map_err(|error| broken(error.to_string()))?;
        let mut graph = Self { pipeline, source, listener: Some(listener) };
        match graph.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(graph),
            Err(error) => Err(graph.failure(path, &error.to_string())),
        }
    }

    /// Hands over a frame, waiting for room.
    pub(crate) fn push(&mut self, buffer: gst::Buffer, path: &Path) -> Result<(), MediaError> {
        if self.listener.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(self.failure(path, "it has ended"));
        }
        self.source.push_buffer(buffer).map(drop).map_err(|error| self.failure(path, &error.to_string()))
    }

    /// Waits until everything is on disk.
    pub(crate) fn finish(&mut self, path: &Path) -> Result<(), MediaError> {
        if let Err(error) = self.source.end_of_stream() {
            return Err(self.failure(path, &error.to_string()));
        }
        match self.listener.take().map(JoinHandle::join) {
            Some(Ok(Ending::Complete)) => {}
            Some(Ok(Ending::Failed(error, debug))) => return Err(sorted(path, &error, debug)),
            _ => return Err(self.failure(path, "it has ended")),
        }
        // Closes the file.
        self.pipeline.set_state(gst::State::Null).map(drop).map_err(|error| self.failure(path, &error.to_string()))
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> &gst_app::AppSrc {
        &self.source
    }

    /// Why the graph failed: what the bus says, else `otherwise`.
    fn failure(&mut self, path: &Path, otherwise: &str) -> MediaError {
        match self.dismiss() {
            Some(Ending::Failed(error, debug)) => sorted(path, &error, debug),
            _ => MediaError::Media {
                path: path.to_owned(),
                action: "encoding",
                message: "the encoder takes no more frames".to_owned(),
                detail: otherwise.to_owned(),
            },
        }
    }

    /// Ends the listener, unless it has ended by itself, and the graph.
    fn dismiss(&mut self) -> Option<Ending> {
        let ending = self.listener.take().and_then(|listener| {
            // It hears everything that was said before.
            let farewell = gst::message::Application::new(gst::Structure::new_empty("dismissed"));
            if !listener.is_finished() {
                let _ = self.pipeline.post_message(farewell);
            }
            listener.join().ok()
        });
        let _ = self.pipeline.set_state(gst::State::Null);
        ending
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// Where buffers of these caps are handed over, each with its time; whoever does waits for room.
pub(crate) fn entrance(path: &Path, caps: Option<&gst::Caps>) -> Result<gst_app::AppSrc, MediaError> {
    let source = elements::APPSRC.make(path)?;
    let source = source.downcast::<gst_app::AppSrc>().map_err(|_| elements::APPSRC.missing(path))?;
    source.set_caps(caps);
    source.set_format(gst::Format::Time);
    source.set_block(true);
    Ok(source)
}

pub(crate) fn does_not_start(path: &Path, detail: String) -> MediaError {
    MediaError::Media {
        path: path.to_owned(),
        action: "starting the encoder",
        message: "the media graph does not start".to_owned(),
        detail,
    }
}

fn listen(pipeline: &gst::Pipeline, bus: &gst::Bus) -> Ending {
    use gst::MessageType::{Application, Eos, Error};
    loop {
        let Some(message) = bus.timed_pop_filtered(gst::ClockTime::NONE, &[Application, Eos, Error]) else {
            continue;
        };
        match message.view() {
            gst::MessageView::Eos(_) => return Ending::Complete,
            gst::MessageView::Error(error) => {
                let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
                let ending = Ending::Failed(error.error(), debug);
                let _ = pipeline.set_state(gst::State::Null);
                return ending;
            }
            _ => return Ending::Dismissed,
        }
    }
}

/// Sorts an error from the bus.
pub(crate) fn sorted(path: &Path, error: &gst::glib::Error, debug: String) -> MediaError {
    let path = path.to_owned();
    let says = |part: &str| debug.contains(part);
    let full = error.matches(gst::ResourceError::NoSpaceLeft)
        || ["No space left on device", "Disk quota exceeded", "File too large"].into_iter().any(says);
    if full {
        return MediaError::DiskFull { path, detail: debug };
    }
    MediaError::Media { path, action: "encoding", message: error.message().to_owned(), detail: debug }
}
