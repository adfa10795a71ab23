//! What a roster has to be, said without versions: the committed imports and rollbacks of a journal, one
//! after the other, over a plain map of records. What somebody changed since is kept.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::change::Change;
use cairn_domain::digest::SetHash;
use cairn_domain::import::{
    ImportCommitted, ImportCounts, ImportRefused, ImportRequest, ImportRolledBack, WITHDRAWN,
};
use cairn_domain::{Hash, OpId};

use crate::oracle::Journal;
use crate::plan::{Key, Plan, Values};
use crate::world::Failure;

/// Plans by the name of their file.
pub type Plans = BTreeMap<String, Plan>;

/// More of a type that is updated than this has to be meant, and of what is removed.
const HOLDS: (f64, f64) = (0.75, 0.10);

/// Something that a record was once made, and that can stand again: by its place, 0 for nothing.
type Content = usize;

/// What a revision did to one record.
#[derive(Debug, Clone)]
struct Changed {
    key: Key,
    before: Content,
    after: Content,
}

/// A roster as the journal makes it.
#[derive(Debug)]
pub struct Model {
    contents: Vec<Option<Values>>,
    standing: BTreeMap<Key, Content>,
    revisions: Vec<Vec<Changed>>,
}

impl Default for Model {
    fn default() -> Self {
        Self { contents: vec![None], standing: BTreeMap::new(), revisions: Vec::new() }
    }
}

impl Model {
    /// The records that stand.
    pub fn records(&self) -> BTreeMap<Key, Values> {
        let read = |(key, content): (&Key, &Content)| Some((key.clone(), self.values(*content)?.clone()));
        self.standing.iter().filter_map(read).collect()
    }

    /// The last revision.
    pub fn number(&self) -> u64 {
        self.revisions.len() as u64
    }

    /// The digest of the records that stand.
    pub fn digest(&self) -> Hash {
        digest_of(&self.records())
    }

    fn values(&self, content: Content) -> Option<&Values> {
        self.contents.get(content)?.as_ref()
    }

    fn stands(&self, key: &Key) -> Content {
        self.standing.get(key).copied().unwrap_or(0)
    }

    fn import(&mut self, entries: &BTreeMap<Key, Option<Values>>) {
        let mut changes = Vec::new();
        for (key, values) in entries {
            let before = self.stands(key);
            if self.values(before) != values.as_ref() {
                self.contents.push(values.clone());
                changes.push(Changed { key: key.clone(), before, after: self.contents.len() - 1 });
            }
        }
        self.make(changes);
    }

    /// Takes a revision back; answers which records it kept.
    fn roll_back(&mut self, number: u64) -> Result<BTreeSet<Key>, Failure> {
        let place = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
        let taken = self.revisions.get(place).cloned();
        let taken = taken.ok_or_else(|| Failure::new(format!("there is no revision {number}")))?;
        let later: BTreeSet<&Key> =
            self.revisions.iter().skip(place + 1).flatten().map(|one| &one.key).collect();
        let staying = self.staying(&taken, &later);
        let (stands, kept): (Vec<Changed>, Vec<Changed>) = taken
            .into_iter()
            .partition(|one| self.stands(&one.key) == one.after && !staying.contains(&one.key));
        let back = |Changed { key, before, after }| Changed { key, before: after, after: before };
        self.make(stands.into_iter().map(back).collect());
        Ok(kept.into_iter().map(|one| one.key).collect())
    }

    /// What a rollback of these changes may not touch: a school that it would remove and that a student
    /// names who came `later` or stays, and a student who would be again at a school that was removed later.
    fn staying(&self, taken: &[Changed], later: &BTreeSet<&Key>) -> BTreeSet<Key> {
        let goes_back = |key: &Key| taken.iter().find(|one| one.key == *key && self.stands(key) == one.after);
        let leaves = |key: &Key| {
            goes_back(key).is_some_and(|one| self.values(one.before).is_none())
                && self.values(self.stands(key)).is_some()
        };
        let named = |key: &Key, values: Option<&Values>| {
            let school = values?.get("School_id").filter(|_| key.0 == "students")?;
            Some(("schools".to_owned(), school.clone()))
        };
        let came_later = later.iter().filter(|key| goes_back(key).is_none());
        let mut open: Vec<Key> = came_later
            .filter_map(|key| named(key, self.values(self.stands(key))))
            .filter(|school| leaves(school))
            .collect();
        let is_gone = |key: &Key| later.contains(key) && self.values(self.stands(key)).is_none();
        let would_be = taken.iter().filter(|one| goes_back(&one.key).is_some());
        open.extend(
            would_be
                .filter(|one| named(&one.key, self.values(one.before)).is_some_and(|school| is_gone(&school)))
                .map(|one| one.key.clone()),
        );
        let mut staying = BTreeSet::new();
        while let Some(key) = open.pop() {
            let next = named(&key, self.values(self.stands(&key))).filter(|school| leaves(school));
            if staying.insert(key) {
                open.extend(next);
            }
        }
        staying
    }

