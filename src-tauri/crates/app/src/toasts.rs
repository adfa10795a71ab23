//! Which native notifications to raise: one per piece of news, grouped when several arrive, never
//! more than a few however much happens, none about what is in front of the person, none in quiet
//! hours (UX rule 12). The inbox has everything; a toast only says that there is something.

use std::collections::{BTreeSet, VecDeque};

use cairn_domain::notice::{Kind, Notice};
use cairn_domain::{Entity, TenantId, Time};
use chrono::Duration;

/// The most toasts within [`SPAN`].
pub const MOST: usize = 5;
/// See [`MOST`].
pub const SPAN: Duration = Duration::minutes(10);
/// Up to so many pieces of news at once are told one by one.
const ONE_BY_ONE: usize = 3;

/// A native notification. Its words name tenants and items, never people or what they wrote: it may
/// be seen on a projector and stays in the desktop's own list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// First line.
    pub title: String,
    /// Second line.
    pub body: String,
    /// What a click opens.
    pub opens: Opens,
    /// The notices it speaks of, to withdraw it when all of them are gone.
    pub about: Vec<(TenantId, String)>,
}

/// What a click on a toast opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens {
    /// An item, a step or a tenant.
    Place(TenantId, Entity),
    /// The list of all.
    Inbox,
}

/// A piece of news with its tenant's name.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// What to hear of.
    pub notice: Notice,
}

/// What counts at the moment of telling.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Now.
    pub now: Time,
    /// Quiet hours, or notifications are switched off for now: nothing is told, nothing forgotten.
    pub quiet: bool,
    /// What the person has in front of them.
    pub focus: Option<(TenantId, Entity)>,
}

/// When toasts were raised lately.
#[derive(Debug, Clone, Default)]
pub struct Budget(VecDeque<Time>);

impl Budget {
    fn left(&mut self, now: Time) -> usize {
        // A clock that was set back must not silence anything for long.
        self.0.retain(|raised| (now - *raised).abs() < SPAN);
        MOST.saturating_sub(self.0.len())
    }
}

/// What to do about a batch of news.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// To raise now.
    pub toasts: Vec<Toast>,
    /// Told by these, or in front of the person already. Other news waits for its turn.
    pub told: Vec<(TenantId, String)>,
}

/// Plans the toasts for what was not told yet, oldest first.
pub fn plan(news: &[News], moment: &Moment, budget: &mut Budget) -> Plan {
    let seen = |news: &&News| {
        moment.focus.as_ref().is_some_and(|(tenant, on)| news.tenant == *tenant && news.notice.on == *on)
    };
    let mut plan = Plan { told: news.iter().filter(seen).map(name).collect(), ..Plan::default() };
    let rest: Vec<&News> = news.iter().filter(|news| !seen(news)).collect();
    let left = budget.left(moment.now);
    if moment.quiet || rest.is_empty() || left == 0 {
        return plan;
    }
    // The last one that is allowed speaks for all that wait.
    plan.toasts = if rest.len() <= ONE_BY_ONE.min(left) {
        rest.iter().map(|n| one(n)).collect()
    } else {
        vec![all(&rest)]
    };
    budget.0.extend(plan.toasts.iter().map(|_| moment.now));
    plan.told.extend(rest.into_iter().map(name));
    plan
}

fn name(news: &News) -> (TenantId, String) {
    (news.tenant.clone(), news.notice.key.clone())
}

fn one(news: &News) -> Toast {
    let title = &news.notice.title;
    let words = match news.notice.kind {
        Kind::Blocker => format!("Blocked: {title}"),
        Kind::Conflict => format!("Two values: {title}"),
        Kind::Overdue => format!("Overdue: {title}"),
        Kind::Due => format!("Due today: {title}"),
        Kind::Reply => format!("New comment: {title}"),
        Kind::Import => format!("Import refused: {title}"),
    };
    Toast {
        title: words,
        body: news.name.clone(),
        opens: Opens::Place(news.tenant.clone(), news.notice.on.clone()),
        about: vec![name(news)],
    }
}

