//! Demo data: people, tenants and work that looks like some weeks of roll-outs. The same seed gives
//! the same people and tenants; what is there already is left alone.

use cairn_domain::access::Role;
use cairn_domain::change::{ItemField, Status, Visibility};
use cairn_domain::playbook::{self, Playbook};
use cairn_domain::{Change, Entity, ProjectId, TenantId, Time};
use cairn_protocol::auth::device_id;
use ed25519_dalek::SigningKey;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::{self, NewTenant, NewUser};
use crate::error::{Error, Result};
use crate::handlers::sign_in;
use crate::journal::{Desk, Journal, Pen, random_bytes};
use crate::org::{self, Caller, side};
use crate::password;
use crate::service::{Ask, Service, enrolled, public_hex};
use crate::storage::{Mode, with};

/// What was seeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeded {
    /// People who can sign in.
    pub people: Vec<Person>,
    /// Slugs of the tenants; both specialists share the first.
    pub tenants: Vec<String>,
}

/// A person who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Sign-in name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Password.
    pub password: String,
}

const PEOPLE: [(&str, Role); 9] = [
    ("ana.reyes", Role::ImplSpec),
    ("ben.okafor", Role::ImplSpec),
    ("mia.larsen", Role::ImplMgr),
    ("carl.nguyen", Role::Csm),
    ("pia.novak", Role::PlatformAdmin),
    ("dora.klein", Role::DistrictAdmin),
    ("sam.ito", Role::SupportTier1),
    ("lea.brandt", Role::SchoolAdmin),
    ("tom.silva", Role::Teacher),
];
const PLACES: [&str; 24] = [
    "Northfield",
    "Riverbend",
    "Oak Hill",
    "Lakeview",
    "Maple Grove",
    "Stonebridge",
    "Fairhaven",
    "Cedar Falls",
    "Westbrook",
    "Pine Ridge",
    "Harbor Point",
    "Elm Valley",
    "Summerset",
    "Clearwater",
    "Brookdale",
    "Highland Park",
    "Ashford",
    "Greenwood",
    "Silver Creek",
    "Eastgate",
    "Willow Bay",
    "Kingsley",
    "Marlow",
    "Thornbury",
];
const BLOCKED: [&str; 4] = [
    "The district's firewall turns the platform's hosts away; their network team has a ticket.",
    "Nobody there may sign the data agreement before the board meets.",
    "The identity provider's certificate has run out and its owner is on leave.",
    "Two schools share one calendar file, and it does not load.",
];
const NOT_APPLICABLE: [&str; 3] = [
    "They keep their own help desk and do not want this one.",
    "Their schools have no second campus.",
    "Done by the regional office for all its districts.",
];
const NOTES: [&str; 4] = [
    "Best reached before first period.",
    "The vice principal decides here, not the office.",
    "Room 12 has the only wired socket.",
    "They asked for printed steps.",
];
const COMMENTS: [&str; 5] = [
    "Walked through it with the office today; they will try on their own until Thursday.",
    "Waiting for the list of classes, promised for Monday.",
    "Worked on the second try after the cache was cleared.",
    "The principal wants to see this once before we call it done.",
    "Agreed on the date by phone.",
];

/// How long ago the demo's projects began.
const BEGUN: chrono::Duration = chrono::Duration::days(20);

/// Makes what is missing of the demo data. Whoever is there already keeps their password, and it is
/// that one which is told; somebody who only has the name of a demo person is not told of.
///
/// # Errors
/// Only faults; running it again changes nothing.
pub fn seed_demo(service: &Service, tenants: usize, seed: u64, ask: &mut Ask<'_>) -> Result<Seeded> {
    let people = make_people(service, seed, ask)?;
    let plan: Vec<Plan> = (0..tenants).map(|i| Plan::new(i, seed)).collect();
    let mut missing = Vec::new();
    for plan in &plan {
        if !exists(service, &plan.slug)? {
            missing.push(plan);
        }
    }
    if !missing.is_empty() {
        let laptops = laptops(service, ask)?;
        for plan in missing {
            make_tenant(service, plan, &laptops, ask)?;
        }
        for laptop in &laptops {
            sign_in::retire(service, &laptop.caller.device, "seeded", ask)?;
        }
    }
    for plan in &plan {
        for name in plan.people() {
            admin::assign(service, name, &plan.slug, true, ask)?;
        }
    }
    Ok(Seeded { people, tenants: plan.into_iter().map(|p| p.slug).collect() })
}

fn people(seed: u64) -> Vec<Person> {
    let mut random = StdRng::seed_from_u64(seed);
    let password = |random: &mut StdRng| format!("demo-{:08x}", random.random::<u32>());
    PEOPLE
        .iter()
        .map(|(name, role)| Person { name: (*name).to_owned(), role: *role, password: password(&mut random) })
        .collect()
}

