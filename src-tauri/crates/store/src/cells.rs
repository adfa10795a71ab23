//! The cells of one tenant inside one transaction: loaded when touched, written back once.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::Cells;
use cairn_domain::effect::{Effects, Origin, project_all};
use cairn_domain::{Cell, CellKey, Hash, OpId, TenantId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;
use crate::sql::{from_json, to_json};

/// Cells as they were before something happened to them; none for a cell that did not exist.
pub(crate) type Images = BTreeMap<CellKey, Option<Cell>>;

/// A tenant's cells over an open transaction.
pub(crate) struct Work<'c> {
    db: &'c Connection,
    tenant: &'c TenantId,
    stored: Images,
    /// The keys that may differ from what is stored.
    touched: BTreeSet<CellKey>,
    /// The keys written back so far.
    changed: BTreeSet<CellKey>,
    /// Whether `stored` holds every cell of the tenant.
    complete: bool,
    cells: Cells,
}

impl<'c> Work<'c> {
    pub fn new(db: &'c Connection, tenant: &'c TenantId) -> Self {
        Self {
            db,
            tenant,
            stored: Images::new(),
            touched: BTreeSet::new(),
            changed: BTreeSet::new(),
            complete: false,
            cells: Cells::new(),
        }
    }

    fn load(&mut self, key: &CellKey) -> Result<(), StoreError> {
        if self.complete || self.stored.contains_key(key) {
            return Ok(());
        }
        let cell = load_cell(self.db, self.tenant, key)?;
        if let Some(cell) = &cell {
            self.cells.insert(key.clone(), cell.clone());
        }
        self.stored.insert(key.clone(), cell);
        Ok(())
    }

    /// Loads the whole tenant; for upgrades and resets, which range over items.
    pub fn load_all(&mut self) -> Result<&Cells, StoreError> {
        if !self.complete {
            for (key, cell) in load_cells(self.db, self.tenant)? {
                if !self.stored.contains_key(&key) {
                    self.cells.insert(key.clone(), cell.clone());
                    self.stored.insert(key, Some(cell));
                }
            }
            self.complete = true;
        }
        Ok(&self.cells)
    }

    pub fn get(&mut self, key: &CellKey) -> Result<Option<&Cell>, StoreError> {
        self.load(key)?;
        Ok(self.cells.get(key))
    }

    /// The cells of these keys that exist, as a copy for the decider.
    pub fn copy(&mut self, keys: &[CellKey]) -> Result<Cells, StoreError> {
        let mut out = Cells::new();
        for key in keys {
            if let Some(cell) = self.get(key)? {
                out.insert(key.clone(), cell.clone());
            }
        }
        Ok(out)
    }

    pub fn set(&mut self, key: &CellKey, cell: Option<Cell>) -> Result<(), StoreError> {
        self.load(key)?;
        self.touched.insert(key.clone());
        match cell {
            Some(cell) => self.cells.insert(key.clone(), cell),
            None => self.cells.remove(key),
        };
        Ok(())
    }

    /// Empties the tenant, before a snapshot takes its place.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.load_all()?;
        self.touched.extend(std::mem::take(&mut self.cells).into_keys());
        Ok(())
    }

    /// Applies an op's effects; returns the cells it touched as they were before.
    pub fn apply(&mut self, origin: Origin<'_>, effects: &Effects) -> Result<Images, StoreError> {
        let mut before = Images::new();
        for key in effects.cells() {
            let cell = self.get(key)?.cloned();
            self.touched.insert(key.clone());
            before.entry(key.clone()).or_insert(cell);
        }
        project_all(&mut self.cells, origin, effects);
        Ok(before)
    }

    /// The cell as it is now, without loading: only for keys just touched.
    pub fn now(&self, key: &CellKey) -> Option<&Cell> {
        self.cells.get(key)
    }

    /// The keys that were written back.
    pub fn changed(&self) -> Vec<CellKey> {
        self.changed.iter().cloned().collect()
    }

    /// Writes back what changed since the last time: many writes in one transaction cost what they
    /// touch, however many cells were loaded.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        for key in std::mem::take(&mut self.touched) {
            let stored = self.stored.get(&key).and_then(Option::as_ref);
            match self.cells.get(&key) {
                now if now == stored => continue,
                Some(cell) => save_cell(self.db, self.tenant, &key, cell)?,
                None => delete_cell(self.db, self.tenant, &key)?,
            }
            self.stored.insert(key.clone(), self.cells.get(&key).cloned());
            self.changed.insert(key);
        }
        Ok(())
    }
}

