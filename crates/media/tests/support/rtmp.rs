//! A real RTMP server on the loopback: nginx with its RTMP module, of which each test has its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The server, which may be down. Its application `live` records what it gets, `plain` does not, `closed` takes nothing.
pub struct Server {
    folder: TempDir,
    host: &'static str,
    port: u16,
    http: u16,
    process: Option<Child>,
}

impl Server {
    /// It has a port, and does not run yet.
    pub fn down() -> Self {
        Self::at_address("127.0.0.1", free_port())
    }

    /// Another one, with the same port at another address.
    pub fn beside(other: &Self) -> Self {
        let mut server = Self::at_address("127.0.0.2", other.port);
        server.start();
        server
    }

    fn at_address(host: &'static str, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let http = free_port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(folder.path().join("recorded")).unwrap();
        let configuration = format!(
            "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off; master_process off; worker_processes 1; pid {pid}; error_log {log} info;
            events {{ worker_connections 64; }}
            rtmp {{ server {{
                listen {host}:{port};
                application live {{ live on; record all; record_path {recorded}; record_unique on; }}
                application plain {{ live on; }}
                application closed {{ live on; deny publish all; }}
            }} }}
            http {{
                access_log off; client_body_temp_path {temp}; proxy_temp_path {temp}; fastcgi_temp_path {temp};
                uwsgi_temp_path {temp}; scgi_temp_path {temp};
                server {{ listen 127.0.0.1:{http}; location /control {{ rtmp_control all; }} }}
            }}",
            pid = at("pid"),
            log = at("log"),
            recorded = at("recorded"),
            temp = at("temp"),
        );
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        Self { folder, host, port, http, process: None }
    }

    pub fn up() -> Self {
        let mut server = Self::down();
        server.start();
        server
    }

    pub fn start(&mut self) {
        assert!(self.process.is_none());
        let mut command = Command::new("nginx");
        command.arg("-p").arg(self.folder.path()).arg("-c").arg(self.at("nginx.conf"));
        command.arg("-e").arg(self.at("log")).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("nginx runs; scripts/setup.sh test installs it"));
        wait_for("starting nginx", || {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none(), "{}", fs::read_to_string(self.at("log")).unwrap_or_default());
            TcpStream::connect((self.host, self.port)).is_ok()
        });
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// With SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// `STOP` freezes it, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub fn address(&self, application: &str) -> String {
        format!("rtmp://{}:{}/{application}/key", self.host, self.port)
    }

    /// Throws out everyone who publishes there.
    pub fn drop_publisher(&self, application: &str) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.http)).unwrap();
        let request = format!("GET /control/drop/publisher?app={application} HTTP/1.0\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// What was recorded, one file per session, the oldest first.
    pub fn recordings(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at("recorded")).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
