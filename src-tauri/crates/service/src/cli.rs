//! The command line. Results go to stdout, errors as `{code, message, details}` to stderr, logs as
//! JSON lines to stderr.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cairn_domain::access::Role;
use cairn_protocol::{ApiError, code};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use crate::admin::{self, NewTenant, NewUser};
use crate::error::{Error, Result};
use crate::limits::Rates;
use crate::rosters::{Rosters, folder_beside};
use crate::service::{Ask, Service};
use crate::storage::Storage;
use crate::storage::postgres::Postgres;
use crate::storage::sqlite::Sqlite;
use crate::{held, http, seed, tls};
use cairn_domain::import::PILOT_ROWS;

/// The central service of Cairn.
#[derive(Parser)]
#[command(name = "cairn-service", version, about)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Place {
    /// Directory of the embedded database
    #[arg(long, global = true, default_value = "./cairn-data", value_name = "DIR")]
    data: PathBuf,
    /// PostgreSQL instead of the embedded database
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve laptops until told to stop
    Serve(Serve),
    /// Make demo people and tenants; safe to run again
    SeedDemo {
        /// How many tenants
        #[arg(long, default_value_t = 4)]
        tenants: usize,
        /// The same seed gives the same
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// People
    #[command(subcommand)]
    User(User),
    /// Tenants
    #[command(subcommand)]
    Tenant(Tenant),
    /// Work that could not be sent
    #[command(subcommand)]
    Held(Held),
    /// Write a consistent copy of the data to a new file
    Backup {
        /// Where to
        file: PathBuf,
    },
    /// Start again from a backup; what is there is moved aside and never removed
    Restore {
        /// The backup
        file: PathBuf,
    },
}

#[derive(Args)]
struct Serve {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Folder of signed releases that laptops may update to (docs/updates.md)
    #[arg(long, value_name = "DIR")]
    releases: Option<PathBuf>,
    /// Requests a device may make in a minute
    #[arg(long, default_value_t = Rates::default().device.count, value_name = "N")]
    requests_per_device: u32,
    /// Requests an account may make in a minute, from whatever devices
    #[arg(long, default_value_t = Rates::default().account.count, value_name = "N")]
    requests_per_account: u32,
    /// Folder for copies of rosters, of this process alone; made again where it is lost. Beside the
    /// embedded database where not given, with PostgreSQL a temporary one
    #[arg(long, value_name = "DIR")]
    rosters: Option<PathBuf>,
    /// The most records of one import while its tenant is in its pilot
    #[arg(long, value_name = "N", default_value_t = PILOT_ROWS)]
    pilot_rows: u64,
}

impl Serve {
    fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        rates.device.count = self.requests_per_device;
        rates.account.count = self.requests_per_account;
        rates
    }
}

