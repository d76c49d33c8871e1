//! A hub on this machine, with a storage behind it and the faults that networks have.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use moue_models::ModelFile;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How long a silent server is silent. Nobody waits for its end.
pub const SILENCE: Duration = Duration::from_secs(20);

/// What goes wrong with the next download of a content; each happens once.
#[derive(Clone, Copy)]
pub enum Fault {
    /// The connection ends after so many bytes.
    Cut(usize),
    /// After so many bytes nothing more comes, although the connection stays.
    Silence(usize),
    /// The whole comes, whatever was asked for, and ends after so many bytes.
    WholeCut(usize),
    /// Another status.
    Status(u16),
    /// A page of so many bytes.
    Page(usize),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, File>,
    storage: HashMap<String, Vec<u8>>,
    faults: Vec<Fault>,
    refusal: Option<u16>,
    requests: Vec<Request>,
    is_closed: bool,
    /// A download waits for this.
    is_held: bool,
}

#[derive(Clone)]
struct File {
    content: Vec<u8>,
    is_large: bool,
}

/// The server. It ends when it is dropped.
pub struct Hub {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if served.0.lock().unwrap().is_closed {
                    break;
                }
                let (stream, shared) = (stream.unwrap(), Arc::clone(&served));
                // A client that goes away is not this server's trouble.
                thread::spawn(move || drop(serve(&stream, port, &shared)));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A file as the hub keeps it: the large ones in the storage.
    pub fn put(&self, file: ModelFile, content: &[u8], is_large: bool) {
        let mut state = self.shared.0.lock().unwrap();
        let path = format!("/{}/resolve/main/{}", file.repository(), file.hub_path());
        state.storage.insert(hex(content), content.to_vec());
        state.files.insert(path, File { content: content.to_vec(), is_large });
    }

    /// What the storage gives out for a content that it announces as another.
    pub fn tamper(&self, content: &[u8], with: &[u8]) {
        self.shared.0.lock().unwrap().storage.insert(hex(content), with.to_vec());
    }

    /// The next downloads meet these, one each.
    pub fn faults(&self, faults: &[Fault]) {
        self.shared.0.lock().unwrap().faults = faults.to_vec();
    }

    /// All questions are answered with this status.
    pub fn refuse(&self, status: Option<u16>) {
        self.shared.0.lock().unwrap().refusal = status;
    }

    /// Downloads do not begin while this is set.
    pub fn hold(&self, is_held: bool) {
        self.shared.0.lock().unwrap().is_held = is_held;
        self.shared.1.notify_all();
    }

    pub fn requests(&self) -> Vec<Request> {
        self.shared.0.lock().unwrap().requests.clone()
    }

    /// The requests for contents, small or large; a large one is asked for at the hub and then at the storage.
    pub fn downloads(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.method == "GET").collect()
    }

    pub fn forget_requests(&self) {
        self.shared.0.lock().unwrap().requests.clear();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.0.lock().unwrap().is_closed = true;
        self.hold(false);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(mut stream: &TcpStream, port: u16, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let request = read(stream)?;
    let (file, refusal) = {
        let mut state = shared.0.lock().unwrap();
        state.requests.push(request.clone());
        (state.files.get(&request.path).cloned(), state.refusal)
    };
    let head = |stream: &mut &TcpStream, status: u16, headers: &str| {
        write!(stream, "HTTP/1.1 {status} Whatever\r\nConnection: close\r\n{headers}\r\n")
    };
    let is_head = request.method == "HEAD";

    if let Some(hash) = request.path.strip_prefix("/storage/") {
        let content = shared.0.lock().unwrap().storage[hash].clone();
        return download(stream, &request, shared, &content, "");
    }
    if let Some(status) = refusal {
        return head(&mut stream, status, "Content-Length: 0\r\n");
    }
    let Some(File { content, is_large }) = file else { return head(&mut stream, 404, "Content-Length: 0\r\n") };
    let commit = format!("X-Repo-Commit: {COMMIT}\r\n");
    if is_large {
        let (hash, size) = (hex(&content), content.len());
        // By another name of this machine: to a client, another host.
        let linked = format!("X-Linked-ETag: \"{hash}\"\r\nX-Linked-Size: {size}\r\nETag: \"of-the-redirect\"\r\n");
        let location = format!("Location: http://localhost:{port}/storage/{hash}\r\nContent-Length: 0\r\n");
        return head(&mut stream, 302, &(commit + &linked + &location));
    }
    // Git names a small file by a SHA-1; forty digits of another hash do as well.
    let named = commit + &format!("ETag: \"{}\"\r\n", &hex(&content)[..40]);
    if is_head {
        return head(&mut stream, 200, &format!("{named}Content-Length: {}\r\n", content.len()));
    }
    download(stream, &request, shared, &content, &named)
}

fn download(
    mut stream: &TcpStream,
    request: &Request,
    shared: &(Mutex<State>, Condvar),
    content: &[u8],
    headers: &str,
) -> std::io::Result<()> {
    let fault = {
        let state = shared.0.lock().unwrap();
        let mut state = shared.1.wait_while(state, |state| state.is_held).unwrap();
        if state.faults.is_empty() { None } else { Some(state.faults.remove(0)) }
    };
    let from = request.range.as_ref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from = from.filter(|_| !matches!(fault, Some(Fault::WholeCut(_))));
    let rest = &content[from.unwrap_or(0)..];
    let (status, range) = match from {
        Some(from) => (206, format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len())),
        None => (200, String::new()),
    };
    let (status, length) = match fault {
        Some(Fault::Status(status)) => (status, 0),
        Some(Fault::Page(length)) => (200, length),
        _ => (status, rest.len()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} Whatever\r\nConnection: close\r\n{headers}{range}Content-Length: {length}\r\n\r\n"
    )?;
    match fault {
        Some(Fault::Cut(length) | Fault::WholeCut(length)) => stream.write_all(&rest[..length])?,
        Some(Fault::Silence(length)) => {
            stream.write_all(&rest[..length])?;
            thread::sleep(SILENCE);
        }
        Some(Fault::Status(_)) => {}
        Some(Fault::Page(length)) => stream.write_all(&vec![b'<'; length])?,
        None => stream.write_all(rest)?,
    }
    Ok(())
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, range: None, token: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    Ok(request)
}

pub fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
