//! The History screen: who changed what, when and why, before and after; and taking changes back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cairn_domain::change::{Change, Visibility};
use cairn_domain::undo::Did;
use cairn_domain::{AccountId, Entity, OpId, TenantId, Time};
use cairn_store::{ChangesQuery, HistoryLine, OutboxState, Place, Reverted, Run, TenantSummary};
use serde_json::Value;

use crate::Desk;
use crate::api::{ChangeRow, HistoryFilter, HistoryPage, Person, RefusedRow, RevertView};
use crate::desk::{Loaded, parse_op};
use crate::error::{Result, fault, store};
use crate::history;
use crate::many::MOST_AT_ONCE;
use crate::views::{Names, field_words, rfc3339, value_words};

/// Rows of a page where nobody says how many.
const PAGE: u32 = 200;

/// Rows of a page at most.
const LARGEST_PAGE: u32 = 1_000;

/// Entries that one call looks through for words; then it answers what it found, and the next call
/// goes on. So no call keeps the desk for longer than about a tenth of a second.
const SEARCHED: usize = 2_000;

/// Verbs by what the filter calls them; what is not named here is `other`.
const KINDS: &[(&str, &[&str])] = &[
    ("status", &["ItemStatusSet"]),
    ("field", &["ItemFieldSet"]),
    ("comment", &["CommentAdded"]),
    ("blocker", &["BlockerFieldSet"]),
    ("project", &["TenantCreated", "ProjectStarted", "ProjectUpgraded", "ProjectFieldSet"]),
    (
        "import",
        &[
            "ImportRequested",
            "ImportCommitted",
            "ImportRefused",
            "ImportRollbackRequested",
            "ImportRolledBack",
            "ImportExported",
        ],
    ),
    ("other", &["HeldAdopted", "HeldDiscarded", "ServiceRestored"]),
];

/// Tenants as far as rows need them: loaded when a row names them, without their cells.
struct Tenants<'a> {
    desk: &'a Desk,
    summaries: HashMap<TenantId, TenantSummary>,
    names: Names,
    loaded: BTreeMap<TenantId, Loaded>,
}

impl<'a> Tenants<'a> {
    fn of(desk: &'a Desk) -> Result<Self> {
        let all = desk.store.tenants().map_err(store)?;
        Ok(Self {
            desk,
            summaries: all.into_iter().map(|s| (s.id.clone(), s)).collect(),
            names: desk.names()?,
            loaded: BTreeMap::new(),
        })
    }

    fn name(&self, tenant: &TenantId) -> String {
        self.summaries.get(tenant).map_or_else(|| tenant.to_string(), |s| s.name.clone())
    }

    /// The tenant with its names and titles. Its cells are left out: no row reads them.
    fn get(&mut self, tenant: &TenantId) -> Result<&Loaded> {
        if !self.loaded.contains_key(tenant) {
            let fresh = self.load(tenant)?;
            self.loaded.insert(tenant.clone(), fresh);
        }
        self.loaded.get(tenant).ok_or_else(|| fault("internal", "A tenant was not loaded."))
    }

    fn load(&self, tenant: &TenantId) -> Result<Loaded> {
        let project = match self.summaries.get(tenant).and_then(|s| s.project.clone()) {
            None => None,
            Some(view) => {
                let book = self.desk.store.playbook(tenant, &view.playbook.digest).map_err(store)?;
                book.map(|book| (view, book))
            }
        };
        Ok(Loaded {
            tenant: tenant.clone(),
            cells: Arc::default(),
            project,
            names: self.names.clone(),
            pending: Default::default(),
        })
    }
}

