//! What people claim and only the platform confirms: items and steps that wait to be verified, as far as
//! a tenant's roster answers their check (SPEC sections 1, 2 and 4). What other checks ask, telemetry says.
//!
//! A claim is confirmed by an op of the service, as an import is committed: "complete", having seen what
//! it replaces. One that the roster does not bear out goes on waiting, and is looked at again whenever the
//! journal moves. What was confirmed stays so when the import is taken back: whoever takes it back sees to
//! the checklist.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{Status, StatusValue};
use cairn_domain::checklist::{ProjectView, items, projects, shown, steps};
use cairn_domain::import;
use cairn_domain::{CellKey, Change, Entity, TenantId};
use cairn_imports::Record;
use cairn_imports::people::{Person, RoleRows, people_kinds};
use cairn_store::roster::{Roster, Walk};

use crate::error::{Error, Result};
use crate::rosters::{self, Rosters};
use crate::service::{Ask, Service};
use crate::storage::{Mode, TenantTx, with};

/// The checks that a roster answers: each holds where it has somebody in all of these roles.
const BY_ROSTER: &[(&str, &[&str])] =
    &[("students_imported", &["student"]), ("rostering_connected", &["student", "teacher"])];

/// An item or step that waits to be verified by a check that a roster answers.
struct Claim {
    entity: Entity,
    roles: &'static [&'static str],
}

/// Confirms what a tenant's roster bears out. Answers what became complete.
///
/// # Errors
/// Faults, which leave what waits as it was.
pub fn by_roster(
    service: &Service,
    rosters: &Rosters,
    tenant: &TenantId,
    ask: &mut Ask<'_>,
) -> Result<Vec<Entity>> {
    let claims = with(&service.storage, tenant, Mode::Read, |tx| claims(service, tx))?;
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let Some(roster) = rosters::standing(service, rosters, tenant)? else { return Ok(Vec::new()) };
    let wanted = claims.iter().flat_map(|claim| claim.roles).copied().collect();
    let there = roles_among(&roster, wanted)?;
    let mut confirmed = Vec::new();
    for claim in claims {
        if claim.roles.iter().all(|role| there.contains(role)) && confirm(service, tenant, &claim, ask)? {
            tracing::info!(%tenant, item = %claim.entity, "confirmed by the roster");
            confirmed.push(claim.entity);
        }
    }
    Ok(confirmed)
}

/// What waits in open projects; nothing where no import stands.
fn claims(service: &Service, tx: &mut dyn TenantTx) -> Result<Vec<Claim>> {
    if import::revisions(&import::imports(&tx.cells_under(import::CELLS)?)).is_empty() {
        return Ok(Vec::new());
    }
    let mut cells = Cells::new();
    for prefix in [import::PROJECTS, "item/", "step/"] {
        cells.extend(tx.cells_under(prefix)?);
    }
    let mut claims = Vec::new();
    for project in projects(&cells).iter().filter(|project| project.status != "completed") {
        claims.extend(claims_of(service, tx, &cells, project)?);
    }
    Ok(claims)
}

fn claims_of(
    service: &Service,
    tx: &mut dyn TenantTx,
    cells: &Cells,
    project: &ProjectView,
) -> Result<Vec<Claim>> {
    let digest = &project.playbook.digest;
    let Some(book) = service.playbooks.get(digest, || tx.playbook(digest))? else { return Ok(Vec::new()) };
    let all = items(cells, project, &book).into_iter().chain(steps(cells, project, &book));
    let claim = |entity: Entity| {
        let check = match &entity {
            Entity::Item(_, key) => book.item(key)?.check.as_deref()?,
            Entity::Step(_, key) => book.step(key)?.check.as_deref()?,
            _ => return None,
        };
        let (_, roles) = BY_ROSTER.iter().find(|(name, _)| *name == check)?;
        Some(Claim { entity, roles })
    };
    Ok(all.map(|one| one.entity).filter(|entity| waits(cells, entity)).filter_map(claim).collect())
}

/// Whether an item or step waits to be verified, and nobody says otherwise beside it.
fn waits(cells: &Cells, entity: &Entity) -> bool {
    let status = shown(cells, entity, field::STATUS).filter(|status| !status.conflict);
    let value = status.and_then(|status| StatusValue::read(&status.kept.value));
    value.is_some_and(|value| value.status == Status::WaitingToVerify)
}

/// Which of these roles somebody in the roster has; reads no further than it must.
fn roles_among(roster: &Roster, wanted: BTreeSet<&'static str>) -> Result<BTreeSet<&'static str>> {
    roster.moment(|roster| {
        let mut rows = RoleRows::default();
        roster.walk(Walk { kind: RoleRows::KIND, after: None, most: usize::MAX }, |one| {
            rows.know(&Record { kind: one.kind, id: one.id, values: one.values });
            Ok::<_, Error>(ControlFlow::Continue(()))
        })?;
        rows.end();
        let mut there = BTreeSet::new();
        for kind in people_kinds() {
            roster.walk(Walk { kind, after: None, most: usize::MAX }, |one| {
                let record = Record { kind: one.kind, id: one.id, values: one.values };
                if let Some(person) = Person::read(&record, &rows) {
                    let has =
                        |role: &&'static str| person.roles.iter().any(|of| of.eq_ignore_ascii_case(role));
                    there.extend(wanted.iter().copied().filter(has));
                }
                let is_all = there.len() == wanted.len();
                Ok::<_, Error>(if is_all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(there)
    })
}

/// Writes that it is complete, where it still waits.
fn confirm(service: &Service, tenant: &TenantId, claim: &Claim, ask: &mut Ask<'_>) -> Result<bool> {
    let roles = BTreeMap::new();
    let (desk, pen) = (service.desk(ask.now, &roles), service.identity.pen(ask.now));
    let change = Change::ItemStatusSet { item: claim.entity.clone(), status: Status::Complete, reason: None };
    service.write_journal(tenant, |journal| {
        let cells = journal.tx().cells(&[CellKey::new(claim.entity.clone(), field::STATUS)])?;
        let is_waiting = waits(&cells, &claim.entity);
        if is_waiting {
            journal.write(&desk, &pen, change.clone(), ask.random)?;
        }
        Ok(is_waiting)
    })
}
