//! Random days of several laptops: whatever is lost, repeated or late, all end alike, every pull
//! finds the service's digest, and every value that nobody replaced is there.

use cairn_domain::Change;
use cairn_domain::change::{ItemField, Status};
use cairn_domain::journal::Receipt;
use cairn_protocol::sync::TenantPage;
use proptest::prelude::*;
use serde_json::json;

use crate::fake::{Fake, Laptop, Take, at, item, tenant};

const ITEMS: [&str; 3] = ["name-contacts", "create-tenant", "check-roles"];
const STATUSES: [Status; 4] = [Status::InProgress, Status::Complete, Status::Blocked, Status::NotApplicable];

#[derive(Debug, Clone)]
enum Act {
    Write { who: usize, item: usize, status: Option<usize>, text: u8 },
    UndoLast { who: usize },
    Settle { who: usize },
    Push { who: usize, limit: usize, take: u8, lost: bool },
    Adopt { who: usize },
    Pull { who: usize, limit: usize, lost: bool },
    Late { who: usize },
    Reopen { who: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = 0..2usize;
    let act = prop_oneof![
        6 => (who.clone(), 0..ITEMS.len(), proptest::option::of(0..STATUSES.len()), any::<u8>())
            .prop_map(|(who, item, status, text)| Act::Write { who, item, status, text }),
        1 => who.clone().prop_map(|who| Act::UndoLast { who }),
        1 => who.clone().prop_map(|who| Act::Settle { who }),
        3 => (who.clone(), 1..5usize, 0..10u8, proptest::bool::weighted(0.3))
            .prop_map(|(who, limit, take, lost)| Act::Push { who, limit, take, lost }),
        1 => who.clone().prop_map(|who| Act::Adopt { who }),
        3 => (who.clone(), 1..6usize, proptest::bool::weighted(0.3)).prop_map(|(who, limit, lost)| Act::Pull { who, limit, lost }),
        1 => who.clone().prop_map(|who| Act::Late { who }),
        1 => who.prop_map(|who| Act::Reopen { who }),
    ];
    proptest::collection::vec(act, 1..40)
}

/// A laptop with what is still on its way to it.
struct Side {
    laptop: Laptop,
    late_pages: Vec<TenantPage>,
    late_receipts: Vec<Vec<Receipt>>,
}

fn run(fake: &mut Fake, side: &mut Side, act: &Act) {
    let laptop = &mut side.laptop;
    match act {
        Act::Write { item: i, status, text, .. } => {
            let item = item(ITEMS[*i]);
            let change = match status {
                Some(s) => {
                    let reason = STATUSES[*s].needs_reason().then(|| format!("r{text}"));
                    Change::ItemStatusSet { item, status: STATUSES[*s], reason }
                }
                None => {
                    Change::ItemFieldSet { item, field: ItemField::Note, value: json!(format!("n{text}")) }
                }
            };
            laptop.write(change);
        }
        Act::UndoLast { .. } => {
            if let Some(last) = laptop.store.outbox(None).unwrap().last() {
                // May be refused: nothing to undo, or built on.
                let _ = laptop.store.undo(&last.op, at(9));
            }
        }
        Act::Settle { .. } => {
            if let Some(conflict) = laptop.store.conflicts(None).unwrap().first() {
                let take = conflict.content.values.keys().next().unwrap().clone();
                let how = cairn_store::Resolution::Take(take);
                laptop.store.resolve(&tenant(), &conflict.cell, how, None, at(9)).unwrap();
            }
        }
        Act::Push { limit, take, lost, .. } => {
            for run in laptop.store.next_push(*limit).unwrap() {
                let take = match take {
                    0 => Take::Refuse(run.run.first),
                    1 => Take::Hold,
                    _ => Take::Judge,
                };
                let Ok(receipts) = fake.receive(&run, take) else {
                    laptop.store.mark_forked().unwrap();
                    break;
                };
                if *lost {
                    side.late_receipts.push(receipts);
                } else {
                    laptop.store.apply_receipts(&receipts).unwrap();
                }
            }
        }
        Act::Pull { limit, lost, .. } => {
            let page = fake.page(&tenant(), laptop.seen(&tenant()).seq, *limit, &laptop.device());
            if *lost {
                side.late_pages.push(page);
            } else {
                laptop.store.apply_page(&page, at(9)).unwrap();
            }
        }
        Act::Adopt { .. } => adopt_all(fake),
        Act::Late { .. } => {
            for receipts in side.late_receipts.drain(..) {
                laptop.store.apply_receipts(&receipts).unwrap();
            }
            for page in side.late_pages.drain(..) {
                laptop.store.apply_page(&page, at(9)).unwrap();
            }
        }
        Act::Reopen { .. } => laptop.reopen(),
    }
    if side.laptop.store.must_re_enrol() {
        side.laptop.sign_in(fake);
    }
}

/// A manager takes everything from the held list, in its order.
fn adopt_all(fake: &mut Fake) {
    let held: Vec<_> = fake.t1().held.keys().cloned().collect();
    for op in held {
        fake.adopt(&op);
    }
}

/// The network heals, and everybody syncs until nothing is left.
fn heal(fake: &mut Fake, sides: &mut [Side]) -> Result<(), TestCaseError> {
    adopt_all(fake);
    for _ in 0..2 {
        for side in sides.iter_mut() {
            run(fake, side, &Act::Late { who: 0 });
            if side.laptop.push(fake, Take::Judge) {
                side.laptop.sign_in(fake);
                prop_assert!(!side.laptop.push(fake, Take::Judge));
            }
            side.laptop.pull_all(fake);
        }
    }
    for side in sides {
        side.laptop.sync(fake);
        side.laptop.assert_settled(fake);
        prop_assert!(side.laptop.store.rebuilding().unwrap().is_empty());
        // Every op was answered, and the refused ones wait for their author.
        let answered =
            fake.t1().receipts.keys().filter(|op| op.device == side.laptop.device()).count() as u64;
        let last = fake.t1().numbers.get(&side.laptop.device()).copied().unwrap_or(0);
        prop_assert_eq!(answered, last);
    }
    Ok(())
}

fn day(fake: &mut Fake, sides: &mut [Side], acts: &[Act]) -> Result<(), TestCaseError> {
    for act in acts {
        let side = &mut sides[who(act)];
        run(fake, side, act);
        prop_assert!(side.laptop.store.state_holds(&tenant()).unwrap(), "after {:?}", act);
    }
    heal(fake, sides)
}

impl Side {
    fn new(laptop: Laptop) -> Self {
        Self { laptop, late_pages: Vec::new(), late_receipts: Vec::new() }
    }
}

fn who(act: &Act) -> usize {
    match act {
        Act::Write { who, .. }
        | Act::UndoLast { who }
        | Act::Settle { who }
        | Act::Push { who, .. }
        | Act::Pull { who, .. }
        | Act::Late { who }
        | Act::Adopt { who }
        | Act::Reopen { who } => *who,
    }
}

fn config() -> ProptestConfig {
    // Proptest reads PROPTEST_CASES itself; where it is not set, fewer than its 256 do.
    let default = ProptestConfig::default();
    let cases = if default.cases == 256 { 24 } else { default.cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn laptops_converge(acts in acts()) {
        let mut fake = Fake::new();
        let mut sides = vec![Side::new(Laptop::new(&mut fake, "a", 1)), Side::new(Laptop::new(&mut fake, "b", 2))];
        day(&mut fake, &mut sides, &acts)?;
    }

    /// Two copies of one profile go on side by side until the service notices.
    #[test]
    fn copies_converge(before in acts(), after in acts()) {
        let mut fake = Fake::new();
        let mut first = Side::new(Laptop::new(&mut fake, "a", 1));
        for act in before.iter().take(8) {
            run(&mut fake, &mut first, act);
        }
        let copy = Side::new(first.laptop.copy(77));
        day(&mut fake, &mut [first, copy], &after)?;
    }
}
