//! `cairnctl` and `cairn-service` as scripts use them: what they print, how they exit, and what is
//! left when they are killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adoption;
mod crashed;
mod exits;
mod imports;
mod killed;
mod line;
mod restored;
mod runs;
mod sealed;
mod secure;
mod shapes;
mod syncs;

use cairn_tests::ctl::Laptop;
use cairn_tests::service::{Demo, Service};
use tempfile::TempDir;

/// A running service with demo data, and the laptop of a specialist who has synced.
struct Office {
    service: Service,
    demo: Demo,
    laptop: Laptop,
    folder: TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Service::at(&folder.path().join("service")).unwrap();
        let demo = service.seed(2).unwrap();
        service.start().unwrap();
        let laptop = Laptop::new(folder.path(), "laptop");
        laptop.login(&service.url(), &demo.person("IMPL_SPEC", 0).unwrap()).unwrap();
        laptop.ok(&["sync"]).unwrap();
        Self { service, demo, laptop, folder }
    }

    /// The laptop of another person, signed in and synced.
    fn laptop_of(&self, role: &str, n: usize) -> Laptop {
        let laptop = Laptop::new(self.folder.path(), &format!("{role}-{n}"));
        laptop.login(&self.service.url(), &self.demo.person(role, n).unwrap()).unwrap();
        laptop.ok(&["sync"]).unwrap();
        laptop
    }

    fn tenant(&self) -> &str {
        &self.demo.tenants[0]
    }

    /// Keys of items in this status that need no check.
    fn items(&self, status: &str) -> Vec<String> {
        let view = self.laptop.ok(&["checklist", self.tenant()]).unwrap();
        let items = view["items"].as_array().unwrap().clone();
        let fits = |i: &&serde_json::Value| i["status"] == status && i["check"].is_null();
        items.iter().filter(fits).map(|i| i["key"].as_str().unwrap().to_owned()).collect()
    }
}
