//! Who may do what: one table, asked by endpoints, ops and commands alike (SPEC "People").
//!
//! Where SPEC is silent the answer is no. The documentation and the isolation tests are generated
//! from [`Table`], and a test can flip any row at run time to prove that some test notices.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Audience;

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The internal and tenant roles of SPEC "People".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Role {
            $($(#[$doc])* #[serde(rename = $text)] $name),+
        }

        impl Role {
            /// Every role.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word on the wire, in files and in `--json`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

roles! {
    /// First line of support.
    SupportTier1 = "SUPPORT_TIER_1",
    /// Second line of support.
    SupportTier2 = "SUPPORT_TIER_2",
    /// Runs support.
    SupportAdmin = "SUPPORT_ADMIN",
    /// Implementation specialist.
    ImplSpec = "IMPL_SPEC",
    /// Implementation manager.
    ImplMgr = "IMPL_MGR",
    /// Customer success manager.
    Csm = "CSM",
    /// Hotline operator.
    HotlineOp = "HOTLINE_OP",
    /// Hotline supervisor.
    HotlineSup = "HOTLINE_SUP",
    /// Runs the platform.
    PlatformAdmin = "PLATFORM_ADMIN",
    /// A district's admin.
    DistrictAdmin = "district_admin",
    /// A school's admin.
    SchoolAdmin = "school_admin",
    /// A teacher.
    Teacher = "teacher",
}

impl Role {
    /// Whether the role belongs to a tenant's own people.
    pub fn is_tenant_role(self) -> bool {
        matches!(self, Self::DistrictAdmin | Self::SchoolAdmin | Self::Teacher)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|r| r.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|r| r.as_str()).collect();
            format!("'{text}' is not a role; the roles are {}", known.join(", "))
        })
    }
}

/// What can be asked for, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Read what the client audience may see.
    ReadClient,
    /// Read what the team alone may see.
    ReadTeam,
    /// Verify a tenant's audit: ask for the journal's heads. Whoever reads it may.
    VerifyAudit,
    /// Start or upgrade a project, set its mode, status or dates.
    WriteProject,
    /// Write items and steps whose owner is of the team.
    WriteItems,
    /// Write items and steps whose owner is a role of the tenant.
    WriteTenantItems,
    /// Write a blocker's internals.
    WriteBlockers,
    /// Import rosters and take imports back.
    RunImports,
    /// Comment, for the client or the team.
    Comment,
    /// Adopt or discard held work.
    ManageHeld,
    /// Assign people to the tenant and take them off it.
    Assign,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::ReadClient,
        Self::ReadTeam,
        Self::VerifyAudit,
        Self::WriteProject,
        Self::WriteItems,
        Self::WriteTenantItems,
        Self::WriteBlockers,
        Self::RunImports,
        Self::Comment,
        Self::ManageHeld,
        Self::Assign,
    ];
}

/// How a person stands to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Assigned to it (internal roles) or one of its people (tenant roles).
    Assigned,
    /// Neither.
    Stranger,
}

/// One row of the table.
pub type Row = (Role, Action, Relation);

/// The access table: the rows that are allowed. Everything else is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table(BTreeSet<Row>);

impl Default for Table {
    fn default() -> Self {
        Self::standard()
    }
}

impl Table {
    /// The table of SPEC "People".
    pub fn standard() -> Self {
        use Action::{
            Assign, Comment, ManageHeld, ReadClient, ReadTeam, RunImports, VerifyAudit, WriteBlockers,
            WriteItems, WriteProject, WriteTenantItems,
        };
        let team_work = [
            ReadClient,
            ReadTeam,
            VerifyAudit,
            WriteProject,
            WriteItems,
            WriteTenantItems,
            WriteBlockers,
            RunImports,
            Comment,
        ];
        let assigned: [(Role, &[Action]); 6] = [
            (Role::ImplSpec, &team_work),
            (Role::ImplMgr, &team_work),
            (Role::ImplMgr, &[ManageHeld, Assign]),
            (Role::Csm, &[ReadClient, ReadTeam, VerifyAudit, Comment]),
            (Role::DistrictAdmin, &[ReadClient, VerifyAudit, WriteTenantItems]),
            // A school admin writes own sites only; items of a single site come with a later playbook.
            (Role::SchoolAdmin, &[ReadClient, VerifyAudit]),
        ];
        let mut rows: BTreeSet<Row> = assigned
            .iter()
            .flat_map(|(role, actions)| actions.iter().map(|a| (*role, *a, Relation::Assigned)))
            .collect();
        for action in Action::ALL {
            rows.insert((Role::PlatformAdmin, action, Relation::Assigned));
            rows.insert((Role::PlatformAdmin, action, Relation::Stranger));
        }
        Self(rows)
    }

