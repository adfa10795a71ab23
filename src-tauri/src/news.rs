//! Tells of news: keeps the inbox up to date, plans the toasts and raises them.
#![allow(clippy::disallowed_methods, reason = "waits for a minute to pass")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cairn_app::Desk;
use cairn_app::error::Result;
use cairn_app::inbox::Looked;
use cairn_app::settings::Notifications;
use cairn_app::toasts::{Budget, Moment, Plan, plan};
use cairn_domain::Time;
use chrono::NaiveDate;
use tokio::time::sleep;

use crate::notify::{Desktop, Name};
use crate::shell::{Changed, Place, Shell};

/// Without any reason, look this often: days begin and quiet hours end by themselves.
const REGULARLY: Duration = Duration::from_secs(60);

/// How long to wait for more, so that what one sync brings is told together.
const GATHER: Duration = Duration::from_millis(500);

/// What counts on this computer at the moment of a look.
struct Here {
    today: NaiveDate,
    /// Whether nothing may be shown now: switched off, or within the quiet hours.
    quiet: bool,
    focus: Option<Place>,
}

impl Here {
    fn of(shell: &Shell) -> Self {
        let (local, settings) = (crate::local_now(), shell.settings());
        let off = settings.notifications == Notifications::Off;
        Self {
            today: local.date(),
            quiet: off || settings.quiet_hours.covers(local.time()),
            focus: shell.in_front(),
        }
    }
}

/// What a look at the inbox found.
struct Look {
    unread: BTreeSet<Name>,
    plan: Plan,
    budget: Budget,
}

/// Looks for ever: after each change and once a minute. Locked or signed out there is no news; what
/// came meanwhile is told after unlocking.
pub async fn keep_telling(shell: Arc<Shell>, desktop: Desktop) {
    let mut budget = Budget::default();
    loop {
        if shell.is_open().await.unwrap_or(false) {
            let (here, mine) = (Here::of(&shell), budget.clone());
            let today = here.today;
            let refreshed = look_at_all(&shell, move |desk, now| desk.refresh_inbox(today, now)).await;
            let looked = shell.read(move |desk, now| look(desk, now, here, mine)).await;
            if let (Ok(changed), Ok(found)) = (refreshed, looked) {
                budget = found.budget;
                desktop.withdraw(&found.unread);
                // A daemon that hangs must not keep the next look waiting.
                for toast in found.plan.toasts {
                    let desktop = desktop.clone();
                    tokio::spawn(async move { desktop.raise(toast).await });
                }
                if changed {
                    shell.tell(Changed::Line);
                }
            }
        }
        tokio::select! {
            () = sleep(REGULARLY) => {}
            () = shell.some_news() => sleep(GATHER).await,
        }
    }
}

/// Looks at tenants, some at a time, until no more wait. Says whether the inbox is another one now.
///
/// # Errors
/// As [`Shell::read`]; what `look` answers.
pub async fn look_at_all(
    shell: &Arc<Shell>,
    look: impl Fn(&mut Desk, Time) -> Result<Looked> + Copy + Send + 'static,
) -> Result<bool> {
    let mut changed = false;
    loop {
        let looked = shell.read(look).await?;
        changed |= looked.changed;
        if !looked.more {
            return Ok(changed);
        }
    }
}

/// Decides what to tell. What is told is noted before it is shown: a toast that fails is not repeated,
/// since the inbox has it.
fn look(desk: &mut Desk, now: Time, here: Here, mut budget: Budget) -> Result<Look> {
    let news = desk.news()?;
    let plan = plan(&news, &Moment { now, quiet: here.quiet, focus: here.focus }, &mut budget);
    desk.mark_told(&plan.told)?;
    Ok(Look { unread: desk.unread_names()?, plan, budget })
}
