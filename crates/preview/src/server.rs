//! The thread that listens, and how it ends.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::hub::Hub;
use crate::limits::Limits;
use crate::routes::router;
use crate::site::{Door, Site};
use crate::{PreviewAddress, PreviewError};

/// How long connections may take to end by themselves.
const GRACE: Duration = Duration::from_millis(500);
/// Room for a request's header.
const HEADER_BYTES: usize = 16 << 10;

/// A server on a thread of its own; dropping it ends both.
pub(crate) struct Server {
    pub site: Arc<Site>,
    url: String,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn open(address: &PreviewAddress, hub: Option<Arc<Hub>>, limits: Limits) -> Result<Self, PreviewError> {
        let (listener, token) = address.listen()?;
        let bound = listener.local_addr().map_err(PreviewError::system("the system does not tell the port"))?;
        let port = bound.port();
        let path = if hub.is_some() { "/" } else { "/metrics" };
        let url = address.url(bound, path, token.as_ref());
        let door = Door { token, cookie: format!("moue_{port}"), name: address.name(port) };
        let (end, ending) = watch::channel(false);
        let site = Arc::new(Site::new(hub, door, limits, ending));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(PreviewError::system("the server cannot be started"))?;
        let serving = Arc::clone(&site);
        let thread = std::thread::Builder::new()
            .name("preview".to_owned())
            .spawn(move || run(&runtime, listener, &serving))
            .map_err(PreviewError::system("there is no thread for the server"))?;
        Ok(Self { site, url, end, thread: Some(thread) })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Closes what is open and ends the thread.
    pub(crate) fn end(&mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the preview's server panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(runtime: &Runtime, listener: TcpListener, site: &Arc<Site>) {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the preview cannot listen"),
        };
        let mut connections = JoinSet::new();
        accept(listener, site, &mut connections).await;
        let ended = async {
            while connections.join_next().await.is_some() {}
            while site.open_pages() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // What does not end by itself is cut when the runtime goes.
        let _ = tokio::time::timeout(GRACE, ended).await;
    });
}

/// Takes connections until the server ends.
async fn accept(listener: tokio::net::TcpListener, site: &Arc<Site>, connections: &mut JoinSet<()>) {
    let router = router(Arc::clone(site));
    let room = Arc::new(Semaphore::new(site.limits.connections));
    loop {
        let accepted = tokio::select! {
            () = site.ended() => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match Arc::clone(&room).try_acquire_owned() {
                Ok(permit) => {
                    connections.spawn(connection(stream, router.clone(), Arc::clone(site), permit));
                }
                Err(_) => refuse(&stream),
            },
            Err(error) => {
                // Out of descriptors, mostly: others may close theirs.
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// There are too many connections. Who does not listen is not waited for.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
}

/// Serves a connection until it closes, becomes a page, or has had its time: who asks and takes no answers would keep
/// its place for ever.
async fn connection(stream: TcpStream, router: Router, site: Arc<Site>, _permit: OwnedSemaphorePermit) {
    // Small messages go out at once; where the system refuses that, they come a little later.
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.limits.header_wait)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(served);
    let result = tokio::select! {
        result = &mut served => Ok(result),
        () = site.ended() => Err(()),
        () = tokio::time::sleep(site.limits.silence) => Err(()),
    };
    let result = match result {
        Ok(result) => result,
        Err(()) => {
            served.as_mut().graceful_shutdown();
            // What does not end by itself is cut when it is dropped.
            tokio::time::timeout(GRACE, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection");
    }
}