fn make_people(service: &Service, seed: u64, ask: &mut Ask<'_>) -> Result<Vec<Person>> {
    let made = people(seed).into_iter().map(|person| make_person(service, person, seed, ask).transpose());
    made.flatten().collect()
}

/// Makes a person or finds them; none where somebody else has the name.
fn make_person(service: &Service, person: Person, seed: u64, ask: &mut Ask<'_>) -> Result<Option<Person>> {
    let (account, made_with) = service
        .read_org(|tx| Ok((org::account_named(tx, &person.name)?, tx.side(side::DEMO, &person.name)?)))?;
    let Some(account) = account else {
        let new = NewUser { name: &person.name, role: person.role, password: &person.password };
        admin::create_user(service, &new, &[], ask)?;
        return remember(service, person, seed).map(Some);
    };
    if let Some(first) = made_with.and_then(|seed| seed.parse().ok()) {
        return Ok(people(first).into_iter().find(|known| known.name == person.name));
    }
    // Interrupted before the seed was remembered, or made when no seed was.
    let kept = service.read_org(|tx| tx.side(side::PASSWORD, account.id.as_str()))?;
    if password::verify(&person.password, kept.as_deref()).is_err() {
        return Ok(None);
    }
    remember(service, person, seed).map(Some)
}

fn remember(service: &Service, person: Person, seed: u64) -> Result<Person> {
    let seed = seed.to_string();
    with(&service.storage, &TenantId::org(), Mode::Write, |tx| {
        tx.put_side(side::DEMO, &person.name, Some(&seed))
    })?;
    Ok(person)
}

/// Whether the tenant was made; its work came with it in one transaction.
fn exists(service: &Service, slug: &str) -> Result<bool> {
    let Some(tenant) = service.read_org(|tx| org::tenant_by_slug(tx, slug))? else { return Ok(false) };
    Ok(!service.storage.standings(&[tenant])?.is_empty())
}

/// A tenant to be made.
struct Plan {
    index: usize,
    slug: String,
    name: String,
    playbook: &'static str,
    random: StdRng,
}

impl Plan {
    fn new(index: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(index as u64));
        let offset = usize::try_from(seed % PLACES.len() as u64).unwrap_or(0);
        let place = PLACES[(index + offset) % PLACES.len()];
        let round = index / PLACES.len();
        let known = playbook::built_in();
        let playbook = known[index % known.len()].key;
        let kind = kind(playbook);
        let number = if round == 0 { String::new() } else { format!(" {}", round + 1) };
        let name = format!("{place} {kind}{number}");
        let slug = name.to_lowercase().replace(' ', "-");
        let _: u32 = random.random();
        Self { index, slug, name, playbook, random }
    }

    /// Who is assigned: the first tenant to everybody, the others to one specialist in turn.
    fn people(&self) -> Vec<&'static str> {
        let specialist = PEOPLE[self.index % 2].0;
        let mut out = vec![specialist, "mia.larsen", "carl.nguyen"];
        if self.index == 0 {
            out.extend(["ben.okafor", "dora.klein", "lea.brandt", "tom.silva"]);
        }
        out
    }
}

/// What an institution that follows a playbook is called.
fn kind(playbook: &str) -> &'static str {
    match playbook {
        "school-district" => "School District",
        "pilot-ministry" => "Ministry",
        "ethics-line-client" => "Holding",
        "regional-workshop" => "Region",
        _ => "School",
    }
}

/// A laptop that is enrolled while demo data is made.
struct Laptop {
    key: SigningKey,
    caller: Caller,
}

fn laptops(service: &Service, ask: &mut Ask<'_>) -> Result<Vec<Laptop>> {
    ["ana.reyes", "ben.okafor", "carl.nguyen"].into_iter().map(|name| laptop(service, name, ask)).collect()
}

fn laptop(service: &Service, name: &str, ask: &mut Ask<'_>) -> Result<Laptop> {
    let key = SigningKey::from_bytes(&random_bytes(ask.random));
    let public = public_hex(&key);
    let device = device_id(&public).ok_or_else(|| Error::fault("a key without an id"))?;
    let account = service
        .read_org(|tx| org::account_named(tx, name))?
        .ok_or_else(|| Error::fault("a seeded person is missing"))?;
    let caller = Caller {
        account: account.id,
        device: device.clone(),
        key: public,
        role: Some(account.role),
        active: true,
        assigned: std::collections::BTreeMap::new(),
    };
    let roles = std::collections::BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&TenantId::org(), |journal| {
        journal.write(&desk, &service.identity.pen(ask.now), enrolled(&caller, false), ask.random).map(drop)
    })?;
    Ok(Laptop { key, caller })
}

