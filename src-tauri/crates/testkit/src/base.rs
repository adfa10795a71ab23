//! What every run starts from, made once: accounts, tenants and an empty laptop as files to copy.
//! Argon2 and schema changes would otherwise take longer than the run itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use cairn_domain::access::Role;
use cairn_domain::{AccountId, TenantId, Time};
use cairn_service::admin::{self, NewTenant, NewUser};
use cairn_service::org::side;
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::storage::{Mode, Storage, with};
use cairn_service::{Ask, Service};
use cairn_store::{DataKey, SeededEntropy, Store};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

/// Everybody's password. There is nothing to protect in a simulation.
pub const PASSWORD: &str = "simulated";
/// Where a run's clock begins: seconds since 1970.
pub const START: i64 = 1_760_000_000;
/// The people, one laptop each: sign-in name, role, tenants by slug.
pub const PEOPLE: [(&str, Role, &[&str]); 5] = [
    ("ana", Role::ImplSpec, &["north", "south"]),
    ("ben", Role::ImplSpec, &["north"]),
    ("mia", Role::ImplMgr, &["north", "south"]),
    ("cas", Role::Csm, &["north"]),
    ("dee", Role::DistrictAdmin, &["north"]),
];
/// Which of [`PEOPLE`] decides about held work.
pub const MANAGER: usize = 2;
/// The tenants by slug.
pub const TENANTS: [&str; 2] = ["north", "south"];

/// The files that runs copy.
pub struct Base {
    root: TempDir,
    /// Opens every laptop's database.
    pub key: DataKey,
    /// The ids of [`TENANTS`].
    pub tenants: Vec<TenantId>,
    /// The ids of [`PEOPLE`].
    pub accounts: Vec<AccountId>,
}

impl Base {
    /// Makes the files, on tmpfs where there is one.
    ///
    /// # Errors
    /// Whatever the file system, the store or the service reports.
    pub fn make() -> anyhow::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("cairn-sim-");
        let tmpfs = Path::new("/dev/shm");
        let root = if tmpfs.is_dir() { builder.tempdir_in(tmpfs)? } else { builder.tempdir()? };
        let key = DataKey::new([7; 32]);
        Store::create(&laptop(root.path()), &key, SeededEntropy::new(0))?.lock()?;
        let (tenants, accounts) = fill_service(&root.path().join("service"))?;
        Ok(Self { root, key, tenants, accounts })
    }

    /// Where runs may put their files.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The empty laptop's database.
    pub fn laptop(&self) -> PathBuf {
        laptop(self.root.path())
    }

    /// The service's database.
    pub fn service(&self) -> PathBuf {
        self.root.path().join("service").join("service.db")
    }
}

fn laptop(root: &Path) -> PathBuf {
    root.join("cairn.db")
}

fn fill_service(dir: &Path) -> anyhow::Result<(Vec<TenantId>, Vec<AccountId>)> {
    let storage: Arc<dyn Storage> = Arc::new(Sqlite::open(dir)?);
    let mut random = StdRng::seed_from_u64(0);
    let now = Time::from_timestamp(START, 0).unwrap_or_default();
    let service = Service::open(storage.clone(), Ask::new(now, &mut random))?;
    let mut ask = Ask::new(now, &mut random);
    let mut tenants = Vec::new();
    for slug in TENANTS {
        let new =
            NewTenant { slug, name: slug, playbook: Some("first-school-go-live"), mode: None, go_live: None };
        tenants.push(admin::create_tenant(&service, &new, &mut ask)?);
    }
    let mut accounts = Vec::new();
    let cheap = cheap_hash()?;
    for (name, role, slugs) in PEOPLE {
        let new = NewUser { name, role, password: PASSWORD };
        let account = admin::create_user(&service, &new, slugs, &mut ask)?;
        with(&storage, &TenantId::org(), Mode::Write, |tx| {
            tx.put_side(side::PASSWORD, account.as_str(), Some(&cheap))
        })?;
        accounts.push(account);
    }
    Ok((tenants, accounts))
}

/// The password's hash at parameters that cost nothing: thousands of sign-ins are simulated.
fn cheap_hash() -> anyhow::Result<String> {
    let params = Params::new(8, 1, 1, None).map_err(anyhow::Error::msg)?;
    let salt = SaltString::encode_b64(&[1; 16]).map_err(anyhow::Error::msg)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon.hash_password(PASSWORD.as_bytes(), &salt).map_err(anyhow::Error::msg)?;
    Ok(hash.to_string())
}
