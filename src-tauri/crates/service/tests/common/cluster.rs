//! A PostgreSQL of the tests' own: one cluster per test binary, one database per test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const BIN: &str = "/usr/lib/postgresql/15/bin";
static NEXT: AtomicU32 = AtomicU32::new(0);

struct Cluster {
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

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("cairn-pg").tempdir().unwrap().keep();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&dir, mode).unwrap();
        let data = dir.join("data");
        let mut init = command("initdb");
        init.args(["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "-D"]).arg(&data);
        run(init, "initdb");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut start = command("pg_ctl");
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200");
        start.args(["-w", "-l"]).arg(dir.join("log")).arg("-D").arg(&data).arg("-o").arg(options).arg("start");
        run(start, "pg_ctl start");
        let pid: u32 = std::fs::read_to_string(data.join("postmaster.pid")).unwrap().lines().next().unwrap().parse().unwrap();
        stop_with_us(pid, &dir);
        Cluster { dir, port }
    })
}

/// Statics are not dropped: a shell outlives the test by a moment, stops the server and
/// removes its directory.
fn stop_with_us(pid: u32, dir: &std::path::Path) {
    let us = std::process::id();
    let script = format!(
        "while kill -0 {us} 2>/dev/null; do sleep 0.2; done; kill -INT {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.2; done; rm -rf \"$0\""
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

/// The address of a new, empty database, for its owner.
pub fn database() -> String {
    let cluster = cluster();
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::SeqCst));
    let mut create = command("createdb");
    create.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &cluster.port.to_string(), &name]);
    run(create, "createdb");
    assert!(cluster.dir.exists());
    format!("postgres://postgres@127.0.0.1:{}/{name}", cluster.port)
}