    fn make(&mut self, changes: Vec<Changed>) {
        for Changed { key, after, .. } in &changes {
            self.standing.insert(key.clone(), *after);
        }
        self.revisions.push(changes);
    }

    /// What the last revision did, for these types and those that it changed; `there` is what stood before.
    fn counts(
        &self,
        request: &ImportRequest,
        there: &BTreeMap<Key, Values>,
    ) -> BTreeMap<String, ImportCounts> {
        let mut counts: BTreeMap<String, ImportCounts> =
            request.records.keys().map(|kind| (kind.clone(), ImportCounts::default())).collect();
        for one in self.revisions.last().into_iter().flatten() {
            let of = counts.entry(one.key.0.clone()).or_default();
            match (self.values(one.before), self.values(one.after)) {
                (None, Some(_)) => of.create += 1,
                (Some(_), Some(_)) => of.update += 1,
                (Some(_), None) => of.remove += 1,
                (None, None) => {}
            }
        }
        for (kind, of) in &mut counts {
            let there = there.keys().filter(|(one, _)| one == kind).count() as u64;
            of.unchanged = there.saturating_sub(of.update + of.remove);
        }
        counts.retain(|kind, of| request.records.contains_key(kind) || *of != ImportCounts::default());
        counts
    }
}

/// The digest of records, as docs/sync-protocol.md tells it.
pub fn digest_of(records: &BTreeMap<Key, Values>) -> Hash {
    let mut sum = SetHash::default();
    for ((kind, id), values) in records {
        let mut parts = vec![kind.as_bytes(), id.as_bytes()];
        parts.extend(values.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        sum.add_hash(Hash::of("cairn roster record 1", &parts));
    }
    sum.to_hash()
}

/// An import as a journal tells it.
struct Asked<'j> {
    request: &'j ImportRequest,
    /// Somebody asked to take it back.
    back_asked: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Refused,
    Committed(u64),
    RolledBack,
}

/// The roster of a journal, and what is still to be answered there.
pub struct Told {
    /// What has to stand.
    pub model: Model,
    /// Imports, and rollbacks of committed ones, without an answer.
    pub open: Vec<OpId>,
}

/// Goes through a journal, and holds every answer of the service against what it has to be.
///
/// # Errors
/// The first answer that is wrong, or that there should be none of.
pub fn tell(journal: &Journal, plans: &Plans) -> Result<Told, Failure> {
    let mut telling = Telling { plans, model: Model::default(), asked: BTreeMap::new() };
    for op in journal.ops() {
        telling
            .hear(journal, &op.header.op, &op.body.change)
            .map_err(|f| Failure::new(format!("{}: {f}", op.header.op)))?;
    }
    let open = telling.asked.iter().filter(|(_, one)| match one.outcome {
        Outcome::Open => true,
        Outcome::Committed(_) => one.back_asked,
        Outcome::Refused | Outcome::RolledBack => false,
    });
    let open = open.map(|(id, _)| id.clone()).collect();
    Ok(Told { model: telling.model, open })
}

struct Telling<'j> {
    plans: &'j Plans,
    model: Model,
    asked: BTreeMap<OpId, Asked<'j>>,
}

impl<'j> Telling<'j> {
    fn hear(&mut self, journal: &Journal, op: &OpId, change: &'j Change) -> Result<(), Failure> {
        match change {
            Change::ImportRequested(request) => {
                let asked = Asked { request, back_asked: false, outcome: Outcome::Open };
                self.asked.insert(op.clone(), asked);
                Ok(())
            }
            Change::ImportRollbackRequested { import } => {
                self.asked_of(&journal.stands_as(import))?.back_asked = true;
                Ok(())
            }
            Change::ImportCommitted { import, committed } => self.committed(import, committed),
            Change::ImportRefused { import, refused } => {
                let restored = journal.row.state.restored_from.is_some();
                self.refused(import, refused, restored)
            }
            Change::ImportRolledBack { import, rolled_back } => self.rolled_back(import, rolled_back),
            _ => Ok(()),
        }
    }