#[derive(Subcommand)]
enum User {
    /// Make an account
    Create {
        /// Sign-in name, without spaces
        name: String,
        /// Role, as in the access table
        #[arg(long)]
        role: Role,
        /// Tenants to assign
        #[arg(long, value_name = "SLUG")]
        tenant: Vec<String>,
        /// Read the password from the standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Disable an account from the next request on
    Disable {
        /// Sign-in name
        name: String,
        /// Revoke the person's computers too: they may not even send; unsent work comes by a file
        #[arg(long)]
        revoke_devices: bool,
    },
    /// Enable an account again
    Enable {
        /// Sign-in name
        name: String,
    },
    /// Assign a person to a tenant
    Assign {
        /// Sign-in name
        name: String,
        /// Tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Take a person off a tenant
    Unassign {
        /// Sign-in name
        name: String,
        /// Tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
}

#[derive(Subcommand)]
enum Tenant {
    /// Make a tenant, with its first project where a playbook is named
    Create {
        /// Short name: a-z, 0-9 and '-'
        slug: String,
        /// Full name
        #[arg(long)]
        name: String,
        /// Key of a built-in playbook; without it somebody assigned starts the project later
        #[arg(long)]
        playbook: Option<String>,
        /// One of the playbook's modes; its first one where not given
        #[arg(long, requires = "playbook")]
        mode: Option<String>,
    },
}

#[derive(Subcommand)]
enum Held {
    /// Put the work in a file of `cairnctl held export` on the held lists; safe to run again
    Import {
        /// The file
        file: PathBuf,
    },
}

/// What a command prints: text for people, or JSON.
struct Said {
    json: Value,
    text: String,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return failed(&wrong_use(&error)),
        // Help and version were asked for.
        Err(error) => {
            drop(error.print());
            return ExitCode::SUCCESS;
        }
    };
    match run(&cli) {
        Ok(Some(said)) => {
            say(&if cli.place.json { said.json.to_string() } else { said.text });
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => failed(&tell(error)),
    }
}

fn failed(error: &ApiError) -> ExitCode {
    let line = serde_json::to_string(error).unwrap_or_default();
    // Where even stderr is closed there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "{line}"));
    exit_code(&error.code)
}

const WRONG_USE: &str = "wrong_use";

/// What is wrong with the arguments: the first paragraph is the message, how it is done right the help.
fn wrong_use(error: &clap::Error) -> ApiError {
    let text = error.render().to_string();
    let (message, help) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ("A command is missing.", text.as_str()),
        _ => text.split_once("\n\n").unwrap_or((&text, "")),
    };
    let lines = message.trim_start_matches("error: ").lines().map(str::trim);
    let message = lines.collect::<Vec<_>>().join(" ");
    ApiError { code: WRONG_USE.into(), message, details: json!({ "help": help.trim() }) }
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// On the command line the operator may read a fault's text.
fn tell(error: Error) -> ApiError {
    match error {
        Error::Api(error) => error,
        Error::Fault(what) => ApiError { code: code::INTERNAL.into(), message: what, details: Value::Null },
    }
}

/// Exit codes of SPEC: 2 wrong use, 3 unreachable, 4 not allowed, 5 the database cannot be opened.
fn exit_code(code: &str) -> ExitCode {
    ExitCode::from(match code {
        code::UNREACHABLE => 3,
        code::NOT_ALLOWED => 4,
        CANNOT_OPEN | "newer_database" => 5,
        code::INTERNAL => 1,
        _ => 2,
    })
}

/// How long a handler may take after its request was given up to end its transaction; nothing of it was acknowledged.
const LAST: Duration = Duration::from_secs(2);

const CANNOT_OPEN: &str = "database_cannot_be_opened";

fn storage(place: &Place) -> Result<Arc<dyn Storage>> {
    let opened: Result<Arc<dyn Storage>> = match &place.database_url {
        Some(url) => Postgres::open(url).map(|s| Arc::new(s) as Arc<dyn Storage>),
        None => Sqlite::open(&place.data).map(|s| Arc::new(s) as Arc<dyn Storage>),
    };
    opened.map_err(|error| match error {
        Error::Fault(what) => Error::api(CANNOT_OPEN, format!("The database cannot be opened: {what}")),
        other => other,
    })
}

fn run(cli: &Cli) -> Result<Option<Said>> {
    let mut random = crate::outside::random();
    let now = crate::outside::now();
    if let Command::Restore { file } = &cli.command {
        return restore(cli, file, &mut Ask::new(now, &mut random)).map(Some);
    }
    let service = Service::open(storage(&cli.place)?, Ask::new(now, &mut random))?;
    let ask = &mut Ask::new(now, &mut random);
    match &cli.command {
        Command::Serve(options) => serve(service, options, &cli.place).map(|()| None),
        Command::SeedDemo { tenants, seed } => {
            let seeded = seed::seed_demo(&service, *tenants, *seed, ask)?;
            let lines = seeded
                .people
                .iter()
                .map(|p| format!("{:<14} {:<15} {}\n", p.name, p.role.as_str(), p.password));
            let text = lines.collect::<String>() + "tenants: " + &seeded.tenants.join(", ");
            Ok(Some(Said { json: serde_json::to_value(&seeded)?, text }))
        }
        Command::User(user) => run_user(&service, user, ask).map(Some),
        Command::Tenant(Tenant::Create { slug, name, playbook, mode }) => {
            let (playbook, mode) = (playbook.as_deref(), mode.as_deref());
            let new = NewTenant { slug, name, playbook, mode, go_live: None };
            let id = admin::create_tenant(&service, &new, ask)?;
            Ok(Some(Said {
                json: json!({ "id": id, "slug": slug }),
                text: format!("Made tenant {slug} ({id})."),
            }))
        }
        Command::Held(Held::Import { file }) => {
            let imported = held::import(&service, &held::read(file)?, ask)?;
            Ok(Some(Said { json: serde_json::to_value(&imported)?, text: imported.to_string() }))
        }
        Command::Backup { file } => {
            crate::backup::backup(&service, file, ask.now)?;
            let text = format!("Wrote the backup to {}.", file.display());
            Ok(Some(Said { json: json!({ "file": file, "at": ask.now }), text }))
        }
        Command::Restore { .. } => Ok(None),
    }
}

fn restore(cli: &Cli, file: &Path, ask: &mut Ask<'_>) -> Result<Said> {
    let restored = match &cli.place.database_url {
        Some(url) => crate::backup::restore_postgres(file, url, ask)?,
        None => crate::backup::restore(file, &cli.place.data, ask)?,
    };
    let mut text =
        format!("Restored {} journals. Laptops will offer what is newer than the backup.", restored.journals);
    if let Some(moved) = &restored.moved {
        text += &format!("\nWhat was here is now {moved}.");
    }
    Ok(Said { json: json!({ "journals": restored.journals, "moved": restored.moved }), text })
}

fn run_user(service: &Service, user: &User, ask: &mut Ask<'_>) -> Result<Said> {
    match user {
        User::Create { name, role, tenant, .. } => {
            let password = read_password()?;
            let tenants: Vec<&str> = tenant.iter().map(String::as_str).collect();
            let new = NewUser { name, role: *role, password: &password };
            let id = admin::create_user(service, &new, &tenants, ask)?;
            Ok(Said {
                json: json!({ "id": id, "name": name, "role": role }),
                text: format!("Made {name} ({id})."),
            })
        }
        User::Disable { name, revoke_devices } => {
            admin::set_active(service, name, false, ask)?;
            let revoked = if *revoke_devices { admin::revoke_devices(service, name, ask)? } else { 0 };
            Ok(Said {
                json: json!({ "name": name, "active": false, "devices_revoked": revoked }),
                text: format!("Disabled {name}; {revoked} devices were revoked."),
            })
        }
        User::Enable { name } => {
            admin::set_active(service, name, true, ask)?;
            Ok(Said { json: json!({ "name": name, "active": true }), text: format!("Enabled {name}.") })
        }
        User::Assign { name, tenant } | User::Unassign { name, tenant } => {
            let active = matches!(user, User::Assign { .. });
            admin::assign(service, name, tenant, active, ask)?;
            let text =
                if active { format!("{name} works on {tenant}.") } else { format!("{name} left {tenant}.") };
            Ok(Said { json: json!({ "name": name, "tenant": tenant, "assigned": active }), text })
        }
    }
}

fn read_password() -> Result<zeroize::Zeroizing<String>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin().take(8_192).read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    Ok(zeroize::Zeroizing::new(line))
}

/// Where the copies of rosters go, and what has to live as long as they do.
fn rosters(place: &Place, options: &Serve) -> Result<(Rosters, Option<tempfile::TempDir>)> {
    match (&options.rosters, &place.database_url) {
        (Some(folder), _) => Ok((Rosters::new(folder.clone()), None)),
        (None, None) => Ok((Rosters::new(folder_beside(&place.data)), None)),
        (None, Some(_)) => {
            let folder = tempfile::tempdir()?;
            Ok((Rosters::new(folder.path().to_owned()), Some(folder)))
        }
    }
}

fn serve(mut service: Service, options: &Serve, place: &Place) -> Result<()> {
    start_log();
    service.rates = options.rates();
    service.pilot_rows = options.pilot_rows;
    let (rosters, _kept) = rosters(place, options)?;
    let keys = match (&options.tls_cert, &options.tls_key) {
        (Some(cert), Some(key)) => Some(tls::config(cert, key)?),
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(|e| {
            Error::api(code::UNREACHABLE, format!("Cannot listen on {}: {e}.", options.listen))
        })?;
        let address = listener.local_addr()?;
        // Before anybody is told that we listen.
        let stop = told_to_stop()?;
        let app = http::App::new(service);
        let router = http::router(app.clone(), options.releases.clone());
        let imports = http::carry_out_imports(app.clone(), rosters);
        let stop = async move {
            stop.await;
            app.close();
        };
        let scheme = if options.tls_cert.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        say(&if place.json {
            json!({ "listening": address, "url": url }).to_string()
        } else {
            format!("listening on {url}")
        });
        tokio::spawn(imports);
        crate::serve::serve(listener, keys, router, http::TIMEOUT, stop).await;
        Ok(())
    });
    runtime.shutdown_timeout(LAST);
    served
}

/// Logs as JSON lines on stderr; `CAIRN_LOG` sets the level.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAIRN_LOG").unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().json().with_writer(std::io::stderr).with_env_filter(filter);
    // A second log in one process (tests) is not wanted; the first stays.
    drop(log.try_init());
}

/// Gives a future that ends at Ctrl-C or SIGTERM, listening from now on. Requests that have begun are
/// finished: what is acknowledged was committed before its reply.
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
