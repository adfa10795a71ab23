//! What somebody chose for this computer, in `settings.json` beside the database.
//!
//! It is needed before the database opens (the theme of the lock screen) and while it is closed, so
//! it holds no secret and nothing about tenants. Fields that a newer Cairn wrote stay as they are;
//! a file that is no JSON object is moved aside, never overwritten.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cairn_protocol::ApiError;
use chrono::{Days, Duration, NaiveDateTime, NaiveTime, Timelike};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::api::{SettingsEdit, Theme};
use crate::error::{Result, fault};
use crate::files;

/// The most minutes without use until the window locks (docs/security.md: a stolen laptop).
pub const LONGEST_MINUTES: u8 = 15;

/// Name of the file in the profile directory.
const FILE: &str = "settings.json";

/// A time of day in whole minutes, without date or zone: `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(NaiveTime);

impl ClockTime {
    /// That time, if `hour` is below 24 and `minute` below 60.
    pub fn new(hour: u32, minute: u32) -> Option<Self> {
        NaiveTime::from_hms_opt(hour, minute, 0).map(Self)
    }

    /// The same with seconds, which are 0.
    pub fn time(self) -> NaiveTime {
        self.0
    }
}

impl FromStr for ClockTime {
    type Err = ();

    /// Reads `HH:MM`, as `<input type="time">` gives it.
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let digits = |part: &str| {
            let two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if two { part.parse().map_err(|_| ()) } else { Err(()) }
        };
        let (hour, minute) = text.split_once(':').ok_or(())?;
        Self::new(digits(hour)?, digits(minute)?).ok_or(())
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|()| serde::de::Error::custom("not a time of day"))
    }
}

/// When Cairn shows no native notification (UX rule 12). Times are those of the wall clock where the
/// computer is; `to` may lie before `from`, and the hours then go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// Whether they count at all.
    pub on: bool,
    /// The first quiet minute.
    pub from: ClockTime,
    /// The first minute that is not quiet any more.
    pub to: ClockTime,
}

impl Default for QuietHours {
    fn default() -> Self {
        let evening = ClockTime(NaiveTime::MIN + Duration::hours(20));
        Self { on: false, from: evening, to: ClockTime(NaiveTime::MIN + Duration::hours(7)) }
    }
}

impl QuietHours {
    /// Whether `at`, a local time, is quiet. Hours that end where they begin cover nothing.
    pub fn covers(&self, at: NaiveTime) -> bool {
        let (from, to) = (self.from.0, self.to.0);
        let inside = if from <= to { from <= at && at < to } else { at >= from || at < to };
        self.on && inside
    }

    /// When the quiet that covers the local `now` ends, as a local time; none where it is not quiet.
    pub fn ends_at(&self, now: NaiveDateTime) -> Option<NaiveDateTime> {
        if !self.covers(now.time()) {
            return None;
        }
        let today = now.time() < self.to.0;
        let day = if today { now.date() } else { now.date().checked_add_days(Days::new(1))? };
        Some(day.and_time(self.to.0))
    }
}

/// After how many minutes without use the window locks: 1 to [`LONGEST_MINUTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockAfter(u8);

impl LockAfter {
    /// That many minutes; none below 1 or above the longest allowed.
    pub fn minutes(minutes: i64) -> Option<Self> {
        let minutes = u8::try_from(minutes).ok()?;
        (1..=LONGEST_MINUTES).contains(&minutes).then_some(Self(minutes))
    }

    /// The minutes.
    pub fn as_minutes(self) -> u8 {
        self.0
    }

    /// The same as a duration.
    pub fn duration(self) -> Duration {
        Duration::minutes(self.0.into())
    }
}

impl Default for LockAfter {
    fn default() -> Self {
        Self(LONGEST_MINUTES)
    }
}

