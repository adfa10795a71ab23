//! What runs beside the window: syncing when there is a reason, and noticing what others did.
#![allow(clippy::disallowed_methods, reason = "the driver of the sync engine really waits, with real jitter")]

use std::sync::Arc;
use std::time::Duration;

use cairn_app::hints::Hints;
use cairn_sync::backoff::Backoff;
use tokio::time::sleep;

use crate::shell::{Changed, Shell};

/// Without any reason, sync this often; also the longest pause while there is no network, because
/// an attempt then costs nobody anything.
const REGULARLY: Duration = Duration::from_secs(60);

/// How long to wait for more after a write, so that a burst of them is one round trip.
const GATHER: Duration = Duration::from_millis(1_500);

/// How often to look whether `cairnctl` wrote to the database or it is time to lock.
const LOOK: Duration = Duration::from_secs(1);

/// Syncs for ever: at once, at each hint of the service, soon after each write, and regularly; with
/// growing pauses while it fails. Locked or signed out, it only waits, and it never opens the
/// database itself: a keyring in trouble is asked when somebody looks, not again behind their back.
pub async fn keep_in_sync(shell: Arc<Shell>) {
    let (mut backoff, mut hints) = (Backoff::default(), Hints::default());
    loop {
        if !shell.is_open().await.unwrap_or(false) {
            shell.nudged().await;
            continue;
        }
        let pause = match shell.sync().await {
            Ok(_) => {
                backoff.succeeded();
                wait_online(&shell, &mut hints).await;
                continue;
            }
            Err(error) => match error.code.as_str() {
                "locked" | "signed_out" => REGULARLY,
                "unreachable" | "sync_busy" => backoff.failed(&mut rand::rng()).min(REGULARLY),
                _ => backoff.failed(&mut rand::rng()),
            },
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shell.nudged() => sleep(GATHER).await,
        }
    }
}

async fn wait_online(shell: &Shell, hints: &mut Hints) {
    tokio::select! {
        () = sleep(REGULARLY) => {}
        () = shell.hinted(hints) => {}
        () = shell.nudged() => sleep(GATHER).await,
    }
}

/// Looks every second for what no one tells: writes of another program, an idle window, and whether
/// a second start wants this window in front (`raise`).
pub async fn keep_watch(shell: Arc<Shell>, raise: impl Fn() + Send + Sync + Clone + 'static) {
    let mut seen = None;
    loop {
        sleep(LOOK).await;
        let raise = raise.clone();
        let looked = shell.blocking(move |shell| {
            raise();
            shell.lock_if_idle();
            Ok(shell.data_version())
        });
        let Ok(version) = looked.await else { continue };
        if seen.is_some() && version.is_some() && seen != version {
            shell.tell(Changed::All);
            shell.nudge();
            shell.news();
        }
        seen = version;
    }
}
