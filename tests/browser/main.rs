//! The whole interface on the real core in a browser, in breadth: see `cairn_tests::bridge`. What
//! only a real window has is in the desktop tests.

mod checklist;
mod history;
mod many;
mod migration;
mod outside;
mod overview;
mod pictures;
mod settings;
mod sync;
mod walk;

use anyhow::{Context as _, Result};

use crate::walk::Walk;

/// The parts of a walk, in order, each with its name.
macro_rules! parts {
    ($walk:ident: $($part:path),* $(,)?) => {
        $($part($walk).await.context(stringify!($part))?;)*
    };
}

/// Around the work: signing in, the screens across tenants, settings, and what can stand in the way.
async fn around(walk: &mut Walk) -> Result<()> {
    parts! { walk:
        outside::signing_in,
        outside::nothing_yet,
        overview::today,
        overview::tenants,
        overview::palette,
        overview::start_project,
        settings::choices,
        settings::keeping,
        outside::locked,
        outside::lost_key,
        outside::damaged,
    }
    Ok(())
}

/// The work itself, and what comes of several people doing it.
async fn inside(walk: &mut Walk) -> Result<()> {
    parts! { walk:
        checklist::arrive,
        checklist::filters,
        checklist::search,
        checklist::statuses,
        checklist::keys,
        checklist::panel,
        migration::files,
        migration::map,
        migration::validate,
        migration::preview,
        many::select,
        many::change,
        sync::offline,
        sync::conflicts,
        sync::held_and_refused,
        history::narrow,
        history::take_back,
    }
    Ok(())
}

/// Both at the same time, each with a service and a browser of its own.
async fn everywhere() -> Result<()> {
    let (mut one, mut other) = tokio::try_join!(Walk::start(), Walk::start())?;
    tokio::try_join!(around(&mut one), inside(&mut other))?;
    walk::finish([one, other]).await
}

#[tokio::test]
async fn every_screen_state_and_shortcut() {
    everywhere().await.unwrap();
}