    /// Whether `role`, standing in `relation` to the tenant, may do `action`.
    pub fn allows(&self, role: Role, action: Action, relation: Relation) -> bool {
        self.0.contains(&(role, action, relation))
    }

    /// Whether `role`, standing in `relation` to a tenant, may do anything there at all. To anyone
    /// else the tenant is not there.
    pub fn admits(&self, role: Role, relation: Relation) -> bool {
        Action::ALL.into_iter().any(|action| self.allows(role, action, relation))
    }

    /// The audience whose data this role may read, if any.
    pub fn reads(&self, role: Role, relation: Relation) -> Option<Audience> {
        if self.allows(role, Action::ReadTeam, relation) {
            Some(Audience::Team)
        } else if self.allows(role, Action::ReadClient, relation) {
            Some(Audience::Client)
        } else {
            None
        }
    }

    /// The same table with one row turned over; for tests that prove each row is guarded.
    pub fn flipped(&self, row: Row) -> Self {
        let mut rows = self.0.clone();
        if !rows.remove(&row) {
            rows.insert(row);
        }
        Self(rows)
    }

    /// Every row there could be, allowed or not.
    pub fn every_row() -> impl Iterator<Item = Row> {
        Role::ALL.iter().flat_map(|role| {
            Action::ALL.iter().flat_map(move |action| {
                [Relation::Assigned, Relation::Stranger]
                    .into_iter()
                    .map(move |relation| (*role, *action, relation))
            })
        })
    }

    /// The table as Markdown, for docs/security.md.
    pub fn to_markdown(&self) -> String {
        let mut out =
            String::from("| action | assigned to the tenant | anyone with the role |\n|---|---|---|\n");
        for action in Action::ALL {
            let who = |relation| {
                let names: Vec<&str> = Role::ALL
                    .iter()
                    .filter(|r| self.allows(**r, action, relation))
                    .map(|r| r.as_str())
                    .collect();
                if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
            };
            out += &format!("| {action:?} | {} | {} |\n", who(Relation::Assigned), who(Relation::Stranger));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// Writes the table into the page with `CAIRN_BLESS=1`; otherwise the two must agree.
    #[test]
    fn the_security_page_shows_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/security.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (head, rest) = page.split_once("<!-- access table -->\n").unwrap();
        let (_, tail) = rest.split_once("<!-- end of access table -->").unwrap();
        let table = Table::standard().to_markdown();
        let wanted = format!("{head}<!-- access table -->\n{table}<!-- end of access table -->{tail}");
        if option_env!("CAIRN_BLESS").is_some() {
            std::fs::write(path, &wanted).unwrap();
        }
        assert!(page == wanted, "docs/security.md shows another access table; bless it with CAIRN_BLESS=1");
    }

    #[test]
    fn roles_without_a_row_may_do_nothing() {
        let table = Table::standard();
        for role in [Role::Teacher, Role::HotlineOp, Role::HotlineSup, Role::SupportTier1, Role::SupportTier2]
        {
            for action in Action::ALL {
                for relation in [Relation::Assigned, Relation::Stranger] {
                    assert!(!table.allows(role, action, relation), "{role} {action:?}");
                }
            }
        }
    }

    #[test]
    fn only_the_platform_admin_reaches_beyond_assignment() {
        let table = Table::standard();
        for (role, action, _) in Table::every_row().filter(|r| r.2 == Relation::Stranger) {
            assert_eq!(
                table.allows(role, action, Relation::Stranger),
                role == Role::PlatformAdmin,
                "{role} {action:?}"
            );
        }
    }
}