    fn asked_of(&mut self, import: &OpId) -> Result<&mut Asked<'j>, Failure> {
        self.asked.get_mut(import).ok_or_else(|| Failure::new(format!("nobody asked for {import}")))
    }

    fn plan_of(&self, request: &ImportRequest) -> Result<&'j Plan, Failure> {
        self.plans.get(&request.blob).ok_or_else(|| Failure::new("nobody made its file"))
    }

    /// Ends an import that is open.
    fn end(&mut self, import: &OpId, outcome: Outcome) -> Result<&'j ImportRequest, Failure> {
        let asked = self.asked_of(import)?;
        if asked.outcome != Outcome::Open {
            return Err(Failure::new(format!("{import} is answered twice")));
        }
        asked.outcome = outcome;
        Ok(asked.request)
    }

    fn committed(&mut self, import: &OpId, committed: &ImportCommitted) -> Result<(), Failure> {
        if self.asked_of(import)?.back_asked {
            return Err(Failure::new("it was carried out although it had been taken back"));
        }
        let request = self.end(import, Outcome::Committed(committed.revision))?;
        let plan = self.plan_of(request)?;
        if let Some(code) = plan.refusal(request) {
            return Err(Failure::new(format!("it was committed and should be refused: {code}")));
        }
        let there = self.model.records();
        if plan.broken(&there) > request.broken {
            return Err(Failure::new("its references should not be taken, and it is committed"));
        }
        self.model.import(&plan.entries);
        let counts = self.model.counts(request, &there);
        self.is_as_told(committed.revision, committed.digest, &committed.counts, &counts)?;
        match held(&counts) {
            true if !request.holds_confirmed => Err(Failure::new("it should be held, and is committed")),
            _ => Ok(()),
        }
    }

    fn refused(&mut self, import: &OpId, refused: &ImportRefused, restored: bool) -> Result<(), Failure> {
        let back_asked = self.asked_of(import)?.back_asked;
        let request = self.end(import, Outcome::Refused)?;
        let plan = self.plan_of(request)?;
        let expected = match (back_asked, plan.refusal(request)) {
            (true, _) => WITHDRAWN,
            (false, Some(code)) => code,
            (false, None) if plan.broken(&self.model.records()) > request.broken => "import_references",
            (false, None) => "import_held",
        };
        // After a restore the answer may be one that was right in what is gone.
        let is_right =
            refused.code == expected && (expected != "import_held" || self.would_hold(plan, request));
        if is_right || restored {
            return Ok(());
        }
        Err(Failure::new(format!("it is refused with {}, not with {expected}", refused.code)))
    }

    fn would_hold(&self, plan: &Plan, request: &ImportRequest) -> bool {
        let there = self.model.records();
        let mut tried = Model::default();
        tried.import(&there.iter().map(|(key, values)| (key.clone(), Some(values.clone()))).collect());
        tried.import(&plan.entries);
        !request.holds_confirmed && held(&tried.counts(request, &there))
    }

    fn rolled_back(&mut self, import: &OpId, back: &ImportRolledBack) -> Result<(), Failure> {
        let asked = self.asked_of(import)?;
        if asked.outcome != Outcome::Committed(back.takes_back) || !asked.back_asked {
            return Err(Failure::new(format!("it takes back revision {}, which is not it", back.takes_back)));
        }
        asked.outcome = Outcome::RolledBack;
        let request = asked.request;
        let there = self.model.records();
        let kept = self.model.roll_back(back.takes_back)?;
        let counts = self.model.counts(request, &there);
        self.is_as_told(back.revision, back.digest, &back.counts, &counts)?;
        let told: BTreeSet<Key> =
            back.kept.iter().map(|left| (left.r#type.clone(), left.id.clone())).collect();
        if told != kept || back.kept_count != kept.len() as u64 || back.failed_count != 0 {
            return Err(Failure::new(format!("it kept {told:?}, failed {:?}; not {kept:?}", back.failed)));
        }
        Ok(())
    }

    fn is_as_told(
        &self,
        revision: u64,
        digest: Hash,
        told: &BTreeMap<String, ImportCounts>,
        counts: &BTreeMap<String, ImportCounts>,
    ) -> Result<(), Failure> {
        if revision != self.model.number() {
            return Err(Failure::new(format!("it is revision {revision}, not {}", self.model.number())));
        }
        if told != counts {
            return Err(Failure::new(format!("it did {told:?}, not {counts:?}")));
        }
        if digest != self.model.digest() {
            return Err(Failure::new(format!("the digest of revision {revision} is another one")));
        }
        Ok(())
    }
}

/// Whether so much changes that somebody has to have meant it.
fn held(counts: &BTreeMap<String, ImportCounts>) -> bool {
    counts.values().any(|of| {
        let there = (of.update + of.unchanged + of.remove) as f64;
        let over = |count: u64, limit: f64| there > 0.0 && count as f64 / there > limit;
        over(of.update, HOLDS.0) || over(of.remove, HOLDS.1)
    })
}
