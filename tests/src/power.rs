//! A disk whose power can be cut: an ext4 file system in a file, mounted through a loop device.
//!
//! The cut is ext4's shutdown ioctl without a flush of the journal: from that moment nothing
//! reaches the disk, and what programs had written without `fsync` is gone after the next mount,
//! as when the plug is pulled. Mounting needs root.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

use crate::process::{Running, run, wait_for};

/// Size of the file system: small, so that mounting it is quick.
const BYTES: u64 = 48 * 1024 * 1024;

/// `EXT4_IOC_SHUTDOWN` = `_IOR('X', 125, __u32)` with `EXT4_GOING_FLAGS_NOLOGFLUSH` = 2, called from
/// perl: an ioctl in Rust needs `unsafe`, which this workspace forbids, and perl is part of every
/// Debian. Just before, it writes [`CUT`] into the pipe that carries the acknowledgements.
const SHUTDOWN: &str = "open my $disk, '<', $ARGV[0] or die $!; my $flags = pack 'L', 2; \
     syswrite STDOUT, qq($ARGV[1]\\n) or die $!; ioctl $disk, 0x8004587d, $flags or die $!";

/// Stands in the pipe of acknowledgements where the power was cut.
const CUT: &str = "-- power cut --";

/// The most lines that a program prints before a cut, unless told otherwise.
const LINES: usize = 60;

/// How long a killed program may hold on to the disk.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);

/// A file system of its own; dropped, it is unmounted and removed.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
    /// The most lines that the program prints before a cut.
    lines: usize,
    moments: StdRng,
    _folder: TempDir,
}

/// When to cut: counted in lines that the program printed, then in time.
#[derive(Clone, Copy, Debug)]
struct Moment {
    lines: usize,
    then: Duration,
}

impl Disk {
    /// Makes and mounts an empty disk; `seed` chooses the moments of its cuts.
    ///
    /// # Errors
    /// Not root, no loop device, or no ext4.
    pub fn create(seed: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-disk-").tempdir_in(quick_folder())?;
        let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
        fs::create_dir(&mount)?;
        File::create(&image)?.set_len(BYTES)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let moments = StdRng::seed_from_u64(seed);
        let mut disk = Self { image, mount, is_mounted: false, lines: LINES, moments, _folder: folder };
        disk.mount()?;
        Ok(disk)
    }

    /// Cuts before the program has printed this many lines, for programs that print slowly.
    pub fn cut_within(&mut self, lines: usize) {
        self.lines = lines.max(2);
    }

    /// The folder where the disk is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Runs a program on the disk, cuts the power at a random moment, mounts the disk again and
    /// asks `oracle` what it finds.
    ///
    /// `command` is given the disk's folder; the program has to acknowledge on standard output, one
    /// line, written at once, for everything it was told is durable. `oracle` is given the folder and
    /// the lines that were written before the cut: a program outlives this cut by a moment, in which
    /// ext4 can answer an `fsync` that it did not complete (seen on Linux 6.18), and no program does
    /// that when the plug is pulled. What earlier trials left on the disk is still there.
    ///
    /// # Errors
    /// The program says nothing within its time, the disk does not come back, or the oracle's own.
    pub fn trial<T>(
        &mut self,
        command: impl FnOnce(&Path) -> Result<Command>,
        oracle: impl FnOnce(&Path, &[String]) -> Result<T>,
    ) -> Result<T> {
        let moment = Moment {
            lines: self.moments.random_range(1..self.lines),
            then: Duration::from_micros(self.moments.random_range(0..1_500)),
        };
        let (output, input) = std::io::pipe()?;
        let mut command = command(&self.mount)?;
        let program = Running::start(command.stdout(input.try_clone()?).stderr(Stdio::null()))?;
        // The command holds a copy of the pipe's end: while it lives, the pipe does not end.
        drop(command);
        let acknowledged = self.cut_at(moment, program, output, input)?;
        self.mount()?;
        oracle(&self.mount, &acknowledged).with_context(|| format!("after a cut at {moment:?}"))
    }

    /// Listens until `moment`, cuts, kills, and gives the lines that were written before the cut.
    fn cut_at(
        &mut self,
        moment: Moment,
        mut program: Running,
        output: PipeReader,
        input: PipeWriter,
    ) -> Result<Vec<String>> {
        let mut lines = BufReader::new(output).lines();
        let mut acknowledged = Vec::new();
        while acknowledged.len() < moment.lines {
            if let Some(status) = program.child().try_wait()? {
                bail!("the program ended before the cut, with {status}");
            }
            acknowledged.push(lines.next().context("the pipe ended before the cut")??);
        }
        spin(moment.then);
        let mut cut = Command::new("perl");
        cut.args(["-e", SHUTDOWN]).arg(&self.mount).arg(CUT).stdout(input);
        Running::start(&mut cut)?.succeed()?;
        drop(cut);
        program.kill();
        for line in lines {
            let line = line?;
            if line == CUT {
                break;
            }
            acknowledged.push(line);
        }
        self.unmount()?;
        Ok(acknowledged)
    }

    fn mount(&mut self) -> Result<()> {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(&self.image).arg(&self.mount))
            .context("power cuts need root and loop devices")?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        wait_for("unmount", RELEASE_LIMIT, || run(Command::new("umount").arg(&self.mount)))?;
        self.is_mounted = false;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Nothing to be done about a disk that does not let go.
            let _ = self.unmount();
        }
    }
}

/// Memory if there is any, so that a cut costs milliseconds.
fn quick_folder() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/var/tmp") }
}

/// Waits without giving up the processor: a sleep would round the moment to a timer's tick.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
