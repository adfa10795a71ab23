//! The window's TypeScript types are the shapes of `api.rs`: written by this test, committed, and
//! checked here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cairn_app::api;
use ts_rs::TS;

/// Where the window keeps them.
const FILE: &str = "../../../ui/src/lib/host/types.ts";

/// One exported type: its words, then its declaration.
fn declare<T: TS>(out: &mut String) {
    if let Some(docs) = T::docs() {
        writeln!(out, "\n{}", docs.trim_end()).unwrap();
    }
    writeln!(out, "export {}", T::decl()).unwrap();
}

fn types() -> String {
    let mut out =
        "// Generated from src-tauri/crates/app/src/api.rs by `cargo test -p cairn-app`; do not edit.\n"
            .to_owned();
    macro_rules! all {
        ($($shape:ident),* $(,)?) => { $(declare::<api::$shape>(&mut out);)* };
    }
    all![
        Session,
        StatusLine,
        TenantRow,
        Progress,
        ItemRow,
        TargetRow,
        BlockerRow,
        PhaseRow,
        ChecklistView,
        PlaybookChoice,
        ModeChoice,
        DaySpan,
        PlaybookCheck,
        OpenedPlaybook,
        PlaybookProblem,
        PlaybookFacts,
        UpgradePlan,
        UpgradeLine,
        UpgradeField,
        HistoryRow,
        CommentRow,
        ItemDetail,
        Person,
        Written,
        Edit,
        ManyWritten,
        LeftRow,
        Choice,
        QueueRow,
        ConflictValue,
        ConflictRow,
        InboxRow,
        InboxView,
        SyncView,
        SyncReport,
        Exported,
        TodayView,
        FrontRow,
        TrailPhase,
        TaskRow,
        BlockRow,
        DecisionRow,
        HistoryFilter,
        HistoryPage,
        ChangeRow,
        RevertView,
        RefusedRow,
        Theme,
        SettingsView,
        SettingsEdit,
        DeviceRow,
        ComputerView,
        About,
        UpdateView,
        Update,
        ReleaseRow,
        BackupState,
        BackupRow,
        BackupList,
        Restored,
        FormatName,
        FieldLook,
        WordLook,
        DatesLook,
        ColumnLook,
        TableLook,
        ImportLook,
        FileRules,
        ImportRules,
        ImportDraft,
        RememberedMapping,
        ImportDetected,
        ImportCandidate,
        ImportLeft,
        ImportReport,
        ImportCounts,
        ImportFile,
        ImportProblem,
        ImportExample,
        ImportPlace,
        ImportFix,
        ImportFixExample,
        ImportMapping,
        ImportColumn,
        ImportTypes,
        ImportChanges,
        ImportHold,
        ImportDouble,
        ImportDoubleExample,
        ImportBrokenReferences,
        ImportPlan,
        PlanChange,
        PlanValue,
        PlanRow,
        PlanPage,
        ImportProgress,
        ExportedRows,
        RunChoices,
        ImportDid,
        ImportRun,
        LeftRecord,
        ImportRollback,
        ImportDoing,
        ImportUnderway,
        ImportRow,
        VerifyCheck,
        ImportVerified,
        SavedReport,
        ReportChecked,
        PersonSite,
        PersonRow,
        RoleCount,
        SiteCount,
        PeopleTotals,
        PeoplePage,
        Failure,
    ];
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_windows_types_are_the_shapes_of_the_core() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let wanted = types();
    let committed = fs::read_to_string(&file).unwrap_or_default();
    if committed != wanted {
        fs::write(&file, wanted).unwrap();
        panic!("{FILE} was out of date; it is written anew: commit it");
    }
}
