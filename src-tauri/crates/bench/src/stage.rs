//! A service as a program of its own, and laptops that reach it over HTTP through a counting door.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use cairn_app::api::SyncReport;
use cairn_app::{Desk, KeyPlace, Session};
use cairn_domain::access::Role;
use cairn_domain::change::Visibility;
use cairn_domain::{Change, Entity, ProjectId, TenantId, Time};
use cairn_service::admin::{self, NewTenant, NewUser};
use cairn_service::storage::Storage;
use cairn_service::{Ask, Service};
use cairn_store::Draft;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::runtime::Runtime;

/// Everybody's password. There is nothing to protect in a measurement.
pub const PASSWORD: &str = "made for a measurement";
/// The playbook of measured tenants.
pub const PLAYBOOK: &str = "school-district";

/// A measurement happens now.
#[allow(clippy::disallowed_methods, reason = "the program that measures reads the clock")]
pub fn now() -> Time {
    chrono::Utc::now()
}

/// Where a service's people and tenants are made, in this process, before it is served.
pub struct Ground {
    /// The service.
    pub service: Service,
    random: StdRng,
}

impl Ground {
    /// On a storage, empty or not.
    ///
    /// # Errors
    /// Faults of the storage.
    pub fn on(storage: Arc<dyn Storage>) -> Result<Self> {
        let mut random = StdRng::seed_from_u64(1);
        let service = Service::open(storage, Ask::new(now(), &mut random))?;
        Ok(Self { service, random })
    }

    /// Calls something of the service as it is now.
    ///
    /// # Errors
    /// Its own.
    pub fn ask<T>(
        &mut self,
        work: impl FnOnce(&Service, &mut Ask<'_>) -> cairn_service::Result<T>,
    ) -> Result<T> {
        Ok(work(&self.service, &mut Ask::new(now(), &mut self.random))?)
    }

    /// Makes a tenant with a project.
    ///
    /// # Errors
    /// Faults of the storage; there is one of that name.
    pub fn tenant(&mut self, slug: &str) -> Result<TenantId> {
        let new = NewTenant { slug, name: slug, playbook: Some(PLAYBOOK), mode: None, go_live: None };
        self.ask(|service, ask| admin::create_tenant(service, &new, ask))
    }

    /// Makes a specialist who is assigned to these tenants.
    ///
    /// # Errors
    /// Faults of the storage; there is somebody of that name.
    pub fn specialist(&mut self, name: &str, tenants: &[&str]) -> Result<()> {
        let new = NewUser { name, role: Role::ImplSpec, password: PASSWORD };
        self.ask(|service, ask| admin::create_user(service, &new, tenants, ask)).map(drop)
    }
}

/// The service's program at work; dropped, it is killed, which loses nothing that it acknowledged.
pub struct Serving {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Serving {
    /// Serves what lies where these options of `cairn-service` say.
    ///
    /// # Errors
    /// The program was not built, or does not start.
    pub fn start<S: AsRef<OsStr>>(place: &[S]) -> Result<Self> {
        let mut command = Command::new(beside("cairn-service")?);
        command.args(place).args(["--json", "serve", "--listen", "127.0.0.1:0"]);
        // As many as there can be: what is measured is the work, not the limit.
        command.args(["--requests-per-device", "4000000000", "--requests-per-account", "4000000000"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("the service has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line).context("the service does not start")?;
        let address = said["listening"].as_str().unwrap_or_default().parse()?;
        Ok(Self { child, address })
    }

    /// Serves a data directory.
    ///
    /// # Errors
    /// As [`Serving::start`].
    pub fn data(dir: &Path) -> Result<Self> {
        Self::start(&[OsStr::new("--data"), dir.as_os_str()])
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another program of this build.
///
/// # Errors
/// It was not built.
pub fn beside(program: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let file = here.parent().context("this program stands nowhere")?.join(program);
    ensure!(file.exists(), "{program} was not built beside this program");
    Ok(file)
}

/// A laptop without a window: the app's own session on a profile.
pub struct Laptop {
    /// The session.
    pub session: Session,
    /// The file with its key.
    pub key: PathBuf,
    runtime: Runtime,
}

impl Laptop {
    /// The laptop whose profile is `folder/name`; nothing is opened or made.
    ///
    /// # Errors
    /// The system gives no runtime.
    pub fn at(folder: &Path, name: &str) -> Result<Self> {
        let key = folder.join(format!("{name}.key"));
        let session = Session::new(&folder.join(name), KeyPlace::File(key.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { session, key, runtime })
    }

    /// A laptop that has just signed in and received nothing yet.
    ///
    /// # Errors
    /// The service refuses.
    pub fn enrolled(folder: &Path, name: &str, server: &str) -> Result<Self> {
        Self::enrolled_with(folder, name, server, PASSWORD)
    }

    /// The same for somebody with another password.
    ///
    /// # Errors
    /// The service refuses.
    pub fn enrolled_with(folder: &Path, name: &str, server: &str, password: &str) -> Result<Self> {
        let laptop = Self::at(folder, name)?;
        laptop.runtime.block_on(laptop.session.sign_in(server, name, password, now()))?;
        Ok(laptop)
    }

    /// One synchronisation as the app makes it. Tells how many ops it pushed and entries it pulled.
    ///
    /// # Errors
    /// It ends with an error, or has to be done again.
    pub fn sync(&self) -> Result<(u64, u64)> {
        let mut sum = (0, 0);
        loop {
            let report: SyncReport = self.runtime.block_on(self.session.sync(&now))?;
            ensure!(report.rebuilt == 0 && report.quarantined == 0, "a sync went wrong: {report:?}");
            sum = (sum.0 + report.pushed, sum.1 + report.pulled);
            if report.complete {
                return Ok(sum);
            }
        }
    }

    /// Does something at the open desk.
    ///
    /// # Errors
    /// Its own.
    pub fn desk<T>(&self, work: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        self.session.open()?;
        let mut out = None;
        self.session.with(|desk| {
            out = Some(work(desk));
            Ok(())
        })?;
        out.context("the desk was not reached")?
    }

    /// Comments on an item, as saved when it returns.
    ///
    /// # Errors
    /// The store refuses.
    pub fn comment(&self, tenant: &TenantId, text: String) -> Result<()> {
        let draft = Draft::new(comment(text));
        self.desk(|desk| Ok(desk.store.write(tenant, draft, now()).map(drop)?))
    }

    /// Closes the profile.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn close(&self) -> Result<()> {
        Ok(self.session.close()?)
    }
}

/// The project of every measured tenant.
pub fn project() -> ProjectId {
    ProjectId { playbook: PLAYBOOK.to_owned(), n: 0 }
}

/// A comment on a measured tenant's project, for everybody to read.
pub fn comment(text: String) -> Change {
    Change::CommentAdded { on: Entity::Project(project()), text, visibility: Visibility::Client }
}

/// What the `n`th note says, in Anki as here.
pub fn words(n: usize) -> String {
    format!("front of note {n} / back of note {n}")
}

/// Copies a folder with all that lies in it; databases must be at rest.
///
/// # Errors
/// Faults of the file system.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