/// The sizes of everything in the window, in percent. Twice the size is the most at which nothing is
/// lost in the smallest window (UX rule 6).
pub const ZOOMS: [u16; 7] = [80, 90, 100, 110, 125, 150, 200];

/// One of [`ZOOMS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zoom(u16);

impl Zoom {
    /// That size; none where it is not one of [`ZOOMS`].
    pub fn percent(percent: i64) -> Option<Self> {
        ZOOMS.into_iter().find(|one| i64::from(*one) == percent).map(Self)
    }

    /// The percent.
    pub fn as_percent(self) -> u16 {
        self.0
    }

    /// The same as a factor.
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl Default for Zoom {
    fn default() -> Self {
        Self(100)
    }
}

/// The preferences of this computer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Which theme the window has.
    pub theme: Theme,
    /// How large everything in the window is.
    pub zoom: Zoom,
    /// When no native notification shows.
    pub quiet_hours: QuietHours,
    /// Whether native notifications show at all.
    pub notifications: Notifications,
    /// When the window locks itself.
    pub lock_after: LockAfter,
    /// Whether Cairn goes on without its window, to sync and to notify.
    pub keep_running: bool,
    /// Where backups go; none for the usual folder.
    pub backup_folder: Option<PathBuf>,
}

/// Whether native notifications show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Notifications {
    /// They do, outside quiet hours.
    #[default]
    On,
    /// Only the app itself shows what is new.
    Off,
}

/// What was wrong with the file when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was no JSON object and lies there now; the defaults hold.
    MovedAside(PathBuf),
    /// It could be neither read nor moved aside; the defaults hold and nothing can be saved.
    Unreadable(String),
}

/// The file in a profile directory.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    /// Everything in it, also what this version does not know.
    raw: Map<String, Value>,
    trouble: Option<Trouble>,
}

