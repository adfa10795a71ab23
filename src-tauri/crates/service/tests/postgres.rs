//! What only PostgreSQL has: roles and policies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use cairn_domain::TenantId;
use cairn_domain::access::Role;
use cairn_service::Error;
use cairn_service::storage::postgres::Postgres;
use cairn_service::storage::{Mode, Storage, with};
use common::*;
use tokio_postgres::{Client, NoTls};

fn run<T>(url: &str, work: impl AsyncFnOnce(Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        work(client).await
    })
}

fn filled() -> (String, World, TenantId, TenantId) {
    let url = cluster::database();
    // One connection: every transaction of the test shares it.
    let storage: Arc<dyn Storage> = Arc::new(Postgres::with_connections(&url, 1).unwrap());
    let mut world = World::new(storage);
    let (north, south) = (world.tenant("north"), world.tenant("south"));
    (url, world, north, south)
}

#[test]
fn every_table_is_guarded() {
    let (url, ..) = filled();
    run(&url, async |client| {
        let sql = "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                   (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid
                    AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL),
                   pg_get_userbyid(c.relowner) FROM pg_class c
                   JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'cairn' AND c.relkind IN ('r', 'p')";
        let rows = client.query(sql, &[]).await.unwrap();
        assert!(rows.len() >= 12);
        for row in rows {
            let name: String = row.get(0);
            assert!(row.get::<_, bool>(1), "{name}: row-level security is on");
            assert!(row.get::<_, bool>(2), "{name}: for its owner too");
            assert!(row.get::<_, i64>(3) > 0, "{name}: a policy with USING and WITH CHECK");
            assert_ne!(row.get::<_, String>(4), "cairn_rows", "{name}: not owned by the role that uses it");
        }
        // Nothing of ours lies outside the guarded schema but the schema's own version.
        let sql = "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE relkind IN ('r', 'p') AND nspname NOT IN ('cairn', 'pg_catalog', 'information_schema')
                   AND nspname NOT LIKE 'pg_toast%'";
        let others: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
        assert_eq!(others, ["cairn_schema"]);
        let sql = "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = 'cairn_rows'";
        assert!(!client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
    });
}

#[test]
fn an_unset_tenant_raises_and_a_set_one_sees_only_itself() {
    let (url, _, north, south) = filled();
    run(&url, async |mut client| {
        client.batch_execute("SET ROLE cairn_rows").await.unwrap();
        let sql = "SELECT tenant FROM cairn.entry";
        assert!(client.query(sql, &[]).await.is_err(), "never set");
        let tx = client.transaction().await.unwrap();
        tx.execute("SELECT set_config('cairn.tenants', $1, true)", &[&north.as_str()]).await.unwrap();
        let rows = tx.query(sql, &[]).await.unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|r| r.get::<_, String>(0) == north.as_str()));
        let steal = "INSERT INTO cairn.side (tenant, kind, key, value) VALUES ($1, 'x', 'y', 'z')";
        assert!(tx.execute(steal, &[&south.as_str()]).await.is_err(), "no row for another tenant");
        drop(tx);
        assert!(client.query(sql, &[]).await.is_err(), "left over empty from an earlier transaction");
    });
}

#[test]
fn interleaved_tenants_on_one_connection_stay_apart_also_after_errors() {
    let (_, world, north, south) = filled();
    let storage = &world.service.storage;
    for turn in 0..30 {
        let (tenant, other) = if turn % 2 == 0 { (&north, &south) } else { (&south, &north) };
        let key = format!("turn {turn}");
        with(storage, tenant, Mode::Write, |tx| tx.put_side("test", &key, Some(tenant.as_str()))).unwrap();
        // An error of the caller's, and one of the database's, inside the transaction.
        let failed: cairn_service::Result<()> = with(storage, other, Mode::Write, |tx| {
            tx.put_side("test", "lost", Some("x"))?;
            Err(Error::fault("cut off"))
        });
        assert!(failed.is_err());
        let broken: cairn_service::Result<()> =
            with(storage, other, Mode::Read, |tx| tx.put_side("test", "lost", Some("x")));
        assert!(broken.is_err(), "a reading transaction cannot write");
        let seen = with(storage, other, Mode::Read, |tx| tx.sides("test")).unwrap();
        assert!(seen.iter().all(|(_, of)| of == other.as_str()), "{seen:?}");
    }
}

