//! A page that is open: what it is sent, and what it asks for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::film::Encoded;
use crate::hub::Hub;
use crate::limits::Bucket;
use crate::messages::{Asked, Kind, Told, binary};
use crate::pose::{Pose, check_name};
use crate::poser::{Answers, Drawn};
use crate::site::Site;

/// Frames that are on their way to a page at most. One would leave the page idle while its answer comes back.
const MAX_UNSEEN: usize = 2;
/// How often the state of the run is told.
const STATUS_EVERY: Duration = Duration::from_millis(200);
/// How often a page is asked whether it is still there, in statuses.
const STATUSES_PER_PING: u32 = 50;

/// Why a connection ends; none where the other side closed it.
type End = Option<(u16, &'static str)>;

/// Serves a page until it goes, misbehaves, or the server ends.
pub(crate) async fn serve(mut socket: WebSocket, site: Arc<Site>) {
    let Some(hub) = site.hub.clone() else { return };
    let Some(_admitted) = site.admit() else {
        return close(&mut socket, close_code::AGAIN, "too many pages are open").await;
    };
    let mut page = Page::new(socket, Arc::clone(&site), hub);
    let end = tokio::select! {
        end = page.run() => end,
        () = site.ended() => Some((close_code::AWAY, "the run has ended")),
    };
    if let Some((code, reason)) = end {
        tracing::debug!(code, reason, "page");
        close(&mut page.socket, code, reason).await;
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // Who does not take it is cut off anyway.
    let _ = timeout(Duration::from_millis(200), socket.send(Message::Close(Some(frame)))).await;
}

struct Page {
    socket: WebSocket,
    site: Arc<Site>,
    hub: Arc<Hub>,
    number: u64,
    frames: watch::Receiver<Option<Arc<Encoded>>>,
    answers: Arc<Answers>,
    /// Sequence of the frame that was sent last.
    sent: u32,
    /// Frames that were sent and not yet shown: sequence and when they were rendered.
    unseen: VecDeque<(u32, Instant)>,
    shows_film: bool,
    allowance: Bucket,
    heard_at: Instant,
}

impl Page {
    fn new(socket: WebSocket, site: Arc<Site>, hub: Arc<Hub>) -> Self {
        let now = Instant::now();
        hub.film.change_audience(|pages, watching| {
            *pages += 1;
            *watching += 1;
        });
        let per_second = site.limits.messages_per_second;
        Self {
            socket,
            number: hub.new_page(),
            frames: hub.film.subscribe(),
            answers: Arc::new(watch::Sender::new(None)),
            sent: 0,
            unseen: VecDeque::new(),
            shows_film: true,
            allowance: Bucket::new(per_second, per_second * 2.0, now),
            heard_at: now,
            site,
            hub,
        }
    }

    async fn run(&mut self) -> End {
        let scene = self.hub.scene_text.clone();
        if let Err(end) = self.send(Message::Text(scene.into())).await {
            return end;
        }
        let mut answers = self.answers.subscribe();
        let mut statuses = interval(STATUS_EVERY);
        statuses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = 0;
        loop {
            let may_send = self.unseen.len() < MAX_UNSEEN;
            let step = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "page");
                        Err(Some((close_code::POLICY, "a message that is too large or broken")))
                    }
                    None => Err(None),
                },
                Ok(()) = self.frames.changed(), if may_send => self.send_frame().await,
                Ok(()) = answers.changed() => {
                    let drawn = answers.borrow_and_update().clone();
                    self.send_drawn(drawn).await
                }
                _ = statuses.tick() => {
                    told += 1;
                    self.send_status(told).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.site.limits.silence, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some((close_code::AWAY, "the page takes nothing"))),
        }
    }

    async fn tell(&mut self, told: Told<'_>) -> Result<(), End> {
        self.send(Message::Text(told.text().into())).await
    }

    async fn send_frame(&mut self) -> Result<(), End> {
        let Some(frame) = self.frames.borrow_and_update().clone() else { return Ok(()) };
        let jpeg = if self.shows_film { frame.jpeg.as_ref() } else { None };
        if self.shows_film && jpeg.is_none() {
            // It is encoded in a moment.
            return Ok(());
        }
        // A frame that is sent once more, with its picture now, has its own row again.
        let after = if self.sent == frame.sequence { frame.sequence.wrapping_sub(1) } else { self.sent };
        let rows = self.hub.film.rows(after, frame.sequence);
        let message = binary(Kind::Film, frame.sequence, &rows, jpeg.map_or(&[], |jpeg| jpeg));
        self.sent = frame.sequence;
        self.unseen.push_back((frame.sequence, frame.rendered_at));
        self.hub.film.count_bytes(message.len());
        self.send(Message::Binary(message)).await
    }

    async fn send_drawn(&mut self, drawn: Option<Drawn>) -> Result<(), End> {
        match drawn {
            Some(Drawn::Picture(message)) => self.send(Message::Binary(message)).await,
            Some(Drawn::Failed { id, message }) => self.tell(Told::Refused { id: Some(id), message }).await,
            None => Ok(()),
        }
    }

    async fn send_status(&mut self, told: u32) -> Result<(), End> {
        if self.heard_at.elapsed() > self.site.limits.silence {
            return Err(Some((close_code::AWAY, "the page says nothing")));
        }
        if told.is_multiple_of(STATUSES_PER_PING) {
            // Browsers answer by themselves, those with the page in the background too.
            self.send(Message::Ping(Bytes::new())).await?;
        }
        let status = self.site.status();
        let Some(preview) = self.site.own_leg() else { return Ok(()) };
        self.tell(Told::Status { status: &status, preview }).await
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        let now = Instant::now();
        self.heard_at = now;
        if !self.allowance.take(now) || !self.site.takes_message() {
            return Err(Some((close_code::POLICY, "too many messages")));
        }
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(asked) => self.answer(asked, now).await,
                Err(error) => {
                    tracing::debug!(%error, "page");
                    Err(Some((close_code::POLICY, "a message that is not understood")))
                }
            },
            Message::Binary(_) => Err(Some((close_code::UNSUPPORTED, "binary messages are not understood"))),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    async fn answer(&mut self, asked: Asked, now: Instant) -> Result<(), End> {
        match asked {
            Asked::Shown { sequence } => {
                self.seen(sequence, now);
                Ok(())
            }
            Asked::Echo { at } => {
                let server = now.saturating_duration_since(self.hub.began).as_secs_f64() * 1e3;
                self.tell(Told::Echo { at, server }).await
            }
            Asked::Watch { film } => {
                self.watch(film);
                Ok(())
            }
            Asked::Pose { id, name, values } => {
                let values = values.iter().map(|(name, value)| (name.as_str(), *value));
                let told = match Pose::new(values) {
                    Ok(pose) => self.pose(id, &name, pose),
                    Err(unknown) => {
                        let message = format!("there is no channel '{}'", unknown.escape_debug());
                        Told::Refused { id: Some(id), message }
                    }
                };
                self.tell(told).await
            }
            Asked::Command { command } => match self.hub.command(command.into()) {
                Ok(()) => Ok(()),
                Err(message) => self.tell(Told::Refused { id: None, message: message.to_owned() }).await,
            },
        }
    }

    /// A frame has been shown, and with it all that were sent before.
    fn seen(&mut self, sequence: u32, now: Instant) {
        let Some(index) = self.unseen.iter().position(|(sent, _)| *sent == sequence) else { return };
        let shown = self.unseen.drain(..=index).next_back();
        if let Some((_, rendered_at)) = shown
            && self.shows_film
        {
            self.hub.seen(rendered_at, now);
        }
    }

    fn watch(&mut self, film: bool) {
        if film == self.shows_film {
            return;
        }
        self.shows_film = film;
        self.hub.film.change_audience(|_, watching| if film { *watching += 1 } else { *watching -= 1 });
        if film {
            // The newest frame may have been sent without its picture.
            self.frames.mark_changed();
        }
    }

    /// Has a pose drawn, and tells how a storyboard writes it.
    fn pose(&mut self, id: u32, name: &str, pose: Pose) -> Told<'static> {
        let yaml = check_name(name).map(|()| pose.yaml(name));
        match &self.hub.poser {
            Some(poser) => poser.wish(self.number, id, pose, &self.answers),
            None => return Told::Refused { id: Some(id), message: "this renderer draws no single poses".to_owned() },
        }
        match yaml {
            Ok(yaml) => Told::Yaml { id, yaml },
            Err(message) => Told::Refused { id: None, message: message.to_owned() },
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let shows_film = self.shows_film;
        self.hub.film.change_audience(|pages, watching| {
            *pages -= 1;
            *watching -= usize::from(shows_film);
        });
        if let Some(poser) = &self.hub.poser {
            poser.forget(self.number);
        }
    }
}
