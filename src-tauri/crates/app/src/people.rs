//! The people of a tenant: who its roster says they are, in which roles and where.
//!
//! They are read from the roster on this computer and are the team's, as imports are: who reads the team's
//! part of a tenant sees them, and who may not import sees outlines. Nobody else is told that there are any.
//!
//! A roster may hold a million people, so nothing here holds them. Beside a page stands what was learned in
//! one pass over them ([`KnownPeople`]): their counts, the names of sites, the rows of roles in 16 bytes each
//! (`cairn_imports::people`), and where every thousandth stands, so that any page is found at once. That is
//! kept for the roster's revision by whoever shows the list, and dropped with the lock.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use cairn_domain::access::Action;
use cairn_domain::import::{Step, revisions};
use cairn_domain::{Hash, TenantId};
use cairn_imports::people::{Counted, Person, RoleRows, SiteId, Totals, is_person, people_kinds, site_name};
use cairn_imports::{Record, Watch};
use cairn_protocol::{ApiError, code};
use cairn_store::roster::{RecordRef, Roster, Walk};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Desk;
use crate::desk::id;
use crate::error::{Result, fault, store};
use crate::views::rfc3339;

/// People that are looked at for one page at most, so that a text which nobody has costs no more than any
/// other.
const MOST_LOOKED_AT: u64 = 20_000;
/// Every so many people it is noted where they stand.
const NOTED_EVERY: u64 = 1_000;
/// Records that are looked at in one go while that is noted, removed ones among them.
const STRETCH: usize = 20_000;
/// Rows on a page at most.
const MOST_ROWS: usize = 500;
/// Names of sites that are kept beside those that are listed.
const MOST_NAMES: usize = 5_000;

/// Which people are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PeopleQuery {
    /// Their id, name or address has this in it, in any case; of who sees outlines the outline has.
    pub text: String,
    /// Their main role is this word; a blank one stands for none.
    pub role: Option<String>,
    /// They are at this site.
    pub site: Option<String>,
    /// The place among all people at which the page begins, the first being 0.
    pub from: u64,
    /// Rows on the page; at most 500.
    pub limit: u32,
    /// Whether the answer has the counts as well, which are the same for every page.
    pub totals: bool,
}

/// A page of a tenant's people, by type and id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct PeoplePage {
    /// At most as many as were asked for. So many are looked at for a page that a filter may leave few of
    /// them, or none, and the page still has a next one.
    pub people: Vec<PersonRow>,
    /// The place at which the page began.
    #[ts(type = "number")]
    pub from: u64,
    /// Where the next page goes on; none at the end.
    #[ts(type = "number | null")]
    pub next: Option<u64>,
    /// All people of the roster.
    #[ts(type = "number")]
    pub total: u64,
    /// The counts, where they were asked for.
    pub totals: Option<PeopleTotals>,
    /// The revision of the roster; none where the tenant has none on this computer.
    #[ts(type = "number | null")]
    pub revision: Option<u64>,
    /// When the import was asked for that made the revision, by its author's clock, RFC 3339; none for a
    /// rollback.
    pub as_of: Option<String>,
    /// Whether what is about people shows as outlines, because this person may not import here.
    pub masked: bool,
}

/// Somebody of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PersonRow {
    /// The record's id.
    pub id: String,
    /// The record's type, such as `users`. With the id it names the person.
    pub kind: String,
    /// Given and family name.
    pub name: Option<String>,
    /// In the roster's own words, the main one first.
    pub roles: Vec<String>,
    /// The main one first.
    pub sites: Vec<PersonSite>,
    /// The address.
    pub email: Option<String>,
    /// As the roster writes them.
    pub grades: Option<String>,
    /// Whether the account may be used; none where the roster does not say.
    pub active: Option<bool>,
}

/// A site of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PersonSite {
    /// Its id in the roster.
    pub id: String,
    /// Its name; the id where the roster has none.
    pub name: String,
}

/// How many people there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct PeopleTotals {
    /// By main role, most first. With `other_roles` they are all people.
    pub roles: Vec<RoleCount>,
    /// People whose role is beyond the 200 that are listed.
    #[ts(type = "number")]
    pub other_roles: u64,
    /// By site, by name. Who is at several counts at each.
    pub sites: Vec<SiteCount>,
    /// Whether there are more sites than the 5,000 that are listed.
    pub more_sites: bool,
}

