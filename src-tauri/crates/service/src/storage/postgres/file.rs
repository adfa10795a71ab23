//! PostgreSQL's rows in an embedded database's file and back: both have the same tables, so that one
//! kind of backup serves both, and a team moves from one to the other with it.

use std::path::Path;

use deadpool_postgres::{Client, Transaction};
use futures_util::TryStreamExt;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{Postgres, lost};
use crate::error::{Error, Result};

/// Rows that go to PostgreSQL in one statement.
const BATCH: usize = 500;

/// The types that the tables have, in both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Blob,
}

impl Kind {
    fn read(declared: &str) -> Result<Self> {
        match declared {
            "INTEGER" => Ok(Self::Integer),
            "TEXT" => Ok(Self::Text),
            "BLOB" => Ok(Self::Blob),
            other => Err(Error::fault(format!("a column of type {other} has no counterpart"))),
        }
    }

    /// A list of such values in PostgreSQL.
    fn list(self) -> &'static str {
        match self {
            Self::Integer => "bigint[]",
            Self::Text => "text[]",
            Self::Blob => "bytea[]",
        }
    }

    fn value(self, row: &Row, column: usize) -> std::result::Result<Value, tokio_postgres::Error> {
        Ok(match self {
            Self::Integer => Value::Integer(row.try_get(column)?),
            Self::Text => Value::Text(row.try_get(column)?),
            Self::Blob => Value::Blob(row.try_get(column)?),
        })
    }
}

/// A table with its columns in order; the first is the tenant.
#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

impl Table {
    /// All tables of the file. It is the schema that says what there is, so that a new one is not
    /// forgotten here.
    fn all(file: &Connection) -> Result<Vec<Self>> {
        let mut names = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
        let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        names.into_iter().map(|name| Self::read(file, name)).collect()
    }

    fn read(file: &Connection, name: String) -> Result<Self> {
        let mut columns = file.prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns = columns.query_map([&name], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        let columns = columns.map(|column| {
            let (column, declared): (String, String) = column?;
            Ok((column, Kind::read(&declared)?))
        });
        Ok(Self { columns: columns.collect::<Result<_>>()?, name })
    }

    fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Writes all rows that the open transaction may see into the file.
    async fn save(&self, client: &Client, file: &Connection) -> Result<()> {
        let select = format!("SELECT {} FROM {}", self.list(), self.name);
        let rows = client.query_raw(&select, std::iter::empty::<&str>()).await.map_err(lost)?;
        futures_util::pin_mut!(rows);
        let places = vec!["?"; self.columns.len()].join(", ");
        let mut insert =
            file.prepare(&format!("INSERT INTO {} ({}) VALUES ({places})", self.name, self.list()))?;
        while let Some(row) = rows.try_next().await.map_err(lost)? {
            let kinds = self.columns.iter().enumerate();
            let values: std::result::Result<Vec<Value>, _> =
                kinds.map(|(place, (_, kind))| kind.value(&row, place)).collect();
            insert.execute(params_from_iter(values.map_err(lost)?.into_iter().map(ToSqlOutput::Owned)))?;
        }
        Ok(())
    }

    /// Writes all rows of the file into the table of this name.
    async fn load(&self, tx: &Transaction<'_>, file: &Connection) -> Result<()> {
        let lists: Vec<String> =
            self.columns.iter().zip(1..).map(|((_, kind), n)| format!("${n}::{}", kind.list())).collect();
        let columns = self.list();
        let insert = format!(
            "INSERT INTO {name} ({columns}) SELECT * FROM unnest({lists})",
            name = self.name,
            lists = lists.join(", ")
        );
        let insert = tx.prepare(&insert).await.map_err(lost)?;
        let mut select = file.prepare(&format!("SELECT {columns} FROM {}", self.name))?;
        let mut rows = select.query([])?;
        loop {
            let mut batch: Vec<Column> = self.columns.iter().map(|(_, kind)| Column::new(*kind)).collect();
            let mut count = 0;
            while count < BATCH
                && let Some(row) = rows.next()?
            {
                for (place, column) in batch.iter_mut().enumerate() {
                    column.push(row.get(place)?)?;
                }
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            let values: Vec<&(dyn ToSql + Sync)> = batch.iter().map(Column::as_sql).collect();
            tx.execute(&insert, &values).await.map_err(lost)?;
        }
    }
}

/// Values of one column of several rows.
enum Column {
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Blobs(Vec<Vec<u8>>),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integers(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Blob => Self::Blobs(Vec::new()),
        }
    }

    fn push(&mut self, value: Value) -> Result<()> {
        match (self, value) {
            (Self::Integers(all), Value::Integer(one)) => all.push(one),
            (Self::Texts(all), Value::Text(one)) => all.push(one),
            (Self::Blobs(all), Value::Blob(one)) => all.push(one),
            (_, other) => {
                return Err(Error::fault(format!("the file has a {} where none belongs", other.data_type())));
            }
        }
        Ok(())
    }

    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Integers(all) => all,
            Self::Texts(all) => all,
            Self::Blobs(all) => all,
        }
    }
}