fn all(news: &[&News]) -> Toast {
    let kinds: BTreeSet<Kind> = news.iter().map(|n| n.notice.kind).collect();
    let counted = |kind: &Kind| {
        let count = news.iter().filter(|n| n.notice.kind == *kind).count();
        match kind {
            Kind::Blocker => format!("{count} blocked"),
            Kind::Conflict => format!("{count} with two values"),
            Kind::Overdue => format!("{count} overdue"),
            Kind::Due => format!("{count} due today"),
            Kind::Reply => format!("{count} with new comments"),
            Kind::Import => format!("{count} refused"),
        }
    };
    let tenants: BTreeSet<&str> = news.iter().map(|n| n.name.as_str()).collect();
    let place = match tenants.first() {
        Some(only) if tenants.len() == 1 => format!("In {only}"),
        _ => format!("In {} tenants", tenants.len()),
    };
    let parts: Vec<String> = kinds.iter().map(counted).collect();
    Toast {
        title: format!("{} new notices", news.len()),
        body: format!("{place}: {}", parts.join(", ")),
        opens: Opens::Inbox,
        about: news.iter().map(|n| name(n)).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(minutes: i64) -> Time {
        Time::from_timestamp(1_760_000_000, 0).unwrap() + Duration::minutes(minutes)
    }

    fn news(n: usize, kind: Kind) -> News {
        let on: Entity = format!("item/small/0/i{n}").parse().unwrap();
        let (tenant, name) = if n.is_multiple_of(2) { ("t1", "North") } else { ("t2", "South") };
        News {
            tenant: tenant.parse().unwrap(),
            name: name.to_owned(),
            notice: Notice {
                key: format!("k{n}"),
                kind,
                on,
                title: format!("Item {n}"),
                by: Some("ben".parse().unwrap()),
                at: Some(at(0)),
                text: "Dana said her password is hunter2".to_owned(),
            },
        }
    }

    fn moment(minutes: i64) -> Moment {
        Moment { now: at(minutes), quiet: false, focus: None }
    }

    #[test]
    fn a_few_are_told_one_by_one_and_open_their_item() {
        let batch = [news(0, Kind::Blocker), news(1, Kind::Reply)];
        let plan = plan(&batch, &moment(0), &mut Budget::default());
        let said: Vec<(&str, &str)> =
            plan.toasts.iter().map(|t| (t.title.as_str(), t.body.as_str())).collect();
        assert_eq!(said, [("Blocked: Item 0", "North"), ("New comment: Item 1", "South")]);
        assert_eq!(plan.toasts[0].opens, Opens::Place(batch[0].tenant.clone(), batch[0].notice.on.clone()));
        assert_eq!(plan.told.len(), 2);
    }

    #[test]
    fn many_at_once_are_one_toast_that_opens_the_inbox() {
        let batch: Vec<News> = (0..40).map(|n| news(n, Kind::Blocker)).chain([news(40, Kind::Due)]).collect();
        let plan = plan(&batch, &moment(0), &mut Budget::default());
        assert_eq!(plan.toasts.len(), 1);
        assert_eq!(plan.toasts[0].title, "41 new notices");
        assert_eq!(plan.toasts[0].body, "In 2 tenants: 40 blocked, 1 due today");
        assert_eq!((plan.toasts[0].opens.clone(), plan.told.len()), (Opens::Inbox, 41));
    }

    #[test]
    fn a_storm_raises_five_and_the_rest_is_told_when_it_is_over() {
        let mut budget = Budget::default();
        let mut waiting: Vec<News> = Vec::new();
        let mut raised = 0;
        // A thousand, one every half second, each planned for as it comes.
        for n in 0..1_000 {
            waiting.push(news(n, Kind::Blocker));
            let now =
                Moment { now: at(0) + Duration::milliseconds(500 * i64::try_from(n).unwrap()), ..moment(0) };
            let plan = plan(&waiting, &now, &mut budget);
            raised += plan.toasts.len();
            waiting.retain(|news| !plan.told.contains(&name(news)));
        }
        assert_eq!(raised, MOST);
        assert_eq!(waiting.len(), 1_000 - MOST, "what was not told is not forgotten");
        let later = plan(&waiting, &moment(30), &mut budget);
        assert_eq!((later.toasts.len(), later.told.len()), (1, 1_000 - MOST));
    }

    #[test]
    fn quiet_hours_keep_news_for_later_and_what_is_in_front_is_told() {
        let batch = [news(0, Kind::Blocker), news(1, Kind::Blocker)];
        let mut budget = Budget::default();
        let focus = Some((batch[0].tenant.clone(), batch[0].notice.on.clone()));
        let quiet = plan(&batch, &Moment { quiet: true, focus, ..moment(0) }, &mut budget);
        assert_eq!((quiet.toasts.len(), quiet.told), (0, vec![name(&batch[0])]));
        assert_eq!(plan(&batch[1..], &moment(1), &mut budget).toasts.len(), 1);
    }

    #[test]
    fn no_toast_says_who_or_what_was_written() {
        for kind in [Kind::Blocker, Kind::Conflict, Kind::Overdue, Kind::Due, Kind::Reply, Kind::Import] {
            for batch in [vec![news(0, kind)], (0..9).map(|n| news(n, kind)).collect()] {
                let plan = plan(&batch, &moment(0), &mut Budget::default());
                let said: String = plan.toasts.iter().map(|t| format!("{} {}", t.title, t.body)).collect();
                assert!(
                    !said.contains("ben") && !said.contains("Dana") && !said.contains("hunter2"),
                    "{said}"
                );
            }
        }
    }
}