fn make_tenant(service: &Service, plan: &Plan, laptops: &[Laptop], ask: &mut Ask<'_>) -> Result<()> {
    let mut random = plan.random.clone();
    let go_live = (ask.now + chrono::Duration::days(random.random_range(20..90))).date_naive().to_string();
    let source =
        playbook::built_in_by_key(plan.playbook).ok_or_else(|| Error::fault("a playbook is missing"))?.source;
    let book = playbook::parse(source).map_err(|e| Error::fault(e.to_string()))?;
    let mode = book.modes.choose(&mut random).map(|m| m.key.clone());
    let new = NewTenant {
        slug: &plan.slug,
        name: &plan.name,
        playbook: Some(plan.playbook),
        mode: mode.as_deref(),
        go_live: Some(&go_live),
    };
    let by = &laptops[plan.index % 2];
    let csm = &laptops[2];
    let at = ask.now - BEGUN;
    let most = i32::try_from(book.items_for(mode.as_deref()).count() * 3).unwrap_or(i32::MAX);
    let step = (BEGUN / most.max(1)).min(chrono::Duration::hours(5));
    admin::create_tenant_with(service, &new, ask, |journal, desk, ask| {
        let random = &mut plan.random.clone();
        let mut hand = Hand { service, journal, desk, at, step };
        hand.work(&book, mode.as_deref(), by, csm, random, ask)
    })
    .map(drop)
}

/// Writes demo work into one journal, the authors' clocks moving on by hours.
struct Hand<'a, 't> {
    service: &'a Service,
    journal: &'a mut Journal<'t>,
    desk: &'a Desk<'a>,
    at: Time,
    /// Between two changes: the work of all tenants ends before now, however long the playbook.
    step: chrono::Duration,
}

impl Hand<'_, '_> {
    fn work(
        &mut self,
        book: &Playbook,
        mode: Option<&str>,
        by: &Laptop,
        csm: &Laptop,
        random: &mut StdRng,
        ask: &mut Ask<'_>,
    ) -> Result<()> {
        let project = ProjectId { playbook: book.key.clone(), n: 0 };
        let items: Vec<_> = book.items_for(mode).collect();
        let (mut turn, mut checked) = (0usize, 0usize);
        // The last third is untouched: there is work left to do.
        for item in items.iter().take(items.len() * 2 / 3) {
            let entity = Entity::Item(project.clone(), item.key.clone());
            let status = if item.check.is_some() {
                checked += 1;
                if checked % 2 == 1 { Status::WaitingToVerify } else { Status::Complete }
            } else {
                turn += 1;
                match turn % 6 {
                    1 | 4 => Status::Complete,
                    2 => Status::InProgress,
                    3 => Status::Blocked,
                    5 => Status::NotApplicable,
                    _ => continue,
                }
            };
            // Only the service may say that a checked item is complete.
            let by_service = item.check.is_some() && status == Status::Complete;
            let words: &[&str] = if status == Status::Blocked { &BLOCKED } else { &NOT_APPLICABLE };
            let reason =
                status.needs_reason().then(|| words.choose(random).map(|w| (*w).to_owned())).flatten();
            self.write(
                Change::ItemStatusSet { item: entity.clone(), status, reason },
                (!by_service).then_some(by),
                ask,
            )?;
            self.remarks(&entity, by, csm, random, ask)?;
        }
        Ok(())
    }

    fn remarks(
        &mut self,
        on: &Entity,
        by: &Laptop,
        csm: &Laptop,
        random: &mut StdRng,
        ask: &mut Ask<'_>,
    ) -> Result<()> {
        if random.random_ratio(1, 3) {
            let text = COMMENTS.choose(random).copied().unwrap_or_default().to_owned();
            let visibility = if random.random_ratio(1, 2) { Visibility::Client } else { Visibility::Team };
            let who = if random.random_ratio(1, 3) { csm } else { by };
            self.write(Change::CommentAdded { on: on.clone(), text, visibility }, Some(who), ask)?;
        }
        if random.random_ratio(1, 4) {
            let value = Value::from(NOTES.choose(random).copied().unwrap_or_default());
            self.write(
                Change::ItemFieldSet { item: on.clone(), field: ItemField::Note, value },
                Some(by),
                ask,
            )?;
        }
        Ok(())
    }

    fn write(&mut self, change: Change, by: Option<&Laptop>, ask: &mut Ask<'_>) -> Result<()> {
        self.at += self.step;
        match by {
            Some(laptop) => {
                let mut author = laptop.caller.clone();
                // The assignment itself follows when the tenant stands.
                author.assigned.insert(self.journal.tenant().clone(), true);
                let pen = Pen { key: &laptop.key, author: &author, at: self.at };
                self.journal.write(self.desk, &pen, change, ask.random)
            }
            None => self.journal.write(self.desk, &self.service.identity.pen(self.at), change, ask.random),
        }
        .map(drop)
    }
}