/// Writes every row that the open transaction may see into a new file.
pub(super) async fn save(client: &Client, file: &mut Connection) -> Result<()> {
    let whole = file.transaction()?;
    for table in Table::all(&whole)? {
        table.save(client, &whole).await?;
    }
    Ok(whole.commit()?)
}

/// The tenants that the file has rows of.
fn tenants(file: &Connection, tables: &[Table]) -> Result<Vec<String>> {
    let of = |table: &Table| format!("SELECT tenant FROM {}", table.name);
    let all = tables.iter().map(of).collect::<Vec<_>>().join(" UNION ");
    let mut statement = file.prepare(&all)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Postgres {
    /// Puts what the file holds in the place of what the database holds, in one transaction. What was
    /// there is kept in a schema called `aside`, where no service sees it. Says whether there was any.
    ///
    /// # Errors
    /// `service_running` where a service or a command is connected; faults, after which nothing has
    /// changed.
    pub fn replace(url: &str, file: &Path, aside: &str) -> Result<bool> {
        let this = Self::connect(url, 1)?;
        let file = Connection::open(file)?;
        this.handle()?.block_on(async {
            let mut client = this.pool.get().await.map_err(lost)?;
            let tx = client.transaction().await.map_err(lost)?;
            Self::alone(&tx).await?;
            let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'cairn')";
            let there: bool = tx.query_one(there, &[]).await.map_err(lost)?.get(0);
            if there {
                let away = format!(
                    "REVOKE USAGE ON SCHEMA cairn FROM cairn_rows; ALTER SCHEMA cairn RENAME TO \"{aside}\";
                     DELETE FROM public.cairn_schema"
                );
                tx.batch_execute(&away).await.map_err(lost)?;
            }
            Self::migrate_in(&tx).await?;
            let tables = Table::all(&file)?;
            let tenants = tenants(&file, &tables)?;
            tx.batch_execute(super::AS_ROWS).await.map_err(lost)?;
            tx.execute(super::SET_TENANTS, &[&tenants.join(",")]).await.map_err(lost)?;
            for table in &tables {
                table.load(&tx, &file).await?;
            }
            tx.commit().await.map_err(lost)?;
            Ok(there)
        })
    }

    /// Turns down whoever would pull the data from under a service that works on it.
    async fn alone(tx: &Transaction<'_>) -> Result<()> {
        let others = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()";
        let others: i64 = tx.query_one(others, &[&super::APPLICATION]).await.map_err(lost)?.get(0);
        if others > 0 {
            let message = "A service or a command works on this data. Stop it first.";
            return Err(Error::detailed(
                "service_running",
                message,
                serde_json::json!({ "connections": others }),
            ));
        }
        Ok(())
    }
}
