//! A film in a bucket: a real server of the S3 protocol on the loopback, and a way to it that can be in trouble.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

use crate::harness::{Bench, Ran};

const KEY: &str = "AKIAFARMTEST";
const SECRET: &str = "nobody-may-read-this-9f3a";
const BUCKET: &str = "films";
const PLAN: &str = "s3://films/one/plan.json";

/// A server with one bucket. Its thread ends with the tests.
struct Server {
    address: SocketAddr,
    root: PathBuf,
}

impl Server {
    fn start(bench: &Bench) -> Self {
        let root = bench.path("server");
        fs::create_dir_all(root.join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&root).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let service = service.clone();
                    tokio::spawn(async move {
                        let server = Builder::new(TokioExecutor::new());
                        // Clients that go away are their own affair.
                        let _ = server.serve_connection(TokioIo::new(socket), service).await;
                    });
                }
            });
        });
        Self { address, root }
    }

    /// Names below a part of the plan's results, as the server keeps them.
    fn names(&self, under: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.root.join(BUCKET).join("one").join(under)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { folders.push(entry) } else { names.push(entry.display().to_string()) }
            }
        }
        names
    }
}

/// What becomes of what is sent to a server.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// It arrives, and nothing ever comes back.
    Silent,
    /// Every connection breaks after so many bytes.
    Breaks(u64),
}

/// A way to a server that is in trouble.
fn way(to: SocketAddr, way: Way) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, broken) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let counted = broken.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(to).unwrap();
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let broken = counted.clone();
            std::thread::spawn(move || {
                let (mut server, mut sent, mut block) = (server, 0u64, [0; 4096]);
                while let Ok(count @ 1..) = up.read(&mut block) {
                    sent += count as u64;
                    if matches!(way, Way::Breaks(most) if sent > most) {
                        broken.fetch_add(1, Ordering::Relaxed);
                        let _ = (up.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
                        return;
                    }
                    if way != Way::Silent && server.write_all(&block[..count]).is_err() {
                        return;
                    }
                }
                let _ = server.shutdown(Shutdown::Write);
            });
            let mut client = client;
            std::thread::spawn(move || std::io::copy(&mut down, &mut client));
        }
    });
    (address, broken)
}

fn studio() -> Bench {
    let bench = Bench::new();
    bench.write(
        "board.yaml",
        b"moue: 1\noutput: {size: 64x64, fps: 10}\ncast: {ada: me.png}\nshots:\n- {length: 0.8s, beats: at 0.4s to fear}\n\
          - {length: 0.5s, motion: motion.csv}\n",
    );
    bench
}

/// The program with the environment in which a provider has it.
fn run_at(bench: &Bench, server: SocketAddr, secret: &str, arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_REGION", "us-east-1");
    command.env("AWS_ENDPOINT", format!("http://{server}")).env("AWS_ALLOW_HTTP", "true");
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let ran = Ran::of(&mut command);
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET), "{ran:?}");
    ran
}

fn plan_in(bench: &Bench, server: &Server) -> u64 {
    let plan = ["farm", "plan", "board.yaml", "-o", PLAN, "--frames-per-task", "1", "--no-sample", "--json"];
    run_at(bench, server.address, SECRET, &plan).succeeded().json()["tasks"].as_u64().unwrap()
}

fn task_at(bench: &Bench, server: SocketAddr, secret: &str, index: u64) -> Ran {
    run_at(bench, server, secret, &["farm", "task", PLAN, "--index", &index.to_string(), "--patience", "3"])
}

