//! The command line, as SPEC.md fixes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Cairn without a window.
#[derive(Parser)]
#[command(
    name = "cairnctl",
    version,
    about = "Cairn without a window: the same work, for scripts and servers"
)]
pub struct Cli {
    /// Where this profile's encrypted data lies.
    #[arg(long, global = true, value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// Holds the data key where there is no keyring; made, readable by you alone, with a new profile.
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// The project to act on; otherwise the tenant's newest open one.
    #[arg(long, global = true, value_name = "PLAYBOOK[/N]")]
    pub project: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Sign in and enrol this computer.
    Login {
        /// Address of the service.
        #[arg(long)]
        server: String,
        /// Sign-in name.
        #[arg(long)]
        user: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Sign out; unsent changes stay on this computer.
    Logout,
    /// Who is signed in, and what has not left this computer.
    Status,
    /// Send and receive once, at most 10 s.
    Sync {
        /// Keep going until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// The tenants on this computer.
    Tenants,
    /// A tenant's checklist.
    Checklist {
        /// Slug, name or id.
        tenant: String,
    },
    /// A tenant's setup wizard.
    Wizard {
        /// Slug, name or id.
        tenant: String,
    },
    /// Start or upgrade a project.
    Project(ProjectArgs),
    /// Comment on an item.
    Comment {
        /// Slug, name or id.
        tenant: String,
        /// The item's key.
        key: String,
        /// What to say.
        #[arg(long)]
        text: String,
        /// Let the client read it.
        #[arg(long)]
        client: bool,
    },
    /// Change an item or wizard step.
    Item {
        /// Slug, name or id.
        tenant: String,
        /// The item's key.
        key: String,
        /// The new status.
        #[arg(long)]
        status: Option<StatusArg>,
        /// Why: required for blocked and not applicable.
        #[arg(long)]
        reason: Option<String>,
        /// A note.
        #[arg(long)]
        note: Option<String>,
        /// A sign-in name, a role, or `none`.
        #[arg(long)]
        owner: Option<String>,
        /// A date, YYYY-MM-DD, or `none`.
        #[arg(long)]
        due: Option<String>,
    },
    /// Work the service holds until a manager decides, or work that cannot be sent.
    Held {
        /// A tenant, `adopt OP`, `discard OP`, or `export FILE`: everything unsent, sealed for the
        /// service.
        #[arg(num_args = 1..=2, required = true)]
        words: Vec<String>,
    },
    /// Changes the service refused.
    Quarantine {
        /// What to do with one; lists them where left out.
        #[command(subcommand)]
        what: Option<QuarantineCommand>,
    },
    /// Open blockers.
    Blockers {
        /// Slug, name or id.
        tenant: Option<String>,
    },
    /// Values that stand against each other.
    Conflicts {
        /// Slug, name or id.
        tenant: Option<String>,
    },
    /// Settle a conflict.
    Resolve {
        /// Its id, as `conflicts` prints it.
        conflict: String,
        /// `mine`, `theirs` or the op whose value to take.
        #[arg(long)]
        take: String,
    },
    /// Who changed what, newest first.
    History {
        /// Slug, name or id.
        tenant: String,
    },
    /// Take one change back.
    Undo {
        /// The op, as `history` prints it.
        op: String,
    },
    /// Check a tenant's journal.
    Audit(AuditArgs),
    /// Check playbook files.
    Playbook(PlaybookArgs),
    /// Everybody of a tenant's roster, and how far they use the platform.
    ///
    /// No figures from the platform reach Cairn yet: last sign-in, assignments, submissions, scored and
    /// backlog are null with --json and blank with --csv, and nobody is flagged. They are not known, which
    /// is not 0.
    Adoption(AdoptionArgs),
    /// Rosters and case histories: look at them, import them, take imports back.
    Import(ImportArgs),
}

/// `project start` and `project upgrade`.
#[derive(Args)]
pub struct ProjectArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: ProjectCommand,
}

/// What to do with a project.
#[derive(Subcommand)]
pub enum ProjectCommand {
    /// Start a project from a playbook.
    Start {
        /// Slug, name or id.
        tenant: String,
        /// Key of a built-in playbook, or a file.
        #[arg(long)]
        playbook: String,
        /// Rollout mode; where left out the one with the most items.
        #[arg(long)]
        mode: Option<String>,
        /// Target go-live, YYYY-MM-DD.
        #[arg(long)]
        go_live: Option<String>,
    },
    /// Move a running project to a newer version of its playbook.
    Upgrade {
        /// Slug, name or id.
        tenant: String,
        /// Key of a built-in playbook, or a file; the project's own where left out.
        #[arg(long)]
        playbook: Option<String>,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
        /// Let items that go take with them what they hold. Otherwise those that hold something stay,
        /// marked as no longer in the playbook.
        #[arg(long)]
        let_go: bool,
    },
}

/// What to do with a refused change.
#[derive(Subcommand)]
pub enum QuarantineCommand {
    /// Send it again as a new change.
    Retry {
        /// The op.
        op: String,
    },
    /// Drop it.
    Discard {
        /// The op.
        op: String,
    },
}

/// `audit verify`.
#[derive(Args)]
pub struct AuditArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: AuditCommand,
}

