//! A film on Slurm: a real one, started here on the loopback with two nodes' worth of slots.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Bench, PROGRAM};

/// Longest time that anything may take here. A debug build on a busy machine is slow; hanging takes for ever.
const PATIENCE: Duration = Duration::from_secs(240);
const TICK: Duration = Duration::from_millis(20);
const PACKAGES: &str = "slurm-wlm and munge are packages, which `make test` installs";

/// Slurm's daemons and what authenticates them, in a folder of their own; they end with the value.
struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    fn start(folder: PathBuf) -> Self {
        for name in ["state", "log"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        // munge wants a key that nobody else reads, and a socket that everybody may find.
        permit(&folder, 0o755);
        let key: Vec<u8> = (0..128u8).map(|byte| byte.wrapping_mul(37) ^ std::process::id() as u8).collect();
        fs::write(folder.join("munge.key"), key).unwrap();
        permit(&folder.join("munge.key"), 0o600);
        let ask = |program: &str, arguments: &[&str]| {
            String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap().trim().to_owned()
        };
        let (host, user) = (ask("hostname", &["-s"]), ask("id", &["-un"]));
        let ports = free_ports();
        let at = folder.display();
        let nodes: String = (0..2)
            .map(|node| {
                let port = ports[node + 1];
                format!("NodeName=n{node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN\n")
            })
            .collect();
        // Without control groups and accounting, which a container may not have.
        let configuration = format!(
            "ClusterName=moue\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={port}\nAuthType=auth/munge\n\
             AuthInfo=socket={at}/munge.sock\nSlurmUser={user}\nSlurmdUser={user}\nStateSaveLocation={at}/state\n\
             SlurmdSpoolDir={at}/spool-%n\nSlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd-%n.pid\n\
             SlurmctldLogFile={at}/log/slurmctld.log\nSlurmdLogFile={at}/log/slurmd-%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
             SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=1\nMailProg=/bin/true\n\
             ReturnToService=2\nKillWait=5\n{nodes}PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
            port = ports[0],
        );
        fs::write(folder.join("slurm.conf"), configuration).unwrap();
        let mut cluster = Self { folder, daemons: Vec::new() };
        let munge = ["--foreground", "--force", "--key-file", "munge.key", "--socket", "munge.sock"];
        let more = ["--pid-file", "munged.pid", "--log-file", "log/munged.log", "--seed-file", "munge.seed"];
        cluster.daemon("munged", &[&munge[..], &more].concat());
        cluster.wait("munged's socket", |cluster| cluster.folder.join("munge.sock").exists());
        cluster.daemon("slurmctld", &["-D", "-f", "slurm.conf"]);
        for node in ["n0", "n1"] {
            cluster.daemon("slurmd", &["-D", "-N", node, "-f", "slurm.conf"]);
        }
        cluster.wait("two idle nodes", |cluster| {
            cluster.say("sinfo", &["-h", "-N", "-o", "%N %T"]).matches("idle").count() == 2
        });
        cluster
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) {
        let log = fs::File::create(self.folder.join(format!("log/{program}-{}.out", self.daemons.len()))).unwrap();
        // Names of files are as seen from the folder, but the daemons want whole ones.
        let is_file = |word: &&str| word.contains('.') && !word.starts_with('-');
        let whole =
            |word: &&str| if is_file(word) { self.folder.join(word).display().to_string() } else { (*word).to_owned() };
        let mut command = Command::new(program);
        // Debian puts daemons where not everybody looks for programs.
        command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
        command.args(arguments.iter().map(whole)).env("SLURM_CONF", self.folder.join("slurm.conf"));
        let started = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.daemons.push(started.unwrap_or_else(|error| panic!("{program}: {error}: {PACKAGES}")));
    }

    /// What one of Slurm's commands says; nothing where it fails.
    fn say(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        let output =
            command.args(arguments).env("SLURM_CONF", self.folder.join("slurm.conf")).output().expect(PACKAGES);
        if output.status.success() { String::from_utf8(output.stdout).unwrap() } else { String::new() }
    }

    fn wait(&self, what: &str, mut is_there: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_there(self) {
            assert!(began.elapsed() < PATIENCE, "no {what}: {}", self.logs());
            std::thread::sleep(TICK);
        }
    }

    fn logs(&self) -> String {
        let mut text = self.say("squeue", &["-r"]);
        for entry in fs::read_dir(self.folder.join("log")).unwrap().map(|entry| entry.unwrap().path()) {
            let log = fs::read_to_string(&entry).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            text += &format!("\n{}:\n{}", entry.display(), tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        text
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Those of jobs that are left, then the daemons, the first one last: it authenticates the others.
        self.say("scancel", &["--state=RUNNING"]);
        for daemon in self.daemons.iter_mut().rev() {
            let _ = Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status();
            let began = Instant::now();
            while daemon.try_wait().is_ok_and(|ended| ended.is_none()) && began.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(TICK);
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Three ports that are free now.
fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|port| port.local_addr().unwrap().port())
}

fn permit(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The process of a task of a plan in an array, if it is running now.
fn process_of(plan: &Path, index: u64) -> Option<u32> {
    let (plan, number) = (plan.display().to_string(), format!("SLURM_ARRAY_TASK_ID={index}"));
    let has = |path: PathBuf, word: &str| {
        fs::read(path).is_ok_and(|bytes| bytes.split(|byte| *byte == 0).any(|part| part == word.as_bytes()))
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.into_iter().find(|process: &u32| {
        let folder = PathBuf::from(format!("/proc/{process}"));
        has(folder.join("cmdline"), &plan)
            && has(folder.join("cmdline"), "task")
            && has(folder.join("environ"), &number)
    })
}

#[test]
fn slurm_makes_the_film_of_one_machine_whatever_is_killed_and_drained() {
    let bench = Bench::new();
    let expressions = ["surprise", "fear", "anger", "disgust", "delight", "smile"];
    let shots: String = (0..12)
        .map(|shot| format!("  - {{name: s{shot}, beats: at 0.2s to {}}}\n", expressions[shot % expressions.len()]))
        .collect();
    let board = format!(
        "moue: 1\noutput: {{size: 64x64, fps: 10}}\ncast: {{ada: me.png}}\ndefaults: {{length: 0.4s}}\nshots:\n{shots}"
    );
    bench.write("board.yaml", board.as_bytes());
    bench.run(&["storyboard", "board.yaml", "-o", "alone.mp4"]).succeeded();
    let planned = bench.run(&[
        "farm",
        "plan",
        "board.yaml",
        "-o",
        "plan.json",
        "--frames-per-task",
        "1",
        "--no-sample",
        "--json",
    ]);
    assert_eq!(planned.succeeded().json()["tasks"], 12);

    let cluster = Cluster::start(bench.path("slurm"));
    let plan = bench.path("plan.json");
    let (address, film) = (plan.display().to_string(), bench.path("film.mp4"));
    let submit = ["farm", "submit", &address, "--engine", "slurm", "-o", film.to_str().unwrap(), "--threads", "1"];
    let mut command = bench.command(&submit);
    command.args(["--program", PROGRAM]).env("SLURM_CONF", cluster.folder.join("slurm.conf"));
    let submitted = crate::harness::Ran::of(&mut command);
    assert!(submitted.succeeded().stderr.contains("film tasks 0 to 11"), "{}", submitted.stderr);

    // One task is killed in the middle, so hard that it cannot say anything.
    let mut victim = None;
    cluster.wait("task to kill", |_| {
        victim = process_of(&plan, 5);
        victim.is_some_and(|process| {
            Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status().unwrap().success()
        })
    });
    // One node is drained: it gets no more tasks.
    let drained = cluster.say("scontrol", &["update", "nodename=n1", "state=drain", "reason=test"]);
    assert_eq!(drained, "");
    let mut was_requeued = false;
    cluster.wait("film", |cluster| {
        // Slurm makes what was put back wait for two minutes; whoever is in charge may say that it is time.
        for line in cluster.say("squeue", &["-h", "-r", "-t", "PD", "-o", "%A %r"]).lines() {
            if let Some((job, "BeginTime")) = line.split_once(' ') {
                was_requeued = true;
                cluster.say("scontrol", &["update", &format!("jobid={job}"), "StartTime=now"]);
            }
        }
        film.exists()
    });
    assert!(was_requeued, "the killed task went back into the queue");
    assert!(cluster.say("sinfo", &["-h", "-N", "-n", "n1", "-o", "%T"]).contains("drain"));
    assert_eq!(fs::read(&film).unwrap(), fs::read(bench.path("alone.mp4")).unwrap());
    let status = bench.run(&["farm", "status", "plan.json", "--json", "--verify"]).succeeded().json();
    assert_eq!((&status["done"], &status["broken"]), (&12.into(), &serde_json::json!([])));
    let logs = fs::read_dir(bench.path("plan.farm/logs")).unwrap().count();
    assert!(logs >= 12, "each task has a log of its own: {logs}");
}
