//! Names of things. Every id is text, validated when it is made, and cheap to compare.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {kind}: {why}")]
pub struct BadId {
    /// What the text should have been, e.g. `tenant id`.
    pub kind: &'static str,
    /// The text, cut to 80 characters.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

fn bad(kind: &'static str, text: &str, why: &'static str) -> BadId {
    BadId { kind, text: text.chars().take(80).collect(), why }
}

const MAX_ID: usize = 64;

fn plain(kind: &'static str, text: &str, extra: &str) -> Result<(), BadId> {
    if text.is_empty() {
        return Err(bad(kind, text, "it is empty"));
    }
    if text.len() > MAX_ID {
        return Err(bad(kind, text, "it is longer than 64 characters"));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c);
    if !text.chars().all(fits) {
        return Err(bad(kind, text, "only a-z, 0-9 and a few signs are allowed"));
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                plain($kind, text, $extra)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($name);
    };
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// A tenant, and so a journal. `_org` and `_person/<account>` are journals of their own
    /// (DESIGN "No op and no transaction spans two tenants").
    TenantId, "tenant id", "-_/"
);
text_id!(
    /// An enrolled device: 16 lowercase hex digits in practice.
    DeviceId, "device id", "-_"
);
text_id!(
    /// A person's account. Never the person's name, which lives in `_org` and can be erased.
    AccountId, "account id", "-_"
);

impl TenantId {
    /// The journal that holds accounts, devices and assignments.
    pub fn org() -> Self {
        Self("_org".to_owned())
    }

    /// Whether this is the `_org` journal.
    pub fn is_org(&self) -> bool {
        self.0 == "_org"
    }
}

/// The only name an op has: (tenant, device, device_seq). Text form `tenant:device:number`.
/// The number counts from 1, without gaps, for each tenant and device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// The journal the op belongs to.
    pub tenant: TenantId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// Its number on that device, from 1.
    pub device_seq: u64,
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.tenant, self.device, self.device_seq)
    }
}

impl FromStr for OpId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let wrong = |why| bad("op id", text, why);
        let (rest, number) = text.rsplit_once(':').ok_or_else(|| wrong("it needs tenant:device:number"))?;
        let (tenant, device) = rest.split_once(':').ok_or_else(|| wrong("it needs tenant:device:number"))?;
        let device_seq = number.parse().map_err(|_| wrong("the number is not a number"))?;
        if device_seq == 0 || number.starts_with(['0', '+']) {
            return Err(wrong("numbers count from 1"));
        }
        Ok(Self { tenant: tenant.parse()?, device: device.parse()?, device_seq })
    }
}

serde_as_text!(OpId);

/// A roll-out of a tenant: its playbook and how many projects of that playbook its author saw.
/// Two laptops that start the same playbook offline therefore name the same project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId {
    /// Key of the playbook.
    pub playbook: String,
    /// How many projects of this playbook existed when it was started, so from 0.
    pub n: u32,
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.playbook, self.n)
    }
}

impl FromStr for ProjectId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let wrong = |why| bad("project id", text, why);
        let (playbook, n) = text.split_once('/').ok_or_else(|| wrong("it needs playbook/number"))?;
        plain("playbook key", playbook, "-_")?;
        let n = canonical_number(n).ok_or_else(|| wrong("the number is not a number"))?;
        Ok(Self { playbook: playbook.to_owned(), n })
    }
}

serde_as_text!(ProjectId);

fn canonical_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|n: &u32| n.to_string() == text)
}

