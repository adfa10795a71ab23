//! A laptop: a real store on a real file, its clock, and the synchronisation it is in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cairn_domain::{CellKey, Hash, OpId, TenantId, Time};
use cairn_store::{DataKey, SeededEntropy, Store};
use cairn_sync::Engine;
use chrono::Duration;

use crate::imports::Files;
use crate::world::Failure;

/// A change that a laptop said is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    /// The op.
    pub op: OpId,
    /// The hash of its bytes.
    pub hash: Hash,
    /// Nothing is owed for it: the only place that had it was thrown away from outside.
    pub excused: bool,
    /// Its author need not see what became of it: the laptop forgot the tenant or went back in time.
    pub unseen: bool,
}

/// A laptop. Files lie in a directory of its own for each life: a crash goes on in a copy of the
/// files as they were at that moment, write-ahead log included.
pub struct Device {
    /// Its place among the run's devices; copies have places of their own.
    pub index: usize,
    /// Whose it is: place in [`crate::base::PEOPLE`].
    pub person: usize,
    /// The open database.
    pub store: Store,
    /// How far its clock is off.
    pub skew: Duration,
    /// The synchronisation under way.
    pub engine: Option<Engine>,
    /// The files and rosters of it, once its ops are through.
    pub files: Option<Files>,
    /// The number of the request whose answer it waits for.
    pub waiting: Option<u64>,
    /// Whether it has to sign in before it can sync.
    pub signed_out: bool,
    /// What its person looked at a while ago: a cell and the values seen there.
    pub viewed: Option<(TenantId, CellKey, Vec<OpId>)>,
    /// What it said is saved.
    pub acked: Vec<Acked>,
    /// Refused ops that its person discarded or tried again.
    pub settled: BTreeSet<OpId>,
    /// A copy of its files from some time ago, and how much it had acknowledged then.
    pub saved: Option<(PathBuf, usize)>,
    home: PathBuf,
    life: u64,
    key: DataKey,
    seed: u64,
}

impl Device {
    /// A laptop that starts from a copy of `database`.
    pub fn new(
        home: PathBuf,
        database: &Path,
        key: &DataKey,
        seed: u64,
        (index, person): (usize, usize),
    ) -> Result<Self, Failure> {
        let dir = home.join("life-0");
        copy_database(database, &dir, "cairn.db")?;
        let store = Store::open(&dir.join("cairn.db"), key, SeededEntropy::new(seed))?;
        Ok(Self {
            index,
            person,
            store,
            skew: Duration::zero(),
            engine: None,
            files: None,
            waiting: None,
            signed_out: true,
            viewed: None,
            acked: Vec::new(),
            settled: BTreeSet::new(),
            saved: None,
            home,
            life: 0,
            key: key.clone(),
            seed,
        })
    }

    /// The laptop's own idea of the time.
    pub fn now(&self, world: Time) -> Time {
        world + self.skew
    }

    /// Power off, at this very moment, and on again.
    pub fn crash(&mut self) -> Result<(), Failure> {
        let from = self.store.path().to_owned();
        self.restart_from(&from)
    }

    /// Where the files go as they are at a moment within a step.
    pub fn cut_place(&self) -> PathBuf {
        self.home.join("cut")
    }

    /// Power off at the moment when the files were copied to `cut`, and on again.
    pub fn crash_as(&mut self, cut: &Path) -> Result<(), Failure> {
        self.restart_from(&cut.join("cairn.db"))?;
        Ok(fs::remove_dir_all(cut)?)
    }

    /// Nothing of a synchronisation goes on.
    pub fn stop_sync(&mut self) {
        self.engine = None;
        self.files = None;
        self.waiting = None;
    }

    /// Puts an older copy of the files in place of those there are.
    pub fn restore(&mut self) -> Result<bool, Failure> {
        let Some((saved, acked)) = self.saved.take() else { return Ok(false) };
        self.restart_from(&saved)?;
        // Each copy that was put back counts its random numbers on from another place.
        for (place, one) in self.acked.iter_mut().enumerate() {
            one.unseen = true;
            one.excused |= place >= acked;
        }
        Ok(true)
    }

    fn restart_from(&mut self, database: &Path) -> Result<(), Failure> {
        self.life += 1;
        let dir = self.home.join(format!("life-{}", self.life));
        copy_database(database, &dir, "cairn.db")?;
        let entropy = SeededEntropy::new(self.seed ^ (self.life << 40));
        let store = Store::open(&dir.join("cairn.db"), &self.key, entropy)?;
        // A roster that is open lies in the old files.
        self.stop_sync();
        let old = std::mem::replace(&mut self.store, store);
        let left = old.path().parent().map(Path::to_owned);
        old.abandon();
        if let Some(left) = left {
            fs::remove_dir_all(left)?;
        }
        Ok(())
    }

    /// Keeps a copy of the files as they are.
    pub fn save(&mut self) -> Result<(), Failure> {
        let dir = self.home.join("saved");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        copy_database(self.store.path(), &dir, "cairn.db")?;
        self.saved = Some((dir.join("cairn.db"), self.acked.len()));
        Ok(())
    }

    /// The hashes of what is in the outbox, by op.
    pub fn hashes(&self) -> Result<Vec<(OpId, Hash)>, Failure> {
        Ok(self.store.outbox(None)?.into_iter().map(|o| (o.op, o.hash)).collect())
    }
}

/// What lies beside a database: rosters, of a laptop and of a service.
const BESIDE: [&str; 2] = ["tenants", "rosters"];

/// Copies a database with its write-ahead log, and the rosters beside it, into a new directory, as a power
/// cut leaves them.
pub fn copy_database(from: &Path, dir: &Path, name: &str) -> Result<(), Failure> {
    fs::create_dir_all(dir)?;
    let to = dir.join(name);
    fs::copy(from, &to)?;
    let wal = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        PathBuf::from(name)
    };
    if wal(from).exists() {
        fs::copy(wal(from), wal(&to))?;
    }
    BESIDE.iter().try_for_each(|name| copy_folder(&from.with_file_name(name), &to.with_file_name(name)))
}

/// Copies the files of a folder, where there is one. What several connections share is made anew.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}
