//! A local write to its commit, against a bare transaction.

use std::path::Path;

use anyhow::{Context as _, Result};
use cairn_domain::TenantId;
use cairn_service::storage::sqlite::Sqlite;

use crate::Size;
use crate::child;
use crate::harness::{each, in_turn, pair};
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, Laptop, Serving, now};
use cairn_tests::door::Door;

/// Writes of one round; a round's figure is their median.
const WRITES: usize = 100;

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let (laptop, tenant) = laptop(folder)?;
    laptop.comment(&tenant, text(0))?;
    let bytes = laptop.desk(|desk| {
        let op =
            desk.store.next_push(1)?.pop().and_then(|mut run| run.ops.pop()).context("nothing to push")?;
        Ok(op.header.len() + op.salt.len() + op.body.len())
    })?;
    let writes = size.of(WRITES, 10);
    let ours = |_| Ok(each(writes, |n| laptop.comment(&tenant, text(n)))?.median());
    let rounds = in_turn(size.of(15, 3), ours, |_| child::bare_writes(folder, bytes, writes))?;
    let against_encrypted = pair(&rounds, |ours| *ours, |(encrypted, _)| *encrypted);
    let against_plain = pair(&rounds, |ours| *ours, |(_, plain)| *plain);
    let item = laptop.desk(|desk| {
        let rows = desk.checklist(tenant.as_str(), None)?.phases.into_iter().flat_map(|phase| phase.items);
        rows.map(|row| row.key).next().context("a checklist without items")
    })?;
    let notes = each(writes, |n| {
        laptop.desk(|desk| {
            desk.set_field(tenant.as_str(), &item, "note", text(n).into(), None, now())?;
            Ok(())
        })
    })?;
    Ok(Report {
        about: format!(
            "A comment is saved: the op goes into the outbox and its effects onto the cells, in one transaction \
             with WAL and `synchronous=FULL`. The reference commits one row with the op's {bytes} bytes, with the \
             same settings. Each round makes {writes} of each and counts their median."
        ),
        figures: vec![
            Figure::paired(
                "a local write to its commit",
                "ms",
                &against_encrypted,
                "a bare SQLCipher transaction",
            )
            .goal(Goal::RatioAtMost(1.5)),
            Figure::paired(
                "the same",
                "ms",
                &against_plain,
                "a bare transaction of the same build without a key",
            ),
            Figure::alone("a note, from the command's words to its commit", "ms", &notes)
                .goal(Goal::AtMost(50.0)),
        ],
        tables: Vec::new(),
    })
}

fn text(n: usize) -> String {
    format!("Walked through it with the office today; they will try on their own. {n}")
}

/// A laptop that has received one tenant with a project.
fn laptop(folder: &Path) -> Result<(Laptop, TenantId)> {
    let data = folder.join("service");
    let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
    let tenant = ground.tenant("north")?;
    ground.specialist("ana", &["north"])?;
    drop(ground);
    let serving = Serving::data(&data)?;
    let door = Door::before(serving.address)?;
    let laptop = Laptop::enrolled(folder, "ana", &door.url())?;
    laptop.sync()?;
    Ok((laptop, tenant))
}