/// Something that has cells. The text form is `type/...`; the type decides the audience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// The tenant itself.
    Tenant,
    /// A project of the tenant.
    Project(ProjectId),
    /// A checklist item: project and item key, whatever the playbook's version.
    Item(ProjectId, String),
    /// A wizard step: project and step key.
    Step(ProjectId, String),
    /// A comment the client may read, named after the op that made it.
    Comment(OpId),
    /// A comment for the team only.
    InternalComment(OpId),
    /// A blocker, named after the op that opened it.
    Blocker(OpId),
    /// An import of the tenant's roster, named after the op that asked for it.
    Import(OpId),
    /// An account (in `_org`).
    Account(AccountId),
    /// A device (in `_org`).
    Device(DeviceId),
    /// A person's assignment to a tenant (in `_org`).
    Assignment(AccountId, TenantId),
    /// Something a newer version wrote: kept, forwarded and shown as such, untouched.
    Other(String),
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Project(p) => write!(f, "project/{p}"),
            Self::Item(p, key) => write!(f, "item/{p}/{key}"),
            Self::Step(p, key) => write!(f, "step/{p}/{key}"),
            Self::Comment(op) => write!(f, "comment/{op}"),
            Self::InternalComment(op) => write!(f, "internal-comment/{op}"),
            Self::Blocker(op) => write!(f, "blocker/{op}"),
            Self::Import(op) => write!(f, "import/{op}"),
            Self::Account(a) => write!(f, "account/{a}"),
            Self::Device(d) => write!(f, "device/{d}"),
            Self::Assignment(a, t) => write!(f, "assignment/{a}/{t}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl FromStr for Entity {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        if text.is_empty() || text.len() > 400 || text.contains(['#', '\n', '\0']) {
            return Err(bad("entity", text, "it must be 1 to 400 characters without # or line breaks"));
        }
        if text == "tenant" {
            return Ok(Self::Tenant);
        }
        let Some((kind, rest)) = text.split_once('/') else {
            return Ok(Self::Other(text.to_owned()));
        };
        Ok(match kind {
            "project" => Self::Project(rest.parse()?),
            "item" => keyed(text, rest).map(|(p, k)| Self::Item(p, k))?,
            "step" => keyed(text, rest).map(|(p, k)| Self::Step(p, k))?,
            "comment" => Self::Comment(rest.parse()?),
            "internal-comment" => Self::InternalComment(rest.parse()?),
            "blocker" => Self::Blocker(rest.parse()?),
            "import" => Self::Import(rest.parse()?),
            "account" => Self::Account(rest.parse()?),
            "device" => Self::Device(rest.parse()?),
            "assignment" => {
                let (a, t) = rest.split_once('/').ok_or_else(|| bad("entity", text, "it needs a tenant"))?;
                Self::Assignment(a.parse()?, t.parse()?)
            }
            _ => Self::Other(text.to_owned()),
        })
    }
}

serde_as_text!(Entity);

fn keyed(text: &str, rest: &str) -> Result<(ProjectId, String), BadId> {
    let (project, key) = rest.rsplit_once('/').ok_or_else(|| bad("entity", text, "it needs a key"))?;
    plain("key", key, "-_.")?;
    Ok((project.parse()?, key.to_owned()))
}

/// Who may read a type of entity. Visibility never varies by row (DESIGN "Audience").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The tenant's own people and the team.
    Client,
    /// The team alone: internal comments, a blocker's internals, accounts.
    Team,
}

impl Entity {
    /// The one audience of this type of entity. What a newer version wrote counts as the team's.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Tenant
            | Self::Project(_)
            | Self::Item(..)
            | Self::Step(..)
            | Self::Comment(_)
            | Self::Device(_) => Audience::Client,
            Self::InternalComment(_)
            | Self::Blocker(_)
            | Self::Import(_)
            | Self::Account(_)
            | Self::Assignment(..)
            | Self::Other(_) => Audience::Team,
        }
    }

    /// The project an item, step or project belongs to.
    pub fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Project(p) | Self::Item(p, _) | Self::Step(p, _) => Some(p),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_bad_ones_are_refused() {
        for text in ["t1:d1:1", "_person/a1:dead-beef:18446744073709551615"] {
            assert_eq!(text.parse::<OpId>().unwrap().to_string(), text);
        }
        for text in ["", "t1", "t1:d1", "t1:d1:0", "t1:d1:01", "t1:d1:-1", "T:d:1", "t1:d 1:1", "t1:d1:+1"] {
            assert!(text.parse::<OpId>().is_err(), "{text}");
        }
        for text in ["tenant", "project/p/0", "item/p/0/a.b", "blocker/t:d:1", "assignment/a/t", "wonder/1"] {
            assert_eq!(text.parse::<Entity>().unwrap().to_string(), text);
        }
        for text in ["", "item/p/0", "item/p/00/a", "project/p", "blocker/x", "a#b"] {
            assert!(text.parse::<Entity>().is_err(), "{text}");
        }
    }
}