/// What to do with the audit.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Check the whole journal of a tenant.
    Verify {
        /// Slug, name or id.
        tenant: String,
    },
}

/// `playbook check`.
#[derive(Args)]
pub struct PlaybookArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: PlaybookCommand,
}

/// What to do with a playbook.
#[derive(Subcommand)]
pub enum PlaybookCommand {
    /// Check a file; faults come with line, column and reason.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// `adoption`.
#[derive(Args)]
pub struct AdoptionArgs {
    /// Slug, name or id.
    pub tenant: String,
    /// Write a table (CSV) that no spreadsheet computes.
    #[arg(long)]
    pub csv: bool,
    /// Only people whose main role is this word of the roster's, such as teacher.
    #[arg(long, value_name = "WORD")]
    pub role: Option<String>,
    /// Only people at the site with this id in the roster.
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
}

/// `import ...`.
#[derive(Args)]
pub struct ImportArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: ImportCommand,
}

/// What to do with an import.
#[derive(Subcommand)]
pub enum ImportCommand {
    /// Count rows and group problems by cause; writes nothing.
    Check(ImportFiles),
    /// Write the rejected rows of one of the files, each with its reasons, for the school to mend.
    Rejected {
        /// The files.
        #[command(flatten)]
        files: ImportFiles,
        /// Which of them, as `import check` names it.
        #[arg(long, value_name = "NAME")]
        file: String,
        /// Where they go, a CSV file; one that is there is replaced.
        #[arg(long, value_name = "FILE")]
        into: PathBuf,
    },
    /// Count what would be created, updated and removed; writes nothing.
    Plan(ImportFiles),
    /// Import, or queue it where the service is not reached.
    Run {
        /// The files.
        #[command(flatten)]
        files: ImportFiles,
        /// Go on although much is updated or removed (see `import plan`).
        #[arg(long)]
        confirm_holds: bool,
        /// Remove the records that bulk files no longer hold; otherwise they stay.
        #[arg(long)]
        remove_absent: bool,
        /// Import the other rows where some are rejected.
        #[arg(long)]
        leave_rejected: bool,
    },
    /// The imports of a tenant, newest first.
    List {
        /// Slug, name or id.
        #[arg(long)]
        tenant: String,
    },
    /// Take an import back, within seven days.
    Rollback {
        /// The import, as `import list` prints it.
        import: String,
    },
    /// Hold an import against the roster on this computer.
    Verify {
        /// The import, as `import list` prints it.
        import: String,
        /// Write a signed report too: a page (.html) or a table (.csv).
        #[arg(long)]
        report: Option<PathBuf>,
    },
    /// Say whether a report is as it was signed, and by whom.
    ReportCheck {
        /// A report that `import verify --report` or the window wrote.
        file: PathBuf,
    },
}

/// The files of an import, and how they are read.
#[derive(Args)]
pub struct ImportFiles {
    /// A folder, a zip, or a CSV, TSV or XLSX file.
    pub path: PathBuf,
    /// Slug, name or id.
    #[arg(long)]
    pub tenant: String,
    /// The format, such as oneroster-1.1; found out where it is left out.
    #[arg(long)]
    pub format: Option<String>,
    /// The specification to the letter, or what vendors send.
    #[arg(long, value_enum, default_value_t = RulesArg::Tolerant)]
    pub rules: RulesArg,
    /// Says what labels, values and dates mean (docs/imports.md).
    #[arg(long)]
    pub mapping: Option<PathBuf>,
    /// Say how far it is on standard error; on a terminal it is said anyway.
    #[arg(long)]
    pub progress: bool,
}

/// How strictly files are judged.
#[derive(Clone, Copy, ValueEnum)]
pub enum RulesArg {
    /// The specification to the letter.
    Strict,
    /// What vendors send; certain faults are mended and recorded.
    Tolerant,
}

impl RulesArg {
    /// The word of SPEC.
    pub fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Tolerant => "tolerant",
        }
    }
}

/// The statuses of SPEC.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words are SPEC's own")]
pub enum StatusArg {
    NotStarted,
    InProgress,
    Complete,
    Blocked,
    NotApplicable,
    WaitingToVerify,
}

impl StatusArg {
    /// The word of SPEC.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::Complete => "complete",
            Self::Blocked => "blocked",
            Self::NotApplicable => "not_applicable",
            Self::WaitingToVerify => "waiting_to_verify",
        }
    }
}