impl SettingsFile {
    /// Reads the file of the profile in `dir`; the defaults where there is none.
    pub fn read(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let (raw, trouble) = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(Value::Object(raw)) => (raw, None),
                _ => (Map::new(), Some(move_aside(&path))),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Map::new(), None),
            Err(error) => (Map::new(), Some(Trouble::Unreadable(error.to_string()))),
        };
        Self { path, raw, trouble }
    }

    /// What holds now. A value that this version cannot read counts as its default and stays in the
    /// file until somebody chooses another.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        let quiet = self.raw.get("quiet_hours").and_then(Value::as_object).cloned().unwrap_or_default();
        let lock_after = field(&self.raw, "lock_after_minutes").and_then(LockAfter::minutes);
        Settings {
            theme: field(&self.raw, "theme").unwrap_or(usual.theme),
            zoom: field(&self.raw, "zoom_percent").and_then(Zoom::percent).unwrap_or(usual.zoom),
            quiet_hours: QuietHours {
                on: field(&quiet, "on").unwrap_or(usual.quiet_hours.on),
                from: field(&quiet, "from").unwrap_or(usual.quiet_hours.from),
                to: field(&quiet, "to").unwrap_or(usual.quiet_hours.to),
            },
            notifications: match field(&self.raw, "notifications") {
                Some(false) => Notifications::Off,
                _ => Notifications::On,
            },
            lock_after: lock_after.unwrap_or(usual.lock_after),
            keep_running: field(&self.raw, "keep_running").unwrap_or(usual.keep_running),
            backup_folder: field::<PathBuf>(&self.raw, "backup_folder").filter(|p| p.is_absolute()),
        }
    }

    /// What was wrong with the file, until the program ends.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Takes over what `edit` names and saves it: a power cut leaves the old file or the new one.
    ///
    /// # Errors
    /// `bad_settings` with `details.fields`, a record from the names of [`SettingsEdit`] to what is
    /// wrong with each; `settings_not_saved`. Nothing is changed then.
    pub fn change(&mut self, edit: &SettingsEdit) -> Result<()> {
        let changed = self.changed(edit)?;
        if let Some(Trouble::Unreadable(why)) = &self.trouble {
            return Err(not_saved(&self.path, why));
        }
        let text = serde_json::to_vec_pretty(&changed).map_err(|e| not_saved(&self.path, &e))?;
        files::replace_private(&self.path, &text).map_err(|e| not_saved(&self.path, &e))?;
        self.raw = changed;
        Ok(())
    }

    fn changed(&self, edit: &SettingsEdit) -> Result<Map<String, Value>> {
        let mut faults = Map::new();
        let mut raw = self.raw.clone();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                raw.insert(name.to_owned(), value);
            }
        };
        set("theme", edit.theme.map(|theme| json!(theme)));
        set("notifications", edit.notifications.map(Value::from));
        set("keep_running", edit.keep_running.map(Value::from));
        set("zoom_percent", zoom_percent(edit, &mut faults));
        set("lock_after_minutes", lock_minutes(edit, &mut faults));
        set("backup_folder", backup_folder(edit, &mut faults));
        set("quiet_hours", self.quiet_hours(edit, &mut faults));
        if faults.is_empty() {
            return Ok(raw);
        }
        let mut error = fault("bad_settings", "Some of this cannot be taken over.");
        error.details = json!({ "fields": faults });
        Err(error)
    }

    fn quiet_hours(&self, edit: &SettingsEdit, faults: &mut Map<String, Value>) -> Option<Value> {
        if edit.quiet_on.is_none() && edit.quiet_from.is_none() && edit.quiet_to.is_none() {
            return None;
        }
        let mut hours = self.settings().quiet_hours;
        hours.on = edit.quiet_on.unwrap_or(hours.on);
        for (name, does, given, kept) in [
            ("quiet_from", "begins", &edit.quiet_from, &mut hours.from),
            ("quiet_to", "ends", &edit.quiet_to, &mut hours.to),
        ] {
            match given.as_deref().map(str::parse) {
                Some(Ok(time)) => *kept = time,
                Some(Err(())) => {
                    wrong(faults, name, &format!("Enter when the quiet {does}, for example 07:00"))
                }
                None => {}
            }
        }
        if hours.on && hours.from == hours.to {
            wrong(faults, "quiet_to", "Quiet hours must end at another time than they begin");
        }
        let mut value = self.raw.get("quiet_hours").and_then(Value::as_object).cloned().unwrap_or_default();
        value.insert("on".to_owned(), hours.on.into());
        value.insert("from".to_owned(), hours.from.to_string().into());
        value.insert("to".to_owned(), hours.to.to_string().into());
        Some(value.into())
    }
}

fn field<T: DeserializeOwned>(from: &Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(from.get(name)?.clone()).ok()
}

fn wrong(faults: &mut Map<String, Value>, name: &str, message: &str) {
    faults.entry(name).or_insert_with(|| message.into());
}

fn lock_minutes(edit: &SettingsEdit, faults: &mut Map<String, Value>) -> Option<Value> {
    let minutes = edit.lock_after_minutes?;
    if LockAfter::minutes(minutes).is_none() {
        wrong(faults, "lock_after_minutes", "Choose 1 to 15 minutes");
    }
    Some(minutes.into())
}

fn zoom_percent(edit: &SettingsEdit, faults: &mut Map<String, Value>) -> Option<Value> {
    let percent = edit.zoom_percent?;
    if Zoom::percent(percent).is_none() {
        wrong(faults, "zoom_percent", &format!("Choose one of {ZOOMS:?} percent"));
    }
    Some(percent.into())
}

/// An empty path means the usual folder.
fn backup_folder(edit: &SettingsEdit, faults: &mut Map<String, Value>) -> Option<Value> {
    let typed = edit.backup_folder.as_deref()?.trim();
    if typed.is_empty() {
        return Some(Value::Null);
    }
    if let Err(message) = usable_folder(Path::new(typed)) {
        wrong(faults, "backup_folder", message);
    }
    Some(typed.into())
}

