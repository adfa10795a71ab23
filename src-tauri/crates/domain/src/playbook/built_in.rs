//! The playbooks that ship with Cairn.

/// A playbook that ships with Cairn, as it stands in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Key of the playbook, the same as in its source.
    pub key: &'static str,
    /// The playbook file; [`parse`](super::parse) accepts it (a test holds this).
    pub source: &'static str,
    /// The guide, in Markdown, whose sections the `guide:KEY#SECTION` links of the file name.
    /// It is part of the program so that it can be read without a network.
    pub guide: &'static str,
}

static BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        key: "school-district",
        source: include_str!("../../playbooks/school-district.toml"),
        guide: include_str!("../../../../../docs/guides/school-district.md"),
    },
    BuiltIn {
        key: "first-school-go-live",
        source: include_str!("../../playbooks/first-school-go-live.toml"),
        guide: include_str!("../../../../../docs/guides/first-school-go-live.md"),
    },
    BuiltIn {
        key: "pilot-ministry",
        source: include_str!("../../playbooks/pilot-ministry.toml"),
        guide: include_str!("../../../../../docs/guides/pilot-ministry.md"),
    },
    BuiltIn {
        key: "ethics-line-client",
        source: include_str!("../../playbooks/ethics-line-client.toml"),
        guide: include_str!("../../../../../docs/guides/ethics-line-client.md"),
    },
    BuiltIn {
        key: "regional-workshop",
        source: include_str!("../../playbooks/regional-workshop.toml"),
        guide: include_str!("../../../../../docs/guides/regional-workshop.md"),
    },
];

/// The playbooks that ship with Cairn, in the order they are offered.
pub fn built_in() -> &'static [BuiltIn] {
    BUILT_IN
}

/// The built-in playbook with this key.
pub fn built_in_by_key(key: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|playbook| playbook.key == key)
}
