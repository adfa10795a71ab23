//! What goes wrong: the network, crashes, clocks, copies, backups, and rights that change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::journal::Outcome;
use cairn_domain::{Change, Hash, OpId, TenantId};
use cairn_service::journal::Desk;
use cairn_service::playbooks::Playbooks;
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::storage::{Mode, Storage, with};
use cairn_service::{Ask, Service, admin, backup};
use chrono::Duration;
use rand::Rng;

use crate::acts::Act;
use crate::base::{MANAGER, PEOPLE, TENANTS};
use crate::device::{Acked, copy_database};
use crate::wire::{Answered, Asked, Load};
use crate::world::{Backup, Failure, World};

/// The most copies of profiles, and times that something older is put back, in one run.
const MAX_COPIES: u32 = 3;

impl World<'_> {
    pub(crate) fn fault(&mut self, act: Act, at: usize) -> Result<(), Failure> {
        match act {
            Act::Lose => self.lose(),
            Act::Repeat => self.repeat(),
            Act::GiveUp => self.give_up(at),
            Act::CrashLaptop => self.devices[at].crash(),
            Act::CutReply => self.cut_reply(),
            Act::CrashService => self.crash_service(),
            Act::CutRequest => self.cut_request(),
            Act::JumpClock => self.jump_clock(at),
            Act::CopyProfile => self.copy_profile(at),
            Act::SaveLaptop => self.devices[at].save(),
            Act::RestoreLaptop => self.restore_laptop(at),
            Act::BackUpService => self.back_up_service(),
            Act::RestoreService => self.restore_service(),
            Act::Assign => self.toggle_assignment(),
            Act::Disable => self.toggle_active(),
            Act::ChangeRole => self.change_role(),
            _ => Ok(()),
        }
    }

    /// A message is lost. Its laptop notices by the time it takes.
    fn lose(&mut self) -> Result<(), Failure> {
        if let Some(packet) = self.take_packet() {
            self.give_up_on(packet.device, packet.number);
        }
        Ok(())
    }

    fn give_up_on(&mut self, at: usize, number: u64) {
        let device = &mut self.devices[at];
        if device.waiting == Some(number) {
            device.stop_sync();
        }
    }

    /// A request arrives twice: once now, and once whenever the wire delivers it.
    fn repeat(&mut self) -> Result<(), Failure> {
        let asks: Vec<usize> =
            (0..self.packets.len()).filter(|i| matches!(self.packets[*i].load, Load::Ask(..))).collect();
        if asks.is_empty() {
            return Ok(());
        }
        let place = asks[self.random.random_range(0..asks.len())];
        let copy = self.packets[place].clone();
        self.deliver(copy)
    }

    /// A laptop no longer waits; its request may still arrive.
    fn give_up(&mut self, at: usize) -> Result<(), Failure> {
        self.devices[at].stop_sync();
        Ok(())
    }

    /// The power goes while a laptop works through a reply: only its first commits are made.
    fn cut_reply(&mut self) -> Result<(), Failure> {
        let answers = |p: &crate::wire::Packet| matches!(p.load, Load::Answer(Answered::Sync(_)));
        let Some(place) = self.packets.iter().position(answers) else { return Ok(()) };
        let packet = self.packets.swap_remove(place);
        let Load::Answer(Answered::Sync(mut reply)) = packet.load else { return Ok(()) };
        let at = packet.device;
        if self.devices[at].waiting != Some(packet.number) {
            return Ok(());
        }
        let keep = self.random.random_range(0..=reply.pages.len());
        reply.pages.truncate(keep);
        reply.gone.clear();
        reply.differs.clear();
        // Nothing after the pages happens.
        reply.more = true;
        self.hear(at, Answered::Sync(reply))?;
        self.devices[at].crash()
    }

    fn crash_service(&mut self) -> Result<(), Failure> {
        let from = self.service_dir().join("service.db");
        self.service_life += 1;
        let dir = self.service_dir();
        copy_database(&from, &dir, "service.db")?;
        self.open_service()
    }

    pub(crate) fn next_service_dir(&self) -> std::path::PathBuf {
        self.dir.join(format!("service-{}", self.service_life + 1))
    }

    pub(crate) fn service_dir(&self) -> std::path::PathBuf {
        self.dir.join(format!("service-{}", self.service_life))
    }

    pub(crate) fn open_service(&mut self) -> Result<(), Failure> {
        let storage: Arc<dyn Storage> = Arc::new(Sqlite::open(&self.service_dir())?);
        let now = self.service_now();
        let service = Service::open(storage, Ask::new(now, &mut self.service_random))?;
        self.service = match &self.imports {
            Some(imports) => service.with_on_change(imports.hook()),
            None => service,
        };
        let left = self.dir.join(format!("service-{}", self.service_life - 1));
        Ok(std::fs::remove_dir_all(left)?)
    }

    /// The service dies between two runs of a request; its answer never leaves it.
    fn cut_request(&mut self) -> Result<(), Failure> {
        let asks = |p: &crate::wire::Packet| matches!(p.load, Load::Ask(_, Asked::Sync(_)));
        let Some(place) = self.packets.iter().position(asks) else { return Ok(()) };
        let packet = self.packets.swap_remove(place);
        let Load::Ask(id, Asked::Sync(mut request)) = packet.load else { return Ok(()) };
        let whole = request.push.len();
        let keep = self.random.random_range(0..=whole);
        request.push.truncate(keep);
        if keep < whole {
            request.offers.clear();
        }
        self.ask_service(&id, &Asked::Sync(request))?;
        self.give_up_on(packet.device, packet.number);
        self.crash_service()
    }

    fn jump_clock(&mut self, at: usize) -> Result<(), Failure> {
        let far = Duration::minutes(self.random.random_range(-60 * 24 * 400..60 * 24 * 400));
        if self.random.random_bool(0.2) {
            self.service_skew = far;
        } else {
            self.devices[at].skew = far;
        }
        Ok(())
    }

    /// A profile is copied, and both copies go on.
    fn copy_profile(&mut self, at: usize) -> Result<(), Failure> {
        if self.copies >= MAX_COPIES || self.devices[at].store.identity().is_none() || at == MANAGER {
            return Ok(());
        }
        self.copies += 1;
        let (from, person) = (self.devices[at].store.path().to_owned(), self.devices[at].person);
        let copy = self.add_device(&from, person)?;
        self.devices[copy].signed_out = self.devices[at].signed_out;
        Ok(())
    }

    fn restore_laptop(&mut self, at: usize) -> Result<(), Failure> {
        if self.copies >= MAX_COPIES {
            return Ok(());
        }
        if self.devices[at].restore()? {
            self.copies += 1;
            let all = self.base.tenants.clone();
            self.excuse_what_is_not_received(&all)?;
            self.trace(&("went back", at));
        }
        Ok(())
    }

    pub(crate) fn back_up_service(&mut self) -> Result<(), Failure> {
        let number = self.steps_id();
        let file = self.dir.join(format!("backup-{number}"));
        let now = self.service_now();
        backup::backup(&self.service, &file, now)?;
        let all: Vec<TenantId> =
            std::iter::once(TenantId::org()).chain(self.base.tenants.iter().cloned()).collect();
        let seqs =
            self.service.storage.standings(&all)?.into_iter().map(|s| (s.tenant, s.seen.seq)).collect();
        self.backup = Some(Backup { file, seqs });
        Ok(())
    }

    fn steps_id(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(crate) fn restore_service(&mut self) -> Result<(), Failure> {
        if self.copies >= MAX_COPIES {
            return Ok(());
        }
        let Some(backup) = self.backup.take() else { return Ok(()) };
        self.copies += 1;
        self.excuse_what_nobody_holds(&backup.seqs)?;
        let before = self.service_dir();
        self.service_life += 1;
        let now = self.service_now();
        let dir = self.service_dir();
        backup::restore(&backup.file, &dir, &mut Ask::new(now, &mut self.service_random))?;
        self.restore_imports(&before, &dir)?;
        self.open_service()?;
        self.trace(&("service went back", backup.seqs));
        Ok(())
    }

    /// What the service loses and no laptop holds cannot come back from anywhere.
    fn excuse_what_nobody_holds(&mut self, seqs: &BTreeMap<TenantId, u64>) -> Result<(), Failure> {
        let mut positions = Vec::new();
        for device in &self.devices {
            positions.push(device.store.positions()?);
        }
        let waiting = self.waiting()?;
        for at in 0..self.devices.len() {
            for place in 0..self.devices[at].acked.len() {
                let Acked { op, hash, .. } = self.devices[at].acked[place].clone();
                let pulled = match self
                    .outcome_of(&op)?
                    .filter(|(theirs, _)| *theirs == hash)
                    .map(|(_, outcome)| outcome)
                {
                    Some(Outcome::Accepted { seq }) => {
                        let kept = seqs.get(&op.tenant).is_none_or(|kept| seq <= *kept);
                        kept || positions.iter().flatten().any(|p| p.tenant == op.tenant && p.seen.seq >= seq)
                    }
                    // Held or refused: it never was in a page.
                    Some(_) => false,
                    None => true,
                };
                if !pulled && !waiting.contains(&(op, hash)) {
                    self.devices[at].acked[place].excused = true;
                }
            }
        }
        Ok(())
    }

    /// What the service answers about an op now, with the hash of the bytes it has under that name.
    pub(crate) fn outcome_of(&self, op: &OpId) -> Result<Option<(Hash, Outcome)>, Failure> {
        let row = with(&self.service.storage, &op.tenant, Mode::Read, |tx| {
            Ok(tx.receipts(&op.device, op.device_seq, 1)?.pop())
        })?;
        Ok(row.map(|r| (r.receipt.hash, r.receipt.outcome)))
    }

    fn toggle_assignment(&mut self) -> Result<(), Failure> {
        let person = self.random.random_range(0..PEOPLE.len());
        if person == MANAGER && self.random.random_bool(0.8) {
            return Ok(());
        }
        let slug = TENANTS[usize::from(self.random.random_bool(0.3))];
        let active = self.random.random_bool(0.6);
        self.assign(person, slug, active)
    }

    pub(crate) fn assign(&mut self, person: usize, slug: &str, active: bool) -> Result<(), Failure> {
        let now = self.service_now();
        let mut ask = Ask::new(now, &mut self.service_random);
        admin::assign(&self.service, PEOPLE[person].0, slug, active, &mut ask)?;
        self.trace(&("assign", person, slug, active));
        Ok(())
    }

    fn toggle_active(&mut self) -> Result<(), Failure> {
        let person = self.random.random_range(0..PEOPLE.len());
        let active = self.random.random_bool(0.5);
        // Held work in `_org` is a platform admin's to decide about, and there is none here.
        if person == MANAGER {
            return Ok(());
        }
        self.set_active(person, active)
    }

    pub(crate) fn set_active(&mut self, person: usize, active: bool) -> Result<(), Failure> {
        let now = self.service_now();
        let mut ask = Ask::new(now, &mut self.service_random);
        admin::set_active(&self.service, PEOPLE[person].0, active, &mut ask)?;
        self.trace(&("active", person, active));
        Ok(())
    }

    fn change_role(&mut self) -> Result<(), Failure> {
        let person = self.random.random_range(0..2);
        let role = if self.random.random_bool(0.5) { Role::Csm } else { Role::ImplSpec };
        self.set_role(person, role)
    }

    /// The service gives an account another role.
    pub(crate) fn set_role(&mut self, person: usize, role: Role) -> Result<(), Failure> {
        let now = self.service_now();
        let (playbooks, roles) = (Playbooks::default(), BTreeMap::new());
        let desk = Desk { table: &self.service.table, playbooks: &playbooks, now, roles: &roles };
        let change = Change::AccountCreated {
            account: self.base.accounts[person].clone(),
            name: PEOPLE[person].0.to_owned(),
            role,
        };
        let pen = self.service.identity.pen(now);
        let random = &mut self.service_random;
        self.service.write_journal(&TenantId::org(), |journal| {
            journal.write(&desk, &pen, change.clone(), random).map(drop)
        })?;
        self.roles[person] = role;
        self.trace(&("role", person, role));
        Ok(())
    }

    /// The laptop removed these tenants: what became of the work there shows at the service alone.
    pub(crate) fn note_gone(&mut self, at: usize, gone: &[TenantId]) -> Result<(), Failure> {
        for one in self.devices[at].acked.iter_mut().filter(|a| gone.contains(&a.op.tenant)) {
            one.unseen = true;
        }
        // Unless they came back with the same reply.
        let left = |tenant: &&TenantId| !self.holds(at, tenant);
        for tenant in gone.iter().filter(left) {
            if crate::imports::roster_file(&self.devices[at].store, tenant).exists() {
                return Err(Failure::new(format!("device {at} left {tenant} and kept its roster")));
            }
        }
        if gone.is_empty() { Ok(()) } else { self.excuse_what_is_not_received(gone) }
    }

    /// A laptop lost what it held. What a restored service has not got back yet, and no outbox has,
    /// may have been there alone.
    fn excuse_what_is_not_received(&mut self, tenants: &[TenantId]) -> Result<(), Failure> {
        let waiting = self.waiting()?;
        for at in 0..self.devices.len() {
            for place in 0..self.devices[at].acked.len() {
                let Acked { op, hash, .. } = self.devices[at].acked[place].clone();
                let unknown = self.outcome_of(&op)?.is_none_or(|(theirs, _)| theirs != hash);
                if tenants.contains(&op.tenant) && unknown && !waiting.contains(&(op, hash)) {
                    self.devices[at].acked[place].excused = true;
                }
            }
        }
        Ok(())
    }

    /// What is in any outbox. A name alone says too little: a copied profile signs other bytes under it.
    fn waiting(&self) -> Result<BTreeSet<(OpId, Hash)>, Failure> {
        let mut waiting = BTreeSet::new();
        for device in &self.devices {
            waiting.extend(device.hashes()?);
        }
        Ok(waiting)
    }
}