/// People of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RoleCount {
    /// The roster's own word; none for people without one.
    pub role: Option<String>,
    /// How many.
    #[ts(type = "number")]
    pub people: u64,
}

/// People of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SiteCount {
    /// Its id in the roster.
    pub id: String,
    /// Its name; the id where the roster has none.
    pub name: String,
    /// How many.
    #[ts(type = "number")]
    pub people: u64,
}

/// A tenant's people that are about to be read, apart from the desk.
pub struct PeopleReading {
    pub(crate) slug: String,
    tenant: TenantId,
    roster: Option<Roster>,
    pub(crate) masked: bool,
    /// When the imports were asked for that made revisions.
    asked: BTreeMap<u64, String>,
    watch: Watch,
}

/// What one pass over a roster's people taught about them: good for that revision of that tenant.
pub struct KnownPeople {
    tenant: TenantId,
    revision: u64,
    digest: Hash,
    rows: RoleRows,
    total: u64,
    totals: PeopleTotals,
    names: HashMap<SiteId, String>,
    /// In the order of the list; the last one of a place counts.
    marks: Vec<Mark>,
}

/// Where somebody stands: so many people come before, and the record behind `after` goes on from there.
struct Mark {
    place: u64,
    kind: usize,
    after: Option<String>,
}

impl Desk {
    /// The people of a tenant. Opens the roster on this computer and reads nothing of it yet; `watch` may end
    /// the pass over all of them.
    ///
    /// # Errors
    /// `unknown_tenant`; `not_allowed` for who does not read the team's part of the tenant; the
    /// `roster_...` codes where the roster cannot be opened.
    pub fn people_reading(&self, tenant: &str, watch: Watch) -> Result<PeopleReading> {
        let row = self.tenant(tenant)?;
        let of = id(&row)?;
        if !self.may(&of, Action::ReadTeam) {
            let message = "Your role does not show you the people of this roster. Ask whoever imported it.";
            return Err(fault(code::NOT_ALLOWED, message));
        }
        let imports = self.store.imports(&of).map_err(store)?;
        let asked = revisions(&imports).into_iter().filter_map(|one| {
            let is_import = matches!(one.step, Step::Import(_));
            let import = imports.iter().find(|import| is_import && import.id == one.import)?;
            Some((one.number, rfc3339(import.at)))
        });
        Ok(PeopleReading {
            asked: asked.collect(),
            roster: self.import_roster(&row.id)?,
            masked: self.is_masked(&row.id)?,
            tenant: of,
            slug: row.slug,
            watch,
        })
    }

    /// A page of a tenant's people, with all that is learned on the way to it.
    ///
    /// # Errors
    /// As [`Desk::people_reading`] and [`PeopleReading::page`].
    pub fn people(&self, tenant: &str, query: &PeopleQuery) -> Result<PeoplePage> {
        Ok(self.people_reading(tenant, Watch::default())?.page(None, query)?.0)
    }
}

impl PeopleReading {
    /// A page, and what is known of the people, to be handed over the next time; none where there is no
    /// roster. What is known of another revision or tenant is learned anew, which reads all people once.
    ///
    /// # Errors
    /// The `roster_...` codes where the roster cannot be read, `import_cancelled` where the watch ended it.
    pub fn page(
        &self,
        known: Option<Arc<KnownPeople>>,
        query: &PeopleQuery,
    ) -> Result<(PeoplePage, Option<Arc<KnownPeople>>)> {
        let Some(roster) = &self.roster else {
            let page = PeoplePage {
                masked: self.masked,
                totals: query.totals.then(PeopleTotals::default),
                ..PeoplePage::default()
            };
            return Ok((page, None));
        };
        roster.moment(|roster| {
            let known = self.known(roster, known)?;
            let page = self.page_of(roster, &known, query)?;
            Ok((page, Some(known)))
        })
    }

