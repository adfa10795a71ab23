//! The desktop's own notifications. Nothing waits for them: a desktop without a notification daemon,
//! or with one that hangs, costs a toast and nothing else, because the inbox has everything.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cairn_app::toasts::{Opens, Toast};
use cairn_domain::TenantId;
use notify_rust::{Hint, Notification, NotificationHandle, NotificationResponse, Urgency};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How the desktop knows this program: the name of the desktop entry in its package.
const DESKTOP_ENTRY: &str = "Cairn";

/// Name of its icon in the desktop's theme.
const ICON: &str = "cairn";

/// A daemon that takes longer than this hangs; the toast is given up. Long, since nothing waits for it
/// and a busy computer starts its daemon slowly.
const PATIENCE: Duration = Duration::from_secs(10);

/// Name of a notice: its tenant and key.
pub type Name = (TenantId, String);

/// Toasts that are up, with what they speak of and the way to take them down.
type Shown = Arc<Mutex<Vec<(Vec<Name>, oneshot::Sender<()>)>>>;

/// The notification daemon of this desktop.
#[derive(Clone)]
pub struct Desktop {
    opened: Arc<dyn Fn(Opens) + Send + Sync>,
    shown: Shown,
}

impl Desktop {
    /// A click on a toast calls `opened`.
    pub fn new(opened: impl Fn(Opens) + Send + Sync + 'static) -> Self {
        Self { opened: Arc::new(opened), shown: Shown::default() }
    }

    /// Raises a toast, and watches it for a click in the background.
    pub async fn raise(&self, toast: Toast) {
        match timeout(PATIENCE, show(&toast)).await {
            Ok(Ok(handle)) => {
                let (down, taken) = oneshot::channel();
                self.shown().push((toast.about, down));
                tokio::spawn(watch(handle, taken, toast.opens, Arc::clone(&self.opened)));
            }
            Ok(Err(error)) => tracing::info!(%error, "no native notification; the inbox has it"),
            Err(_) => tracing::info!("the notification daemon hangs; the inbox has it"),
        }
    }

    /// Takes down the toasts of which nothing is news any more: resolved, or read in the window.
    pub fn withdraw(&self, still_news: &BTreeSet<Name>) {
        let mut shown = self.shown();
        let (stays, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut *shown)
            .into_iter()
            .filter(|(_, down)| !down.is_closed())
            .partition(|(about, _)| about.iter().any(|name| still_news.contains(name)));
        *shown = stays;
        for (_, down) in gone {
            // Whoever watched it may have ended meanwhile: then it is down already.
            let _ = down.send(());
        }
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Vec<(Vec<Name>, oneshot::Sender<()>)>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn show(toast: &Toast) -> notify_rust::error::Result<NotificationHandle> {
    Notification::new()
        .appname("Cairn")
        .icon(ICON)
        .summary(&toast.title)
        .body(&toast.body)
        .action("default", "Open")
        .hint(Hint::DesktopEntry(DESKTOP_ENTRY.to_owned()))
        .urgency(Urgency::Normal)
        .show_async()
        .await
}

async fn watch(
    handle: NotificationHandle,
    taken_down: oneshot::Receiver<()>,
    opens: Opens,
    opened: Arc<dyn Fn(Opens) + Send + Sync>,
) {
    let mut clicked = false;
    let acted = handle.wait_for_action_async(|response| {
        clicked = matches!(response, NotificationResponse::Default | NotificationResponse::Action(_));
    });
    tokio::select! {
        () = acted => {}
        // Its sender going away means that the program ends.
        _ = taken_down => {
            if timeout(PATIENCE, handle.close_async()).await.is_err() {
                tracing::info!("the notification daemon hangs; a toast stays");
            }
        }
    }
    if clicked {
        opened(opens);
    }
}
