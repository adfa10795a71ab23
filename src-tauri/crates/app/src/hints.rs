//! Waiting for the service to say that something changed.

use cairn_sync::backoff::Backoff;

use crate::session::{Hint, Session};

/// The reasons to sync that the service gives.
#[derive(Debug, Default)]
pub struct Hints {
    lost: Backoff,
}

impl Hints {
    /// Waits for the next one: a hint, or a stream of hints that broke off, for whoever ended it may be
    /// back by then. Pauses grow where streams break off again and again, as behind a proxy that allows
    /// none. Never ends where the service gives no hints at all.
    #[allow(clippy::disallowed_methods, reason = "the pause is for the network, no test waits for it")]
    pub async fn next(&mut self, session: &Session) {
        match session.hint().await {
            Ok(Hint::Changed) => self.lost.succeeded(),
            Ok(Hint::BrokeOff) => {
                let pause = self.lost.failed(&mut rand::rng());
                tokio::time::sleep(pause).await;
            }
            Err(_) => std::future::pending().await,
        }
    }
}