impl Desk {
    /// A page of the changes of one tenant or of all, newest first: own unconfirmed ones, then, in a
    /// tenant, by their place in its journal, across tenants by their authors' clocks.
    ///
    /// A page costs what it shows, however long the history is. Words are looked for in what rows
    /// show, newest first and a stretch at a time: `next` goes on where this call stopped, and the
    /// page may then hold fewer rows than asked for, or none.
    ///
    /// # Errors
    /// `unknown_tenant`, `bad_kind`, `bad_date`, `bad_id`; whatever the store reports.
    pub fn changes(&self, filter: &HistoryFilter) -> Result<HistoryPage> {
        let mut tenants = Tenants::of(self)?;
        let words = words_of(filter);
        let limit = filter.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE) as usize;
        let mut query = query_of(filter, &tenants)?;
        query.limit = if words.is_empty() { limit } else { SEARCHED };
        let is_first = query.after.is_none();
        let found = self.store.changes(&query).map_err(store)?;
        let mut page = HistoryPage {
            next: found.next.as_ref().map(place_text).transpose()?,
            complete_from: self.complete_from(query.tenant.as_ref())?,
            entity_title: self.entity_title(&query, &mut tenants)?,
            ..HistoryPage::default()
        };
        for line in &found.lines {
            let row = self.change_row(line, &mut tenants)?;
            if fits(&row, &words) {
                page.ops.push(row);
            }
        }
        if !words.is_empty() && page.next.is_some() {
            page.searched_to = found.lines.last().and_then(|line| line.at.or(line.received_at)).map(rfc3339);
        }
        if is_first {
            page.people = people(&tenants.names, &self.identity()?.account);
            if words.is_empty() {
                page.total = Some(self.store.count_changes(&query).map_err(store)?);
            }
        }
        Ok(page)
    }

    fn complete_from(&self, tenant: Option<&TenantId>) -> Result<u64> {
        let Some(tenant) = tenant else { return Ok(1) };
        Ok(self.store.unfilled().map_err(store)?.get(tenant).copied().unwrap_or(1))
    }

    fn entity_title(&self, query: &ChangesQuery, tenants: &mut Tenants<'_>) -> Result<Option<String>> {
        match (&query.tenant, &query.entity) {
            (Some(tenant), Some(entity)) => Ok(Some(tenants.get(tenant)?.title(entity))),
            _ => Ok(None),
        }
    }

    fn change_row(&self, line: &HistoryLine, tenants: &mut Tenants<'_>) -> Result<ChangeRow> {
        let cannot = self.cannot(line)?;
        let me = self.identity()?.account.clone();
        let tenant_name = tenants.name(&line.op.tenant);
        let loaded = tenants.get(&line.op.tenant)?;
        let told = told(line, loaded);
        Ok(ChangeRow {
            id: line.op.to_string(),
            tenant: line.op.tenant.to_string(),
            tenant_name,
            at: line.at.or(line.received_at).map(rfc3339).unwrap_or_default(),
            actor: line.actor.as_ref().map(|actor| loaded.names.of(actor)),
            mine: line.actor.as_ref() == Some(&me),
            kind: kind_of(line.verb.as_deref()).to_owned(),
            title: told.title,
            field: told.field,
            before: told.before,
            after: told.after,
            reason: told.reason,
            entity: line.change.as_ref().and_then(item_of).map(|item| item.to_string()),
            outcome: history::outcome(line),
            cannot,
        })
    }

    /// Why a change cannot be taken back; refused and dropped ones have nothing to take back.
    fn cannot(&self, line: &HistoryLine) -> Result<Option<String>> {
        let in_force = matches!(line.state, None | Some(OutboxState::Pending | OutboxState::Receipted));
        if !in_force {
            return Ok(Some("not_in_force".to_owned()));
        }
        Ok(self.store.undoable(line).map_err(store)?.err().map(|refusal| refusal.code))
    }

    /// Takes changes back by ordinary writes, newest first, each tenant's in one transaction; with
    /// `keep` false nothing is written and the answer says what would happen. What wrote over one
    /// another is one write. Taking `writes` back in the same way restores everything.
    ///
    /// # Errors
    /// `too_many` above [`MOST_AT_ONCE`], `bad_id`, `lease_expired`, `signed_out`; whatever the store
    /// reports, and the tenants after that one are left alone.
    pub fn revert(&mut self, ops: &[String], keep: bool, now: Time) -> Result<RevertView> {
        self.within_lease(now)?;
        if ops.len() > MOST_AT_ONCE {
            let message = format!("At most {MOST_AT_ONCE} changes can be taken back at once. Select fewer.");
            return Err(fault("too_many", message));
        }
        let mut by_tenant: BTreeMap<TenantId, Vec<OpId>> = BTreeMap::new();
        for op in ops {
            let op = parse_op(op)?;
            by_tenant.entry(op.tenant.clone()).or_default().push(op);
        }
        let run = if keep { Run::Keep } else { Run::Try };
        let mut view = RevertView::default();
        for (tenant, ops) in &by_tenant {
            let done = self.store.revert(tenant, ops, now, run).map_err(store)?;
            self.tell(done, &mut view)?;
        }
        view.writes.reverse();
        Ok(view)
    }

    fn tell(&self, done: Vec<Reverted>, view: &mut RevertView) -> Result<()> {
        let mut tenants = Tenants::of(self)?;
        for reverted in done {
            match reverted.outcome {
                Ok(written) => {
                    view.reverted += u32::try_from(reverted.ops.len()).unwrap_or(u32::MAX);
                    view.writes.push(written.op.to_string());
                }
                Err(error) => {
                    for op in &reverted.ops {
                        view.refused.push(self.refused_row(op, &error, &mut tenants)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn refused_row(
        &self,
        op: &OpId,
        error: &cairn_store::StoreError,
        tenants: &mut Tenants<'_>,
    ) -> Result<RefusedRow> {
        let change = self.store.change(op).map_err(store)?.and_then(|line| line.change);
        let tenant_name = tenants.name(&op.tenant);
        let loaded = tenants.get(&op.tenant)?;
        Ok(RefusedRow {
            id: op.to_string(),
            tenant_name,
            summary: change.map_or_else(|| op.to_string(), |change| history::sentence(&change, loaded)),
            code: error.code().to_owned(),
            message: error.to_string(),
        })
    }
}

fn query_of(filter: &HistoryFilter, tenants: &Tenants<'_>) -> Result<ChangesQuery> {
    let tenant: Option<TenantId> = filter.tenant.as_deref().map(id).transpose()?;
    if let Some(tenant) = tenant.as_ref().filter(|tenant| !tenants.summaries.contains_key(tenant)) {
        return Err(fault("unknown_tenant", format!("There is no tenant '{tenant}' on this computer.")));
    }
    Ok(ChangesQuery {
        tenant,
        entity: filter.entity.as_deref().map(id).transpose()?,
        actor: filter.person.as_deref().map(id::<AccountId>).transpose()?,
        verbs: filter.kind.as_deref().map(verbs_of).transpose()?.unwrap_or_default(),
        from: filter.from.as_deref().map(moment).transpose()?,
        until: filter.until.as_deref().map(moment).transpose()?,
        after: filter.after.as_deref().map(place_of).transpose()?,
        limit: 0,
    })
}

fn id<T: std::str::FromStr<Err = cairn_domain::id::BadId>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: cairn_domain::id::BadId| fault("bad_id", error.to_string()))
}

fn moment(text: &str) -> Result<Time> {
    text.parse().map_err(|_| fault("bad_date", format!("'{text}' is not a moment as in RFC 3339.")))
}

fn verbs_of(kind: &str) -> Result<Vec<String>> {
    let found = KINDS.iter().find(|(name, _)| *name == kind);
    let (_, verbs) = found.ok_or_else(|| fault("bad_kind", format!("'{kind}' is not a kind of change.")))?;
    Ok(verbs.iter().map(|verb| (*verb).to_owned()).collect())
}

fn kind_of(verb: Option<&str>) -> &'static str {
    let named = KINDS.iter().find(|(_, verbs)| verb.is_some_and(|verb| verbs.contains(&verb)));
    named.map_or("other", |(kind, _)| kind)
}

fn place_text(place: &Place) -> Result<String> {
    serde_json::to_string(place).map_err(|error| fault("internal", error.to_string()))
}

fn place_of(text: &str) -> Result<Place> {
    serde_json::from_str(text).map_err(|_| fault("bad_id", "That is not a place in a history."))
}

fn people(names: &Names, me: &AccountId) -> Vec<Person> {
    let mut people: Vec<Person> = names
        .0
        .iter()
        .map(|(account, (name, role))| Person {
            account: account.to_string(),
            name: name.clone(),
            role: role.clone(),
        })
        .collect();
    people.sort_by_key(|person| (person.account != me.as_str(), person.name.to_lowercase()));
    people
}

fn words_of(filter: &HistoryFilter) -> Vec<String> {
    let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Whether every word occurs somewhere in what the row shows.
fn fits(row: &ChangeRow, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let parts = [&row.actor, &row.field, &row.before, &row.after, &row.reason].map(Option::as_deref);
    let shown = parts.into_iter().flatten().chain([row.title.as_str(), &row.tenant_name]);
    let shown = shown.collect::<Vec<_>>().join("\n").to_lowercase();
    words.iter().all(|word| shown.contains(word))
}

/// What a row says.
struct Told {
    title: String,
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
    reason: Option<String>,
}

fn told(line: &HistoryLine, loaded: &Loaded) -> Told {
    let Some(change) = &line.change else {
        let title = line.verb.clone().unwrap_or_else(|| "A change that is not for this reader".to_owned());
        return sentence(title, line.reason.clone());
    };
    match (change, history::main_cell(&line.did)) {
        (Change::CommentAdded { on, text, visibility }, _) => Told {
            title: loaded.title(on),
            field: Some(
                if *visibility == Visibility::Client { "comment for the client" } else { "comment" }
                    .to_owned(),
            ),
            before: None,
            after: Some(text.clone()),
            reason: line.reason.clone(),
        },
        (
            Change::ItemStatusSet { .. }
            | Change::ItemFieldSet { .. }
            | Change::ProjectFieldSet { .. }
            | Change::BlockerFieldSet { .. },
            Some(did),
        ) => before_and_after(did, line, loaded),
        _ => sentence(history::sentence(change, loaded), line.reason.clone()),
    }
}

fn sentence(title: String, reason: Option<String>) -> Told {
    Told { title, field: None, before: None, after: None, reason }
}

fn before_and_after(did: &Did, line: &HistoryLine, loaded: &Loaded) -> Told {
    let field = did.cell.field.as_str();
    let words = |value: &Value| value_words(field, value, &loaded.names).0;
    let before: Vec<String> = match &did.before[..] {
        [] => vec![words(&Value::Null)],
        values => values.iter().map(words).collect(),
    };
    let own = history::reason(line.change.as_ref());
    Told {
        title: loaded.title(&did.cell.entity),
        field: Some(field_words(field).to_owned()),
        before: Some(before.join(" / ")),
        after: Some(words(&did.after)),
        reason: own.or_else(|| line.reason.clone()),
    }
}

/// The item or step a change is about, to open it.
fn item_of(change: &Change) -> Option<&Entity> {
    let entity = match change {
        Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. } => item,
        Change::CommentAdded { on, .. } => on,
        _ => return None,
    };
    matches!(entity, Entity::Item(..)).then_some(entity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_can_be_asked_for_and_is_named_by_its_kind() {
        for (kind, verbs) in KINDS {
            assert_eq!(verbs_of(kind).ok(), Some(verbs.iter().map(|v| (*v).to_owned()).collect()));
            for verb in *verbs {
                assert_eq!(kind_of(Some(verb)), *kind);
            }
        }
        assert_eq!(verbs_of("nonsense").err().map(|e| e.code), Some("bad_kind".to_owned()));
        assert_eq!(kind_of(Some("FromTheFuture")), "other");
        assert_eq!(kind_of(None), "other");
    }
}
