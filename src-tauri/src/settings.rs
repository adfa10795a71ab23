//! The preferences of this computer and its backups, behind the window.

use std::path::PathBuf;
use std::sync::Arc;

use cairn_app::api::{BackupList, BackupRow, Restored, SettingsEdit, SettingsView};
use cairn_app::backup::{RestoreRequest, usual_folder};
use cairn_app::error::Result;
use cairn_app::settings::{Notifications, Settings, Trouble, ZOOMS};

use crate::shell::{Changed, Network, Shell};

impl Shell {
    /// What somebody chose for this computer, or the defaults.
    pub fn settings(&self) -> Settings {
        self.state().settings.settings()
    }

    /// The same for the Settings screen.
    pub fn settings_view(&self) -> SettingsView {
        let (settings, trouble) = {
            let state = self.state();
            (state.settings.settings(), state.settings.trouble().cloned())
        };
        let fixed = self.start.lock_after.map(|fixed| fixed.num_seconds());
        SettingsView {
            theme: settings.theme,
            zoom_percent: settings.zoom.as_percent(),
            zooms: ZOOMS.to_vec(),
            quiet_on: settings.quiet_hours.on,
            quiet_from: settings.quiet_hours.from.to_string(),
            quiet_to: settings.quiet_hours.to.to_string(),
            notifications: settings.notifications == Notifications::On,
            lock_after_minutes: settings.lock_after.as_minutes(),
            lock_fixed_seconds: fixed.and_then(|seconds| u32::try_from(seconds).ok()),
            keep_running: settings.keep_running,
            backup_folder: self.backup_folder(&settings).display().to_string(),
            backup_folder_chosen: settings.backup_folder.is_some(),
            set_aside: match trouble {
                Some(Trouble::MovedAside(file)) => Some(file.display().to_string()),
                _ => None,
            },
        }
    }

    /// Takes over what `edit` names; it counts at once.
    ///
    /// # Errors
    /// `bad_settings` with `details.fields`, `settings_not_saved`; nothing is changed then.
    pub fn change_settings(&self, edit: &SettingsEdit) -> Result<SettingsView> {
        {
            let mut state = self.state();
            state.settings.change(edit)?;
            if self.start.lock_after.is_none() {
                let limit = state.settings.settings().lock_after.duration();
                state.idle.set_limit(limit);
            }
        }
        self.tell(Changed::All);
        Ok(self.settings_view())
    }

    fn backup_folder(&self, settings: &Settings) -> PathBuf {
        let usual = || usual_folder(self.start.documents.as_deref(), self.session.profile().dir());
        settings.backup_folder.clone().unwrap_or_else(usual)
    }

    /// The backups in the folder for them.
    ///
    /// # Errors
    /// `bad_folder`.
    pub fn backups(&self) -> Result<BackupList> {
        self.session.backups(&self.backup_folder(&self.settings()))
    }

    /// Makes a backup in that folder; the usual one is made where it is missing.
    ///
    /// # Errors
    /// As [`cairn_app::Session::back_up`].
    pub fn back_up(&self) -> Result<BackupRow> {
        let settings = self.settings();
        let make = settings.backup_folder.is_none();
        self.session.back_up(&self.backup_folder(&settings), make, self.now())
    }

    /// Puts a backup in the place of the database, while nothing is sent or received.
    ///
    /// # Errors
    /// As [`cairn_app::Session::restore`].
    pub async fn restore(self: &Arc<Self>, request: RestoreRequest) -> Result<Restored> {
        let turn = self.turn.lock().await;
        let restored = self.blocking(move |shell| shell.restore_now(&request)).await;
        drop(turn);
        self.tell(Changed::All);
        restored
    }

    fn restore_now(&self, request: &RestoreRequest) -> Result<Restored> {
        let done = self.session.restore(request, self.now())?;
        self.state().network = Network::Unknown;
        Ok(Restored {
            made: done.made.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            aside: done.aside.map(|folder| folder.display().to_string()),
            unsent: done.unsent,
            left: done.left,
            session: self.standing()?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use cairn_app::api::Theme;
    use cairn_app::{KeyPlace, Session};
    use cairn_domain::Time;
    use chrono::Duration;

    use super::*;
    use crate::shell::Start;

    static MINUTES: AtomicI64 = AtomicI64::new(0);

    fn clock() -> Time {
        let noon: Time = "2026-03-02T12:00:00Z".parse().unwrap();
        noon + Duration::minutes(MINUTES.load(Ordering::SeqCst))
    }

    fn shell(folder: &Path, start: Start, told: &Arc<AtomicUsize>) -> Shell {
        let told = Arc::clone(told);
        let session = Session::new(folder, KeyPlace::File(folder.join("key")));
        Shell::new(session, clock, start, move |_| {
            told.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn lock_after(minutes: i64) -> SettingsEdit {
        SettingsEdit { lock_after_minutes: Some(minutes), ..SettingsEdit::default() }
    }

    #[test]
    fn a_shorter_limit_counts_at_once_and_after_the_next_start_unless_the_command_line_names_one() {
        let folder = tempfile::tempdir().unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let over = |shell: &Shell| shell.state().idle.is_over(clock());
        let first = shell(folder.path(), Start::default(), &told);
        MINUTES.store(4, Ordering::SeqCst);
        assert!(!over(&first));
        let view = first.change_settings(&lock_after(3)).unwrap();
        assert_eq!((view.lock_after_minutes, view.lock_fixed_seconds), (3, None));
        assert!(over(&first), "nobody used it for four minutes");
        assert_eq!(told.load(Ordering::SeqCst), 1, "the window is told");
        assert!(first.change_settings(&lock_after(16)).is_err());
        assert_eq!(first.settings().lock_after.as_minutes(), 3);

        let next = shell(folder.path(), Start::default(), &told);
        MINUTES.store(6, Ordering::SeqCst);
        assert!(!over(&next));
        MINUTES.store(7, Ordering::SeqCst);
        assert!(over(&next));

        let flag = Start { lock_after: Some(Duration::minutes(10)), ..Start::default() };
        let flagged = shell(folder.path(), flag, &told);
        let view = flagged.change_settings(&lock_after(1)).unwrap();
        assert_eq!((view.lock_after_minutes, view.lock_fixed_seconds), (1, Some(600)));
        MINUTES.store(16, Ordering::SeqCst);
        assert!(!over(&flagged));
        MINUTES.store(17, Ordering::SeqCst);
        assert!(over(&flagged));
        MINUTES.store(0, Ordering::SeqCst);
    }

    #[test]
    fn preferences_are_there_before_anybody_signed_in() {
        let folder = tempfile::tempdir().unwrap();
        let shell = shell(folder.path(), Start::default(), &Arc::default());
        assert_eq!(shell.settings_view().theme, Theme::System);
        let edit = SettingsEdit { theme: Some(Theme::Dark), ..SettingsEdit::default() };
        assert_eq!(shell.change_settings(&edit).unwrap().theme, Theme::Dark);
        let view = shell.settings_view();
        assert_eq!(view.backup_folder, folder.path().join("backups").display().to_string());
        assert!(!view.backup_folder_chosen);
        assert!(shell.backups().unwrap().backups.is_empty());
        assert_eq!(shell.back_up().unwrap_err().code, "signed_out");
    }
}
