//! A PostgreSQL of the tests' own: one cluster per test binary, one database per test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const BIN: &str = "/usr/lib/postgresql/15/bin";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A server with its data.
pub struct Cluster {
    dir: PathBuf,
    port: u16,
}

/// A command as a user PostgreSQL accepts: it refuses to run as root.
fn command(program: &str) -> Command {
    let path = format!("{BIN}/{program}");
    let root = std::process::Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if root {
        let mut c = Command::new("setpriv");
        c.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(path);
        c
    } else {
        Command::new(path)
    };
    command.stdout(Stdio::null()).env("LC_ALL", "C").current_dir("/");
    command
}

fn run(mut command: Command, what: &str) {
    let status = command.status().unwrap_or_else(|e| panic!("{what}: {e}; install postgresql-15"));
    assert!(status.success(), "{what} failed");
}

impl Cluster {
    /// A new one, for a test that stops it. It ends with the test's process.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("cairn-pg").tempdir().unwrap().keep();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&dir, mode).unwrap();
        let mut init = command("initdb");
        init.args(["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "-D"]).arg(dir.join("data"));
        run(init, "initdb");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { dir, port };
        cluster.go_on();
        stop_with_us(&cluster.dir);
        cluster
    }

    /// Starts it where it left off.
    pub fn go_on(&self) {
        let port = self.port;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
        );
        let mut start = self.control();
        start.arg("-l").arg(self.dir.join("log")).arg("-o").arg(options).arg("start");
        run(start, "pg_ctl start");
    }

    /// Stops it, whoever is connected.
    pub fn stop(&self) {
        let mut stop = self.control();
        stop.args(["-m", "fast", "stop"]);
        run(stop, "pg_ctl stop");
    }

    fn control(&self) -> Command {
        let mut control = command("pg_ctl");
        control.arg("-w").arg("-D").arg(self.dir.join("data"));
        control
    }

    /// The address of a new, empty database, for its owner.
    pub fn database(&self) -> String {
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::SeqCst));
        let mut create = command("createdb");
        create.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string(), &name]);
        run(create, "createdb");
        assert!(self.dir.exists());
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

/// Statics are not dropped: a shell outlives the test by a moment, stops the server and
/// removes its directory.
fn stop_with_us(dir: &std::path::Path) {
    let us = std::process::id();
    let script = format!(
        "while kill -0 {us} 2>/dev/null; do sleep 0.2; done; pid=$(head -n 1 \"$0/data/postmaster.pid\") && kill -INT $pid; while kill -0 $pid 2>/dev/null; do sleep 0.2; done; rm -rf \"$0\""
    );
    let mut shell = Command::new("setsid");
    shell
        .args(["sh", "-c", &script])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Never waited for: it is there to outlive us.
    std::mem::drop(std::thread::spawn(move || shell.status()));
}

/// The address of a new, empty database of the tests' common cluster, for its owner.
pub fn database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start).database()
}