    /// Tells of everybody who passes, by type and id; `from`, `limit` and `totals` do not count. Answers the
    /// revision; none where there is no roster.
    ///
    /// # Errors
    /// What `visit` says; the `roster_...` codes where the roster cannot be read.
    pub fn each(
        &self,
        query: &PeopleQuery,
        mut visit: impl FnMut(PersonRow) -> Result<()>,
    ) -> Result<Option<u64>> {
        let Some(roster) = &self.roster else { return Ok(None) };
        roster.moment(|roster| {
            let (rows, fits) = (role_rows(roster, &self.watch)?, Fits::new(query));
            let mut names = Names::default();
            for kind in people_kinds() {
                let walk = Walk { kind, after: None, most: usize::MAX };
                roster.walk(walk, |record| {
                    let person = Person::read(&as_record(&record), &rows).map(|one| self.veiled(one));
                    if let Some(person) = person.filter(|one| fits.fits(one)) {
                        visit(names.row(roster, person)?)?;
                    }
                    Ok::<_, ApiError>(ControlFlow::Continue(()))
                })?;
            }
            Ok(roster.latest().map_err(store)?.map(|last| last.number))
        })
    }

    /// What is known of this revision, learned where it is not.
    fn known(&self, roster: &Roster, known: Option<Arc<KnownPeople>>) -> Result<Arc<KnownPeople>> {
        let last = roster.latest().map_err(store)?;
        let (revision, digest) = last.map_or((0, Hash::ZERO), |last| (last.number, last.digest));
        let is_its = |known: &Arc<KnownPeople>| {
            (&known.tenant, known.revision, known.digest) == (&self.tenant, revision, digest)
        };
        match known.filter(is_its) {
            Some(known) => Ok(known),
            None => Ok(Arc::new(self.learn(roster, revision, digest)?)),
        }
    }