#[test]
fn a_film_is_made_in_a_bucket_and_nobody_reads_the_credentials() {
    let bench = studio();
    let server = Server::start(&bench);
    bench.run(&["storyboard", "board.yaml", "-o", "alone.mp4"]).succeeded();
    let tasks = plan_in(&bench, &server);
    assert_eq!(tasks, 2);
    // Where the machines of the farm are, there is nothing but the bucket.
    for name in ["board.yaml", "me.png", "motion.csv"] {
        fs::remove_file(bench.path(name)).unwrap();
    }
    for index in 0..tasks {
        task_at(&bench, server.address, SECRET, index).succeeded();
    }
    let status = run_at(&bench, server.address, SECRET, &["farm", "status", PLAN, "--json", "--verify"]);
    assert_eq!((&status.json()["done"], &status.json()["missing"]), (&2.into(), &serde_json::json!([])));
    run_at(&bench, server.address, SECRET, &["farm", "join", PLAN, "-o", "film.mp4"]).succeeded();
    assert_eq!(fs::read(bench.path("film.mp4")).unwrap(), fs::read(bench.path("alone.mp4")).unwrap());
    // Neither plan nor receipts hold a word of them.
    for name in server.names("") {
        let bytes = fs::read(&name).unwrap();
        let has = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(!has(SECRET) && !has(KEY), "{name}");
    }
    let address = format!("s3://{KEY}:{SECRET}@films/one/plan.json");
    let refused = run_at(&bench, server.address, SECRET, &["farm", "status", &address]);
    refused.failed(2, &["***@films", "a user, a password or a signature", "hint: "]);
}

#[test]
fn wrong_credentials_and_missing_buckets_are_given_up_at_once() {
    let bench = studio();
    let server = Server::start(&bench);
    plan_in(&bench, &server);
    task_at(&bench, server.address, "a-wrong-one", 0).failed(65, &["does not let these credentials in", "AWS_SECRET"]);
    let plan = ["farm", "plan", "board.yaml", "-o", "s3://nowhere/plan.json", "--no-sample"];
    run_at(&bench, server.address, SECRET, &plan).failed(1, &["s3://nowhere", "no such bucket", "hint: "]);
    let task = ["farm", "task", "s3://nowhere/plan.json", "--index", "0"];
    run_at(&bench, server.address, SECRET, &task).failed(65, &["no such bucket"]);
    let task = ["farm", "task", "s3://films/other/plan.json", "--index", "0"];
    run_at(&bench, server.address, SECRET, &task).failed(65, &["there is no plan"]);
}

#[test]
fn a_server_that_says_nothing_is_tried_again_later() {
    let bench = studio();
    let server = Server::start(&bench);
    plan_in(&bench, &server);
    let (silent, _) = way(server.address, Way::Silent);
    task_at(&bench, silent, SECRET, 0).failed(75, &["plan.json", "try again"]);
    assert!(server.names("plan.farm/receipts").is_empty());
}

#[test]
fn an_upload_that_breaks_leaves_nothing_that_looks_finished() {
    let bench = studio();
    // Large enough that it is under way when the connection breaks.
    bench.write(
        "board.yaml",
        b"moue: 1\noutput: {size: 192x192, fps: 10}\ncast: {ada: me.png}\nshots:\n- {length: 2s, beats: at 1s to fear}\n",
    );
    let server = Server::start(&bench);
    assert_eq!(plan_in(&bench, &server), 1);
    let (breaking, broken) = way(server.address, Way::Breaks(9_000));
    task_at(&bench, breaking, SECRET, 0).failed(75, &["writing failed", "what is finished is kept, so try again"]);
    assert!(broken.load(Ordering::Relaxed) >= 2, "it was tried again");
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.names("plan.farm/receipts").is_empty());
    let pieces = |server: &Server| {
        server.names("plan.farm/pieces").into_iter().filter(|name| name.ends_with(".mkv")).collect::<Vec<_>>()
    };
    assert!(pieces(&server).is_empty(), "{:?}", pieces(&server));
    task_at(&bench, server.address, SECRET, 0).succeeded();
    assert_eq!(pieces(&server).len(), 1);
    run_at(&bench, server.address, SECRET, &["farm", "join", PLAN, "-o", "film.mp4"]).succeeded();
}
