//! The handles of a program.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Receiver;
use image::RgbImage;

use crate::hub::Hub;
use crate::limits::Limits;
use crate::poser::PoseRenderer;
use crate::scene::{Command, Scene, Shown};
use crate::server::Server;
use crate::status::{LegStatus, Status};
use crate::{PreviewAddress, PreviewError};

/// Commands that wait for the run. A person presses no more buttons before it listens.
const WAITING_COMMANDS: usize = 32;

/// A page in the browser that shows what is rendered.
///
/// Dropping it closes its pages and ends its threads, within a second; a pose that is being drawn is waited for.
pub struct Preview {
    server: Server,
    hub: Arc<Hub>,
    threads: Vec<JoinHandle<()>>,
    commands: Receiver<Command>,
}

impl Preview {
    /// Opens the page. `pose` draws an expression that a person tries; without it there are no sliders. It is called on
    /// a thread of the preview's own.
    ///
    /// # Errors
    /// A port that is taken or not ours; a scene that cannot be shown; a system without threads or sockets to spare.
    pub fn open(address: &PreviewAddress, scene: Scene, pose: Option<PoseRenderer>) -> Result<Self, PreviewError> {
        Self::open_with(address, scene, pose, Limits::default())
    }

    /// Opens the page with limits of one's own.
    ///
    /// # Errors
    /// As [`Preview::open`].
    pub fn open_with(
        address: &PreviewAddress,
        scene: Scene,
        pose: Option<PoseRenderer>,
        limits: Limits,
    ) -> Result<Self, PreviewError> {
        scene.check()?;
        let (sender, commands) = crossbeam_channel::bounded(WAITING_COMMANDS);
        let hub = Arc::new(Hub::new(&scene, pose, sender));
        let server = Server::open(address, Some(Arc::clone(&hub)), limits)?;
        // From here on, dropping what there is ends what was begun.
        let mut preview = Self { server, hub, threads: Vec::new(), commands };
        let hub = Arc::clone(&preview.hub);
        preview.spawn("preview-jpeg", move || hub.film.encode())?;
        if preview.hub.poser.is_some() {
            let hub = Arc::clone(&preview.hub);
            preview.spawn("preview-pose", move || {
                if let Some(poser) = &hub.poser {
                    poser.run();
                }
            })?;
        }
        Ok(preview)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), PreviewError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(PreviewError::system("there is no thread for the preview"))?);
        Ok(())
    }

    /// The address to open in a browser, with the token where there is one. A server on all addresses (`0.0.0.0`) names
    /// the loopback: from elsewhere, this machine's name stands in its place.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Shows a frame. This never waits: the frame takes the place of the newest one, and pages that are slow leave
    /// frames out. Frames are of the scene's size.
    pub fn show(&self, frame: &Arc<RgbImage>, shown: Shown) {
        self.hub.film.show(frame, &shown);
    }

    /// How the run is going, for the page and `/metrics`.
    pub fn status(&self, status: Status) {
        self.server.site.set_status(status);
    }

    /// What people ask for on the page. It can be cloned; each command comes out once.
    pub fn commands(&self) -> &Receiver<Command> {
        &self.commands
    }

    /// How often the page was opened.
    pub fn opened(&self) -> u64 {
        self.hub.opened()
    }

    /// The page itself as an output, which the page and `/metrics` show beside those of the [`Status`].
    pub fn leg(&self) -> LegStatus {
        self.server.site.own_leg().unwrap_or_default()
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        // Pages are told first, and need not wait for a pose that takes its time.
        self.server.end();
        self.hub.film.end();
        if let Some(poser) = &self.hub.poser {
            poser.end();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::warn!("a thread of the preview panicked");
            }
        }
    }
}

/// `/metrics` alone, without a page.
///
/// Dropping it ends its thread, within a second.
pub struct MetricsServer {
    server: Server,
}

impl MetricsServer {
    /// Opens it. Where it has a token, it is given as `?token=TOKEN` or as `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// A port that is taken or not ours; a system without threads or sockets to spare.
    pub fn open(address: &PreviewAddress) -> Result<Self, PreviewError> {
        Ok(Self { server: Server::open(address, None, Limits::default())? })
    }

    /// The address to read, with the token where there is one.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// How the run is going.
    pub fn status(&self, status: Status) {
        self.server.site.set_status(status);
    }
}
