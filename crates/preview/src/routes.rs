//! Every address that is answered. None of them names a file of the host.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};

use crate::guard::guard;
use crate::site::Site;
use crate::{metrics, socket};

/// Path, type and content of the page's files.
#[rustfmt::skip]
const FILES: [(&str, &str, &[u8]); 9] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_bytes!("../page/page.css")),
    ("/main.js", "text/javascript; charset=utf-8", include_bytes!("../page/main.js")),
    ("/link.js", "text/javascript; charset=utf-8", include_bytes!("../page/link.js")),
    ("/curves.js", "text/javascript; charset=utf-8", include_bytes!("../page/curves.js")),
    ("/sliders.js", "text/javascript; charset=utf-8", include_bytes!("../page/sliders.js")),
    ("/numbers.js", "text/javascript; charset=utf-8", include_bytes!("../page/numbers.js")),
    ("/icon.svg", "image/svg+xml", include_bytes!("../page/icon.svg")),
    ("/favicon.ico", "image/svg+xml", include_bytes!("../page/icon.svg")),
];

pub(crate) fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new().route("/metrics", get(metrics_text));
    if site.hub.is_some() {
        router = router.route("/socket", get(open_socket));
        for (path, kind, content) in FILES {
            router = router.route(path, file(kind, content));
        }
    }
    router
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing at this address\nhint: open /\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&site), guard))
        .with_state(site)
}

fn file(kind: &'static str, content: &'static [u8]) -> MethodRouter<Arc<Site>> {
    get(move || async move { ([(header::CONTENT_TYPE, kind)], content) })
}

async fn metrics_text(State(site): State<Arc<Site>>) -> Response {
    match metrics::text(&site.status(), site.own_leg()) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::warn!(%error, "metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response()
        }
    }
}

async fn open_socket(State(site): State<Arc<Site>>, upgrade: WebSocketUpgrade) -> Response {
    let bytes = site.limits.message_bytes;
    upgrade
        .max_message_size(bytes)
        .max_frame_size(bytes)
        .write_buffer_size(0)
        .on_upgrade(move |socket| socket::serve(socket, site))
}