pub(crate) fn load_cell(
    db: &Connection,
    tenant: &TenantId,
    key: &CellKey,
) -> Result<Option<Cell>, StoreError> {
    let content: Option<String> = db
        .prepare_cached("SELECT content FROM cells WHERE tenant = ?1 AND cell = ?2")?
        .query_row(params![tenant.as_str(), key.to_string()], |row| row.get(0))
        .optional()?;
    content.map(|text| from_json(&text)).transpose()
}

/// A tenant's cells.
pub(crate) fn load_cells(db: &Connection, tenant: &TenantId) -> Result<Cells, StoreError> {
    read_cells(db.prepare_cached("SELECT cell, content FROM cells WHERE tenant = ?1")?, tenant)
}

/// A tenant's cells whose keys lie between two texts, the second left out.
pub(crate) fn load_cells_between(
    db: &Connection,
    tenant: &TenantId,
    from: &str,
    to: &str,
) -> Result<Cells, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT cell, content FROM cells WHERE tenant = ?1 AND cell >= ?2 AND cell < ?3")?;
    collect_cells(statement.query([tenant.as_str(), from, to])?)
}

/// A tenant's cells without its comments: they grow without end, and no list of tenants shows them.
/// `0` follows `/`, so each range leaves out one kind of entity.
pub(crate) fn load_cells_but_comments(db: &Connection, tenant: &TenantId) -> Result<Cells, StoreError> {
    let statement = db.prepare_cached(
        "SELECT cell, content FROM cells WHERE tenant = ?1 AND cell < 'comment/'
         UNION ALL
         SELECT cell, content FROM cells
         WHERE tenant = ?1 AND cell >= 'comment0' AND cell < 'internal-comment/'
         UNION ALL
         SELECT cell, content FROM cells WHERE tenant = ?1 AND cell >= 'internal-comment0'",
    )?;
    read_cells(statement, tenant)
}

fn read_cells(mut statement: rusqlite::CachedStatement<'_>, tenant: &TenantId) -> Result<Cells, StoreError> {
    collect_cells(statement.query([tenant.as_str()])?)
}

fn collect_cells(mut rows: rusqlite::Rows<'_>) -> Result<Cells, StoreError> {
    let mut out = Cells::new();
    while let Some(row) = rows.next()? {
        let key: CellKey = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?.parse()?;
        let cell: Cell = from_json(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        out.insert(key, cell);
    }
    Ok(out)
}

fn save_cell(db: &Connection, tenant: &TenantId, key: &CellKey, cell: &Cell) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO cells (tenant, cell, content, conflict) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, cell) DO UPDATE SET content = excluded.content, conflict = excluded.conflict",
    )?
    .execute(params![tenant.as_str(), key.to_string(), to_json(cell)?, cell.is_conflict()])?;
    Ok(())
}

fn delete_cell(db: &Connection, tenant: &TenantId, key: &CellKey) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM cells WHERE tenant = ?1 AND cell = ?2")?
        .execute(params![tenant.as_str(), key.to_string()])?;
    Ok(())
}

/// Keeps a playbook's source.
pub(crate) fn keep_playbook(
    db: &Connection,
    tenant: &TenantId,
    digest: &str,
    source: &str,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO playbooks (tenant, digest, source) VALUES (?1, ?2, ?3)")?
        .execute(params![tenant.as_str(), digest, source])?;
    Ok(())
}

/// The head at `seq` as this laptop holds it: from its entries, or from a head the service signed.
pub(crate) fn head_at(db: &Connection, tenant: &TenantId, seq: u64) -> Result<Option<Hash>, StoreError> {
    if seq == 0 {
        return Ok(Some(Hash::ZERO));
    }
    let head: Option<Option<crate::sql::Blob>> = db
        .prepare_cached(
            "SELECT coalesce((SELECT head FROM entries WHERE tenant = ?1 AND seq = ?2),
                             (SELECT head FROM witness WHERE tenant = ?1 AND seq = ?2))",
        )?
        .query_row(params![tenant.as_str(), crate::sql::int(seq)], |row| row.get(0))
        .optional()?;
    Ok(head.flatten().map(|b| b.0))
}

/// Whether the journal holds this op.
pub(crate) fn in_journal(db: &Connection, op: &OpId) -> Result<bool, StoreError> {
    let found = db
        .prepare_cached("SELECT 1 FROM entries WHERE tenant = ?1 AND op = ?2")?
        .exists(params![op.tenant.as_str(), op.to_string()])?;
    Ok(found)
}
