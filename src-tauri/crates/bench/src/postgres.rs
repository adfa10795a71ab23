//! A PostgreSQL of the measurement's own, as durable as it comes: `fsync` and `synchronous_commit` on.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Where Debian keeps PostgreSQL's programs, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// A running server; dropped, it is stopped and its files are removed.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes one in the system's folder for temporary files, which the server's user can enter.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-bench-pg-").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { programs: programs()?, folder, port };
        let data = cluster.data();
        run(cluster
            .command("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"])
            .arg(&data))?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        );
        let log = cluster.folder.path().join("log");
        // The server would keep a pipe open for as long as it runs.
        let mut start = cluster.command("pg_ctl");
        start.stdout(Stdio::null()).stderr(Stdio::null());
        start.args(["-w", "-l"]).arg(log).arg("-D").arg(&data).arg("-o").arg(options).arg("start");
        ensure!(start.status()?.success(), "PostgreSQL does not start");
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's, as a user whom it accepts: it refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let root = fs::metadata("/proc/self").is_ok_and(|us| std::os::unix::fs::MetadataExt::uid(&us) == 0);
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.env("LC_ALL", "C").current_dir("/");
        command
    }

    fn client(&self, program: &str) -> Command {
        let mut command = self.command(program);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        command
    }

    /// The address of a new, empty database.
    ///
    /// # Errors
    /// There is one of that name.
    pub fn database(&self, name: &str) -> Result<String> {
        run(self.client("createdb").arg(name))?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }

    /// Makes the table that [`Cluster::inserts`] writes to.
    ///
    /// # Errors
    /// The database is not there.
    pub fn table(&self, database: &str) -> Result<()> {
        let sql =
            "CREATE TABLE pushed (id bigserial PRIMARY KEY, tenant int NOT NULL, content text NOT NULL)";
        run(self.client("psql").args(["-q", "-d", database, "-c", sql])).map(drop)
    }

    /// Inserts per second that `pgbench` reaches: one row of `bytes` bytes in a transaction of its own.
    ///
    /// # Errors
    /// It fails.
    pub fn inserts(&self, database: &str, bytes: usize, clients: usize, seconds: u64) -> Result<f64> {
        let script = self.folder.path().join("insert.sql");
        let sql = format!(
            "\\set tenant random(1, {clients})\nINSERT INTO pushed (tenant, content) VALUES (:tenant, '{}');\n",
            "x".repeat(bytes)
        );
        fs::write(&script, sql)?;
        let mut bench = self.client("pgbench");
        bench.args(["-n", "-M", "prepared", "-j", "2", "-f"]).arg(&script);
        bench.args(["-c", &clients.to_string(), "-T", &seconds.to_string(), database]);
        let said = run(&mut bench)?;
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = "))
            .with_context(|| format!("pgbench says no tps: {said}"))?;
        Ok(line.split(' ').next().unwrap_or_default().parse()?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        // It may not have started.
        let _ = run(self.command("pg_ctl").args(["-m", "immediate", "-w", "-D"]).arg(data).arg("stop"));
    }
}

/// The newest version there is.
fn programs() -> Result<PathBuf> {
    let versions =
        fs::read_dir(Path::new(PROGRAMS)).context("PostgreSQL is missing: apt-get install postgresql")?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .filter(|(_, bin)| bin.join("pgbench").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin).context("PostgreSQL is missing: apt-get install postgresql")
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
