//! The screen the app opens on: `domain::agenda` in the shapes of the api.

use cairn_domain::agenda::{self, Block, Line, Place, Stretch, Task, Viewer};
use cairn_domain::change::Owner;
use cairn_domain::{AccountId, Time};
use cairn_store::{OutboxState, TenantSummary};

use crate::Desk;
use crate::api::{BlockRow, DecisionRow, FrontRow, Progress, TaskRow, TodayView, TrailPhase};
use crate::error::{Result, fault, store};
use crate::history;
use crate::views::{Names, count, rfc3339};

/// Tenants of which refused changes are listed one by one; each costs the reading of its cells.
const REFUSED_TENANTS: usize = 5;

/// What turning tasks into rows needs.
struct Shown<'a> {
    summaries: &'a [TenantSummary],
    names: &'a Names,
    me: &'a AccountId,
}

impl Desk {
    /// What the day begins with. `day` is the calendar date where the person is, `YYYY-MM-DD`; each
    /// list holds at most `limit` rows and its total beside it.
    ///
    /// It reads the kept summaries and no tenant's cells, except where changes were refused: with
    /// 1,000 tenants a few milliseconds.
    ///
    /// # Errors
    /// `bad_date`, `signed_out`; whatever the store reports.
    pub fn today(&self, day: &str, limit: usize, now: Time) -> Result<TodayView> {
        let day = day
            .parse()
            .map_err(|_| fault("bad_date", format!("'{day}' is not a date such as 2026-03-12.")))?;
        let me = self.identity()?;
        let role = self.role(me).unwrap_or(me.role).to_string();
        let viewer = Viewer { account: me.account.clone(), role, day, now };
        let summaries = self.store.tenants().map_err(store)?;
        let places: Vec<Place<'_>> = summaries.iter().map(place).collect();
        let view = agenda::today(&places, &viewer);
        let names = self.names()?;
        let shown = Shown { summaries: &summaries, names: &names, me: &viewer.account };
        let (decisions, decisions_total) = self.decisions(&summaries, limit)?;
        Ok(TodayView {
            front: view.front.as_ref().map(|front| shown.front(front)),
            late: narrow(view.late),
            due_today: narrow(view.due_today),
            upcoming: view.upcoming.as_ref().map(|line| shown.line(line)),
            due: shown.lines(&view.due, limit),
            due_total: narrow(view.due.len()),
            blocked: shown.lines(&view.blocked, limit),
            blocked_total: narrow(view.blocked.len()),
            decisions,
            decisions_total,
            unverified: shown.lines(&view.unverified, limit),
            unverified_total: narrow(view.unverified.len()),
        })
    }

    /// Conflicts by tenant, then refused changes one by one, and how many there are of both.
    fn decisions(&self, summaries: &[TenantSummary], limit: usize) -> Result<(Vec<DecisionRow>, u32)> {
        let disputed = summaries.iter().filter(|s| s.conflicts > 0);
        let mut rows: Vec<DecisionRow> = disputed.map(conflict_row).take(limit).collect();
        let refusing = || summaries.iter().filter(|s| s.outbox.quarantined > 0);
        for summary in refusing().take(REFUSED_TENANTS) {
            rows.extend(self.refused_rows(summary)?);
        }
        rows.truncate(limit);
        let total: u64 = summaries.iter().map(|s| s.conflicts + s.outbox.quarantined).sum();
        Ok((rows, u32::try_from(total).unwrap_or(u32::MAX)))
    }

    fn refused_rows(&self, summary: &TenantSummary) -> Result<Vec<DecisionRow>> {
        let loaded = self.load(&summary.id, None)?;
        let outbox = self.store.outbox(Some(&summary.id)).map_err(store)?;
        let refused = outbox.iter().filter(|op| op.state == OutboxState::Quarantined);
        Ok(refused
            .map(|op| DecisionRow {
                kind: "refused".to_owned(),
                tenant: summary.id.to_string(),
                tenant_name: summary.name.clone(),
                title: Some(history::sentence(&op.body.change, &loaded)),
                problem: history::refusal_of(op).map(|refusal| refusal.message),
                count: 1,
            })
            .collect())
    }
}

fn place(summary: &TenantSummary) -> Place<'_> {
    Place {
        name: &summary.name,
        go_live: summary.go_live.as_deref(),
        active: summary.status != "on_hold",
        agenda: &summary.agenda,
    }
}

fn conflict_row(summary: &TenantSummary) -> DecisionRow {
    DecisionRow {
        kind: "conflict".to_owned(),
        tenant: summary.id.to_string(),
        tenant_name: summary.name.clone(),
        title: summary.agenda.tasks.iter().find(|task| task.conflict).map(|task| task.title.clone()),
        problem: None,
        count: u32::try_from(summary.conflicts).unwrap_or(u32::MAX),
    }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Shown<'_> {
    fn front(&self, front: &agenda::Front<'_>) -> FrontRow {
        let summary = &self.summaries[front.place];
        let task = |task: &&Task| self.task(front.place, task);
        FrontRow {
            tenant: summary.id.to_string(),
            tenant_name: summary.name.clone(),
            progress: count(summary.progress),
            go_live: summary.go_live.clone(),
            phases: summary.agenda.phases.iter().map(trail_phase).collect(),
            left_at: front.left.map(rfc3339),
            next: front.next.as_ref().map(task),
            blocked: front.blocked.iter().map(task).collect(),
        }
    }

    fn lines(&self, lines: &[Line<'_>], limit: usize) -> Vec<TaskRow> {
        lines.iter().take(limit).map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &Line<'_>) -> TaskRow {
        self.task(line.place, line.task)
    }

    fn task(&self, place: usize, task: &Task) -> TaskRow {
        let summary = &self.summaries[place];
        TaskRow {
            tenant: summary.id.to_string(),
            tenant_name: summary.name.clone(),
            entity: task.entity.to_string(),
            title: task.title.clone(),
            status: task.status.as_str().to_owned(),
            due: task.due.map(|day| day.to_string()),
            owner: task.owner.as_ref().map(|owner| self.names.owner(owner)),
            mine: matches!(&task.owner, Some(Owner::Account(account)) if account == self.me),
            updated_by: task.changed.as_ref().map(|(by, _)| self.names.of(by)),
            updated_at: task.changed.as_ref().map(|(_, at)| rfc3339(*at)),
            block: task.block.as_ref().map(|block| self.block(block)),
        }
    }

    fn block(&self, block: &Block) -> BlockRow {
        BlockRow {
            reason: block.reason.clone(),
            owner: block.owner.as_ref().map(|owner| self.names.owner(owner)),
            waiting_on: block.waiting_on.clone(),
            severity: block.severity.clone(),
            opened_at: block.opened.map(rfc3339),
        }
    }
}

fn trail_phase(stretch: &Stretch) -> TrailPhase {
    let total = narrow(stretch.stones.len());
    let blocked = narrow(stretch.stones.bytes().filter(|letter| *letter == b'b').count());
    TrailPhase {
        key: stretch.key.clone(),
        title: stretch.title.clone(),
        stones: stretch.stones.clone(),
        progress: Progress { done: stretch.done, total, blocked },
    }
}