#[test]
fn a_request_that_dies_leaves_nothing_and_frees_its_connection() {
    let (_, world, north, south) = filled();
    let storage = world.service.storage.clone();
    let tenant = north.clone();
    let died = std::thread::spawn(move || {
        with(&storage, &tenant, Mode::Write, |tx| -> cairn_service::Result<()> {
            tx.put_side("test", "lost", Some("x")).unwrap();
            panic!("cut off in the middle")
        })
    });
    assert!(died.join().is_err());
    let storage = &world.service.storage;
    assert_eq!(with(storage, &south, Mode::Read, |tx| tx.sides("test")).unwrap(), []);
    assert_eq!(with(storage, &north, Mode::Write, |tx| tx.sides("test")).unwrap(), []);
}

/// Whether two tenants can be told apart on every table: what a dropped policy would break.
fn apart(url: &str, north: &TenantId) -> Vec<String> {
    run(url, async |mut client| {
        let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'cairn' ORDER BY 1";
        let tables: Vec<String> = client.query(sql, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
        let mut wrong = Vec::new();
        for table in tables {
            let tx = client.transaction().await.unwrap();
            tx.batch_execute("SET LOCAL ROLE cairn_rows").await.unwrap();
            tx.execute("SELECT set_config('cairn.tenants', $1, true)", &[&north.as_str()]).await.unwrap();
            let sql = format!("SELECT count(*) FILTER (WHERE tenant <> $1), count(*) FROM cairn.{table}");
            let row = tx.query_one(&sql, &[&north.as_str()]).await.unwrap();
            if row.get::<_, i64>(0) > 0 || row.get::<_, i64>(1) == 0 {
                wrong.push(table);
            }
        }
        wrong
    })
}

#[test]
fn a_dropped_policy_is_noticed_on_every_table() {
    let (url, world, north, south) = filled();
    run(&url, async |client| {
        // A row of both tenants in every table.
        let sql = "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
                   WHERE table_schema = 'cairn' ORDER BY c.table_name, ordinal_position";
        let mut tables: std::collections::BTreeMap<String, Vec<(String, String)>> = Default::default();
        for row in client.query(sql, &[]).await.unwrap() {
            tables.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
        }
        for (table, columns) in &tables {
            for tenant in [&north, &south] {
                let names: Vec<&str> = columns.iter().map(|c| c.0.as_str()).collect();
                let values: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| match (name.as_str(), kind.as_str()) {
                        ("tenant", _) => format!("'{tenant}'"),
                        (_, "bigint") => "999999".into(),
                        (_, "bytea") => "''::bytea".into(),
                        _ => "'x'".into(),
                    })
                    .collect();
                let sql = format!(
                    "INSERT INTO cairn.{table} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
                    names.join(","),
                    values.join(",")
                );
                client.batch_execute(&sql).await.unwrap();
            }
        }
    });
    assert_eq!(apart(&url, &north), Vec::<String>::new());
    let tables = run(&url, async |client| {
        let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'cairn'";
        client.query(sql, &[]).await.unwrap().iter().map(|r| r.get(0)).collect::<Vec<String>>()
    });
    for table in tables {
        run(&url, async |client| {
            client
                .batch_execute(&format!("ALTER TABLE cairn.{table} DISABLE ROW LEVEL SECURITY"))
                .await
                .unwrap();
        });
        assert_eq!(apart(&url, &north), std::slice::from_ref(&table));
        run(&url, async |client| {
            client
                .batch_execute(&format!(
                    "ALTER TABLE cairn.{table} ENABLE ROW LEVEL SECURITY;
                DROP POLICY named_tenants ON cairn.{table}"
                ))
                .await
                .unwrap();
        });
        assert_eq!(
            apart(&url, &north),
            std::slice::from_ref(&table),
            "without its policy a table shows nothing"
        );
        run(&url, async |client| {
            client
                .batch_execute(&format!(
                    "CREATE POLICY named_tenants ON cairn.{table}
                USING (tenant = ANY ((SELECT cairn.tenants())::text[]))
                WITH CHECK (tenant = ANY ((SELECT cairn.tenants())::text[]))"
                ))
                .await
                .unwrap();
        });
    }
    drop(world);
}

#[test]
fn a_newer_schema_is_refused() {
    let (url, mut world, ..) = filled();
    world.user("ana", Role::ImplSpec, &[]);
    run(&url, async |client| client.batch_execute("INSERT INTO cairn_schema VALUES (99)").await.unwrap());
    let Err(Error::Api(refused)) = Postgres::open(&url) else { panic!("it opened") };
    assert_eq!(refused.code, "newer_database");
}