/// Whether files can be written to `folder`, found out by writing one.
///
/// # Errors
/// What is wrong, in words for the person who typed it.
pub fn usable_folder(folder: &Path) -> std::result::Result<(), &'static str> {
    if !folder.is_absolute() {
        return Err("Enter the whole path of a folder");
    }
    if !folder.is_dir() {
        return Err("There is no such folder");
    }
    let probe = folder.join(format!(".cairn-{}", std::process::id()));
    let written = files::write_private(&probe, b"");
    // Where it was not written there is nothing to remove.
    let _ = fs::remove_file(&probe);
    written.map_err(|_| "Cairn may not write to this folder")
}

fn move_aside(path: &Path) -> Trouble {
    let free = (1..1_000).map(|n| path.with_file_name(format!("{FILE}.broken-{n}"))).find(|p| !p.exists());
    let Some(aside) = free else {
        return Trouble::Unreadable("it is broken and cannot be moved aside".to_owned());
    };
    match fs::rename(path, &aside) {
        Ok(()) => Trouble::MovedAside(aside),
        Err(error) => Trouble::Unreadable(error.to_string()),
    }
}

fn not_saved(path: &Path, why: &dyn fmt::Display) -> ApiError {
    fault("settings_not_saved", format!("'{}' cannot be written: {why}.", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn time(text: &str) -> NaiveTime {
        text.parse::<ClockTime>().unwrap().time()
    }

    fn moment(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn hours(from: &str, to: &str) -> QuietHours {
        QuietHours { on: true, from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    #[test]
    fn quiet_hours_cover_their_first_minute_and_not_their_last() {
        let noon = hours("12:00", "13:30");
        for (at, quiet) in [("11:59", false), ("12:00", true), ("13:29", true), ("13:30", false)] {
            assert_eq!(noon.covers(time(at)), quiet, "{at}");
        }
        assert!(!QuietHours { on: false, ..noon }.covers(time("12:30")), "switched off");
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = hours("22:00", "07:00");
        for (at, quiet) in
            [("21:59", false), ("22:00", true), ("00:00", true), ("06:59", true), ("07:00", false)]
        {
            assert_eq!(night.covers(time(at)), quiet, "{at}");
        }
        let ends = |at: &str| night.ends_at(moment(at));
        assert_eq!(ends("2026-03-12T23:15:30"), Some(moment("2026-03-13T07:00:00")));
        assert_eq!(ends("2026-03-13T00:00:00"), Some(moment("2026-03-13T07:00:00")));
        assert_eq!(ends("2026-03-13T07:00:00"), None);
        assert_eq!(
            hours("12:00", "13:00").ends_at(moment("2026-03-13T12:30:00")),
            Some(moment("2026-03-13T13:00:00"))
        );
    }

    #[test]
    fn hours_that_end_where_they_begin_cover_nothing() {
        assert!(!hours("08:00", "08:00").covers(time("08:00")));
    }

    #[test]
    fn a_clock_time_is_two_digits_each() {
        for bad in ["", "8:00", "24:00", "12:60", "12", "+1:00", "12:00:00", "ab:cd"] {
            assert!(bad.parse::<ClockTime>().is_err(), "{bad}");
        }
        assert_eq!("07:05".parse::<ClockTime>().unwrap().to_string(), "07:05");
    }

    #[test]
    fn without_a_file_the_defaults_hold_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = SettingsFile::read(dir.path());
        assert_eq!(file.settings(), Settings::default());
        assert_eq!(file.settings().lock_after.as_minutes(), 15);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_choice_is_there_after_the_next_start_and_only_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let edit = SettingsEdit {
            theme: Some(Theme::Dark),
            quiet_on: Some(true),
            quiet_from: Some("22:00".into()),
            lock_after_minutes: Some(5),
            notifications: Some(false),
            keep_running: Some(true),
            backup_folder: Some(dir.path().display().to_string()),
            ..SettingsEdit::default()
        };
        SettingsFile::read(dir.path()).change(&edit).unwrap();
        let read = SettingsFile::read(dir.path()).settings();
        assert_eq!(read.theme, Theme::Dark);
        assert_eq!(read.quiet_hours, hours("22:00", "07:00"));
        assert_eq!((read.lock_after.as_minutes(), read.notifications), (5, Notifications::Off));
        assert_eq!((read.keep_running, read.backup_folder), (true, Some(dir.path().to_owned())));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn what_a_newer_version_wrote_stays() {
        let dir = tempfile::tempdir().unwrap();
        let newer = r#"{"theme": "sepia", "sound": 3, "quiet_hours": {"on": false, "days": [6, 7]}}"#;
        fs::write(dir.path().join(FILE), newer).unwrap();
        let mut file = SettingsFile::read(dir.path());
        assert_eq!(file.settings().theme, Theme::System);
        file.change(&SettingsEdit { quiet_on: Some(true), ..SettingsEdit::default() }).unwrap();
        let text = fs::read(dir.path().join(FILE)).unwrap();
        let kept: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((&kept["theme"], &kept["sound"]), (&json!("sepia"), &json!(3)));
        assert_eq!(kept["quiet_hours"]["days"], json!([6, 7]));
        assert_eq!(kept["quiet_hours"]["on"], json!(true));
    }

    #[test]
    fn a_broken_file_is_moved_aside_and_said() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=2 {
            fs::write(dir.path().join(FILE), b"{\"theme\": ").unwrap();
            let file = SettingsFile::read(dir.path());
            assert_eq!(file.settings(), Settings::default());
            let aside = dir.path().join(format!("{FILE}.broken-{n}"));
            assert_eq!(file.trouble(), Some(&Trouble::MovedAside(aside.clone())));
            assert_eq!(fs::read(aside).unwrap(), b"{\"theme\": ");
        }
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn each_wrong_field_is_named_and_nothing_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = SettingsFile::read(dir.path());
        let edit = SettingsEdit {
            theme: Some(Theme::Light),
            quiet_on: Some(true),
            quiet_from: Some("25:00".into()),
            quiet_to: Some("".into()),
            lock_after_minutes: Some(16),
            backup_folder: Some("backups".into()),
            ..SettingsEdit::default()
        };
        let error = file.change(&edit).unwrap_err();
        assert_eq!(error.code, "bad_settings");
        let named: Vec<&String> = error.details["fields"].as_object().unwrap().keys().collect();
        assert_eq!(named, ["backup_folder", "lock_after_minutes", "quiet_from", "quiet_to"]);
        assert_eq!(file.settings(), Settings::default());
        assert!(!dir.path().join(FILE).exists());
        let same = SettingsEdit {
            quiet_on: Some(true),
            quiet_from: Some("07:00".into()),
            ..SettingsEdit::default()
        };
        assert!(file.change(&same).unwrap_err().details["fields"]["quiet_to"].is_string());
        for minutes in [-1, 0, 16, 300] {
            let edit = SettingsEdit { lock_after_minutes: Some(minutes), ..SettingsEdit::default() };
            assert_eq!(file.change(&edit).unwrap_err().code, "bad_settings", "{minutes}");
        }
    }

    #[test]
    fn an_empty_backup_folder_means_the_usual_one_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = SettingsFile::read(dir.path());
        let with =
            |folder: &str| SettingsEdit { backup_folder: Some(folder.to_owned()), ..SettingsEdit::default() };
        assert!(file.change(&with("/no/such/folder")).is_err());
        file.change(&with(&dir.path().display().to_string())).unwrap();
        assert!(file.settings().backup_folder.is_some());
        file.change(&with(" ")).unwrap();
        assert_eq!(file.settings().backup_folder, None);
    }
}