    /// One pass over the rows of roles and one over all people.
    fn learn(&self, roster: &Roster, revision: u64, digest: Hash) -> Result<KnownPeople> {
        let rows = role_rows(roster, &self.watch)?;
        let (mut totals, mut marks, mut place) = (Totals::default(), Vec::new(), 0);
        for (number, kind) in people_kinds().enumerate() {
            let mut after: Option<String> = None;
            loop {
                marks.push(Mark { place, kind: number, after: after.clone() });
                let walk = Walk { kind, after: after.as_deref(), most: STRETCH };
                let next = roster.walk(walk, |record| {
                    if let Some(person) = Person::read(&as_record(&record), &rows) {
                        totals.count(&person);
                        place += 1;
                        self.watch.met(place)?;
                        if place.is_multiple_of(NOTED_EVERY) {
                            marks.push(Mark { place, kind: number, after: Some(person.id) });
                        }
                    }
                    Ok::<_, ApiError>(ControlFlow::Continue(()))
                })?;
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        let counted = totals.end();
        let mut names = Names::default();
        let (total, totals) = (counted.people, named(roster, counted, &mut names)?);
        let tenant = self.tenant.clone();
        Ok(KnownPeople { tenant, revision, digest, rows, total, totals, names: names.read, marks })
    }

    fn page_of(&self, roster: &Roster, known: &KnownPeople, query: &PeopleQuery) -> Result<PeoplePage> {
        let (found, place) = self.find(roster, known, query)?;
        let mut names = Names { listed: Some(&known.names), ..Names::default() };
        let rows = found.into_iter().map(|person| names.row(roster, person));
        Ok(PeoplePage {
            people: rows.collect::<Result<_>>()?,
            from: query.from,
            next: (place < known.total).then_some(place),
            total: known.total,
            totals: query.totals.then(|| known.totals.clone()),
            revision: Some(known.revision),
            as_of: self.asked.get(&known.revision).cloned(),
            masked: self.masked,
        })
    }

    /// Who passes from a place on, and the place behind the last that was looked at.
    fn find(&self, roster: &Roster, known: &KnownPeople, query: &PeopleQuery) -> Result<(Vec<Person>, u64)> {
        let (fits, limit) = (Fits::new(query), (query.limit as usize).clamp(1, MOST_ROWS));
        let Some(mark) = known.mark(query.from) else { return Ok((Vec::new(), query.from)) };
        let (mut found, mut place, mut after) = (Vec::new(), mark.place, mark.after.as_deref());
        let end = query.from.saturating_add(MOST_LOOKED_AT);
        for kind in people_kinds().skip(mark.kind) {
            let mut is_done = false;
            let walk = Walk { kind, after: after.take(), most: usize::MAX };
            roster.walk(walk, |record| {
                let record = as_record(&record);
                if !is_person(&record) {
                    return Ok(ControlFlow::Continue(()));
                }
                place += 1;
                if place > query.from {
                    let person = Person::read(&record, &known.rows).map(|one| self.veiled(one));
                    found.extend(person.filter(|one| fits.fits(one)));
                }
                is_done = found.len() == limit || place == end;
                Ok::<_, ApiError>(if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            if is_done {
                break;
            }
        }
        Ok((found, place))
    }

    fn veiled(&self, person: Person) -> Person {
        if self.masked { person.outlined() } else { person }
    }
}

impl KnownPeople {
    /// The last mark that is not behind a place; none where nobody stands there.
    fn mark(&self, place: u64) -> Option<&Mark> {
        let before = self.marks.partition_point(|mark| mark.place <= place);
        self.marks.get(before.checked_sub(1)?).filter(|_| place < self.total)
    }
}

fn role_rows(roster: &Roster, watch: &Watch) -> Result<RoleRows> {
    let (mut rows, mut met) = (RoleRows::default(), 0);
    roster.walk(Walk { kind: RoleRows::KIND, after: None, most: usize::MAX }, |record| {
        met += 1;
        watch.met(met)?;
        rows.know(&as_record(&record));
        Ok::<_, ApiError>(ControlFlow::Continue(()))
    })?;
    rows.end();
    Ok(rows)
}

/// The counts as they are shown: sites by their names.
fn named(roster: &Roster, counted: Counted, names: &mut Names<'_>) -> Result<PeopleTotals> {
    let mut sites = Vec::with_capacity(counted.sites.len());
    for (site, people) in counted.sites {
        sites.push(SiteCount { name: names.of(roster, &site)?, id: site.id, people });
    }
    sites.sort_by(|a, b| (a.name.to_lowercase(), &a.id).cmp(&(b.name.to_lowercase(), &b.id)));
    Ok(PeopleTotals {
        roles: counted.roles.into_iter().map(|(role, people)| RoleCount { role, people }).collect(),
        other_roles: counted.other_roles,
        sites,
        more_sites: counted.has_other_sites,
    })
}

/// Names of sites, each read once as long as there are not too many.
#[derive(Default)]
struct Names<'k> {
    listed: Option<&'k HashMap<SiteId, String>>,
    read: HashMap<SiteId, String>,
}

impl Names<'_> {
    fn of(&mut self, roster: &Roster, site: &SiteId) -> Result<String> {
        let known = self.listed.and_then(|listed| listed.get(site)).or_else(|| self.read.get(site));
        if let Some(name) = known {
            return Ok(name.clone());
        }
        let name = name_of(roster, site)?.unwrap_or_else(|| site.id.clone());
        if self.read.len() < MOST_NAMES {
            self.read.insert(site.clone(), name.clone());
        }
        Ok(name)
    }

    fn row(&mut self, roster: &Roster, person: Person) -> Result<PersonRow> {
        let mut sites = Vec::with_capacity(person.sites.len());
        for site in person.sites {
            sites.push(PersonSite { name: self.of(roster, &site)?, id: site.id });
        }
        Ok(PersonRow {
            id: person.id,
            kind: person.kind.to_owned(),
            name: person.name,
            roles: person.roles,
            sites,
            email: person.email,
            grades: person.grades,
            active: person.is_active,
        })
    }
}

/// The name that the roster has for a site; none where the site is its name, or has no record.
fn name_of(roster: &Roster, site: &SiteId) -> Result<Option<String>> {
    let Some(kind) = site.kind else { return Ok(None) };
    let Some(record) = roster.get(kind, &site.id).map_err(store)? else { return Ok(None) };
    let values: Vec<(&str, &str)> =
        record.values.iter().map(|(column, value)| (column.as_str(), value.as_str())).collect();
    Ok(site_name(&Record { kind: &record.kind, id: &record.id, values: &values }).map(str::to_owned))
}

/// A query made ready.
struct Fits<'q> {
    text: String,
    role: Option<&'q str>,
    site: Option<&'q str>,
}

impl<'q> Fits<'q> {
    fn new(query: &'q PeopleQuery) -> Self {
        let text = query.text.trim().to_lowercase();
        Self { text, role: query.role.as_deref(), site: query.site.as_deref() }
    }

    fn fits(&self, person: &Person) -> bool {
        self.role.is_none_or(|role| person.role().unwrap_or_default() == role)
            && self.site.is_none_or(|site| person.sites.iter().any(|one| one.id == site))
            && (self.text.is_empty() || person.has(&self.text))
    }
}

fn as_record<'r>(record: &RecordRef<'r>) -> Record<'r> {
    Record { kind: record.kind, id: record.id, values: record.values }
}
