//! A roster in the real window: imported by the real service, verified here, on a colleague's laptop too,
//! and taken back.

use cairn_tests::ctl::Laptop;
use cairn_tests::desk::Desk;
use cairn_tests::service::Service;
use cairn_tests::window::{Window, screens};

const ROWS: &str = "email,first_name,last_name,organization,role\n\
    ann.lee@example.org,Ann,Lee,School,teacher\n\
    bo.ray@example.org,Bo,Ray,School,teacher\n";

/// What each step shows, behind the files.
/// `import-ask` comes last.
const STEPS: [&str; 5] = ["format-found", "migration-map", "migration-sum", "preview-types", "import-ask"];

/// Whether the step to verify can be gone to: the import is committed and on this computer.
const OPENS: &str =
    "document.querySelector('[data-testid=migration-next]')?.getAttribute('aria-disabled') === 'false'";

const TWO_PEOPLE: &str = "document.querySelectorAll('[data-testid=person]').length === 2";

async fn stands(window: &Window, state: &str) {
    let is = format!("document.querySelector('[data-testid=import-state]')?.dataset.state === '{state}'");
    window.until(state, &is).await.unwrap();
}

/// From files that were found to what is asked before an import, past the rows that it would make.
async fn come_to_the_import(window: &Window) {
    window.find("migration-found").await.unwrap();
    for shown in STEPS {
        window.click("migration-next").await.unwrap();
        window.find(shown).await.unwrap();
        if shown == "preview-types" {
            window.find("plan-row").await.unwrap();
            let record = window.text("plan-record").await.unwrap();
            assert!(record.contains("ann.lee@example.org"), "{record}");
        }
    }
}

#[tokio::test]
async fn a_roster_is_imported_verified_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    let demo = service.seed(3).unwrap();
    let tenant = &demo.tenants[0];
    service.start().unwrap();
    let roster = folder.path().join("accounts.csv");
    std::fs::write(&roster, ROWS).unwrap();
    let desk = Desk::start().unwrap();
    let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &demo.person("IMPL_SPEC", 0).unwrap()).await.unwrap();
    window.open_tenant(tenant).await.unwrap();
    window.click("nav-migration").await.unwrap();
    window.click("import-file").await.unwrap();
    desk.answer_dialog("Choose a roster", &roster).unwrap();
    come_to_the_import(&window).await;
    window.click("migration-run").await.unwrap();
    stands(&window, "committed").await;
    window.until("the import is here", OPENS).await.unwrap();
    window.click("migration-next").await.unwrap();
    let is_ok = |id| format!("document.querySelector('[data-testid={id}]')?.dataset.ok === 'true'");
    window.until("verified", &is_ok("import-verified")).await.unwrap();
    // The reports go where the desktop's own dialog says, and are checked from there.
    let report = folder.path().join("for the school.html");
    window.click("report-html").await.unwrap();
    desk.answer_dialog("Save the report", &report).unwrap();
    window.click("migration-step-files").await.unwrap();
    window.click("report-check").await.unwrap();
    desk.answer_dialog("Choose a report", &report).unwrap();
    window.until("the report is right", &is_ok("report-checked")).await.unwrap();
    window.click("import-open").await.unwrap();

    let ben = Laptop::new(folder.path(), "ben");
    ben.login(&service.url(), &demo.person("IMPL_SPEC", 1).unwrap()).unwrap();
    let his = || {
        ben.ok(&["sync"]).unwrap();
        ben.ok(&["import", "list", "--tenant", tenant]).unwrap()["imports"][0].clone()
    };
    let row = his();
    assert_eq!((&row["state"], &row["here"]), (&"committed".into(), &true.into()), "{row}");
    assert_eq!(row["committed"]["accounts"]["create"], 2);

    // Whom it brought is a list of its own.
    window.click("nav-people").await.unwrap();
    window.until("both are listed", TWO_PEOPLE).await.unwrap();
    window.click("people-text").await.unwrap();
    window.fill("people-text", "bo.ray").await.unwrap();
    window
        .until("one is found", "document.querySelectorAll('[data-testid=person]').length === 1")
        .await
        .unwrap();
    let found = window.text("person").await.unwrap();
    assert!(found.contains("Bo Ray") && found.contains("teacher"), "{found}");
    window.screenshot(&screens().unwrap(), "people-listed").await.unwrap();
    assert_eq!(window.accessibility_faults().await.unwrap(), Vec::<String>::new());
    window.click("nav-migration").await.unwrap();

    window.click("migration-step-rollback").await.unwrap();
    window.find("rollback-until").await.unwrap();
    window.click("rollback-ask").await.unwrap();
    window.click("rollback-confirm").await.unwrap();
    stands(&window, "rolled_back").await;
    let done = window.text("rollback-done").await.unwrap();
    assert!(done.contains("2 records taken back"), "{done}");
    assert_eq!(his()["state"], "rolled_back");

    // Asked for without a network, it can be taken back before it happens.
    service.stop().unwrap();
    window.click("migration-step-files").await.unwrap();
    window.fill("import-path", roster.to_str().unwrap()).await.unwrap();
    window.click("import-path-use").await.unwrap();
    come_to_the_import(&window).await;
    window.click("migration-run").await.unwrap();
    stands(&window, "queued").await;
    window.click("import-cancel").await.unwrap();
    window.click("rollback-confirm").await.unwrap();
    stands(&window, "rollback_queued").await;
    service.start().unwrap();
    window.click("nav-sync").await.unwrap();
    window.click("sync-now").await.unwrap();
    window.open_tenant(tenant).await.unwrap();
    window.click("nav-migration").await.unwrap();
    stands(&window, "withdrawn").await;
    assert_eq!(his()["state"], "withdrawn");
    window.close().await.unwrap();
}
