//! A hostile service meets the rules for updates: real HTTP, real signatures, nothing installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Cursor, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_app::updates::{Rules, Seen, SeenFile, admit, fetch, look};
use cairn_domain::Time;
use cairn_protocol::ApiError;
use cairn_protocol::updates::{MAX_MANIFEST, Manifest, SignedManifest};
use cairn_sync::http::Client;
use chrono::Duration;
use minisign::KeyPair;
use sha2::{Digest as _, Sha256};

const TARGET: &str = "linux-x86_64-deb";
const FILE: &str = "cairn_0.3.0_amd64.deb";

fn now() -> Time {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// The makers and what they released.
struct Makers(KeyPair);

impl Makers {
    fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    fn rules(&self) -> Rules {
        let key = STANDARD.encode(self.0.pk.to_box().unwrap().into_string());
        Rules { key, target: TARGET.to_owned(), running: "0.2.0".parse().unwrap() }
    }

    fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let signed = minisign::sign(None, &self.0.sk, Cursor::new(bytes), Some(comment), None).unwrap();
        STANDARD.encode(signed.to_string())
    }

    fn manifest(&self, version: &str, package: &[u8]) -> Manifest {
        Manifest {
            kind: "cairn-release".to_owned(),
            version: version.to_owned(),
            target: TARGET.to_owned(),
            file: FILE.to_owned(),
            size: package.len() as u64,
            sha256: hex::encode(Sha256::digest(package)),
            signature: self.sign(package, &format!("version:{version}")),
            published: now() - Duration::days(1),
            expires: now() + Duration::days(13),
            notes: String::new(),
        }
    }

    fn signed(&self, manifest: &Manifest) -> Vec<u8> {
        let manifest = serde_json::to_string(manifest).unwrap();
        let signature = self.sign(manifest.as_bytes(), "manifest");
        serde_json::to_vec(&SignedManifest { manifest, signature }).unwrap()
    }
}

/// What the service answers to one address.
enum Answer {
    Body(Vec<u8>),
    /// Says it has so many bytes and sends fewer.
    Cut(usize, Vec<u8>),
    /// Sends for ever, without saying how much.
    Endless,
    Redirect(String),
}

/// A service that answers as it likes; it counts the bytes of bodies that it got rid of.
struct Hostile {
    url: String,
    sent: Arc<AtomicU64>,
}

impl Hostile {
    fn new(manifest: Answer, package: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sent = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let wants_manifest = String::from_utf8_lossy(&head[..read]).contains(".json");
                answer(&mut stream, if wants_manifest { &manifest } else { &package }, &counted);
            }
        });
        Self { url, sent }
    }

    fn client(&self) -> Client {
        Client::new(&self.url, None, None).unwrap()
    }
}

fn answer(stream: &mut TcpStream, answer: &Answer, sent: &AtomicU64) {
    let head =
        |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // Whoever hangs up has had enough; that is the point.
    let _ = match answer {
        Answer::Body(body) => {
            stream.write_all(head(body.len()).as_bytes()).and_then(|()| stream.write_all(body))
        }
        Answer::Cut(length, body) => {
            stream.write_all(head(*length).as_bytes()).and_then(|()| stream.write_all(body))
        }
        Answer::Redirect(to) => stream.write_all(
            format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").as_bytes(),
        ),
        Answer::Endless => stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").and_then(|()| {
            let chunk = [b' '; 16 << 10];
            loop {
                stream.write_all(&chunk)?;
                sent.fetch_add(chunk.len() as u64, Ordering::SeqCst);
            }
        }),
    };
}

/// Everything up to handing the package to the system: the bytes that would be installed.
async fn attempt(service: &Hostile, rules: &Rules, seen: Seen) -> Result<Option<Vec<u8>>, ApiError> {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = SeenFile::read(folder.path());
    kept.seen = seen;
    let client = service.client();
    let Some(release) = look(&client, rules, &mut kept, now()).await? else { return Ok(None) };
    fetch(&client, &release, |_| ControlFlow::Continue(())).await.map(Some)
}

async fn refused(manifest: Answer, package: Answer, rules: &Rules, seen: Seen) -> String {
    let service = Hostile::new(manifest, package);
    attempt(&service, rules, seen).await.expect_err("nothing may be installed").code
}

const PACKAGE: &[u8] = b"!<arch>\ndebian-binary   the newer Cairn";

#[tokio::test]
async fn a_genuine_release_is_fetched_and_remembered() {
    let makers = Makers::new();
    let offered = makers.signed(&makers.manifest("0.3.0", PACKAGE));
    let service = Hostile::new(Answer::Body(offered), Answer::Body(PACKAGE.to_vec()));
    assert_eq!(attempt(&service, &makers.rules(), Seen::default()).await.unwrap().unwrap(), PACKAGE);

    let folder = tempfile::tempdir().unwrap();
    let mut kept = SeenFile::read(folder.path());
    look(&service.client(), &makers.rules(), &mut kept, now()).await.unwrap().unwrap();
    let again = SeenFile::read(folder.path()).seen;
    assert_eq!(again.version, Some("0.3.0".parse().unwrap()));
    assert_eq!(again.checked, Some(now()));
}

#[test]
fn what_runs_already_is_no_update() {
    let makers = Makers::new();
    let offered = makers.signed(&makers.manifest("0.2.0", PACKAGE));
    let mut seen = Seen::default();
    assert_eq!(admit(&offered, &makers.rules(), &mut seen, now()).unwrap(), None);
    assert_eq!(seen.checked, Some(now()));
}

/// The twelve attacks of the plan and some more; each would install something if its rule were gone.
#[tokio::test]
async fn no_attack_installs_anything() {
    let (makers, stranger) = (Makers::new(), Makers::new());
    let rules = makers.rules();
    let genuine = makers.manifest("0.3.0", PACKAGE);
    let good = || Answer::Body(makers.signed(&genuine));
    let package = || Answer::Body(PACKAGE.to_vec());
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = genuine.clone();
        change(&mut manifest);
        Answer::Body(makers.signed(&manifest))
    };
    let none = Seen::default;

    // Downgrade: an older release that was genuine once.
    let old = Answer::Body(makers.signed(&makers.manifest("0.1.9", PACKAGE)));
    assert_eq!(refused(old, package(), &rules, none()).await, "update_downgrade");
    // Freeze: a manifest that ran out, also one that gives itself years.
    let stale = with(&|m| {
        m.published = now() - Duration::days(20);
        m.expires = now() - Duration::days(6);
    });
    assert_eq!(refused(stale, package(), &rules, none()).await, "update_expired");
    let eternal = with(&|m| {
        m.published = now() - Duration::days(31);
        m.expires = now() + Duration::days(9_000);
    });
    assert_eq!(refused(eternal, package(), &rules, none()).await, "update_expired");
    // Replay: still current, newer than what runs, but older than what was seen before.
    let newer = Seen { version: Some("0.4.0".parse().unwrap()), ..none() };
    assert_eq!(refused(good(), package(), &rules, newer).await, "update_replayed");
    let later = Seen { published: Some(now()), ..none() };
    assert_eq!(refused(good(), package(), &rules, later).await, "update_replayed");
    // Swap: other bytes of the same length.
    let mut other = PACKAGE.to_vec();
    other[20] ^= 1;
    assert_eq!(refused(good(), Answer::Body(other), &rules, none()).await, "update_changed");
    // Truncation: said so, and on the way.
    let short = PACKAGE[..20].to_vec();
    assert_eq!(refused(good(), Answer::Body(short.clone()), &rules, none()).await, "update_cut");
    assert_eq!(refused(good(), Answer::Cut(PACKAGE.len(), short), &rules, none()).await, "unreachable");
    // Oversize: a package longer than announced, an announcement beyond the cap.
    let long = [PACKAGE, b"and more"].concat();
    assert_eq!(refused(good(), Answer::Body(long), &rules, none()).await, "too_large");
    let huge = with(&|m| m.size = 301 << 20);
    assert_eq!(refused(huge, package(), &rules, none()).await, "update_too_large");
    // Wrong key: a stranger's manifest, and a changed one under the makers' signature.
    let forged = Answer::Body(stranger.signed(&stranger.manifest("0.3.0", PACKAGE)));
    assert_eq!(refused(forged, package(), &rules, none()).await, "update_signature");
    let mut tampered: SignedManifest = serde_json::from_slice(&makers.signed(&genuine)).unwrap();
    tampered.manifest = tampered.manifest.replace("0.3.0", "9.3.0");
    let tampered = Answer::Body(serde_json::to_vec(&tampered).unwrap());
    assert_eq!(refused(tampered, package(), &rules, none()).await, "update_signature");
    // A genuine signature of something else: the package's own.
    let crossed = SignedManifest {
        manifest: String::from_utf8_lossy(PACKAGE).into_owned(),
        signature: genuine.signature.clone(),
    };
    let crossed = Answer::Body(serde_json::to_vec(&crossed).unwrap());
    assert_eq!(refused(crossed, package(), &rules, none()).await, "update_unreadable");
    // Another computer's release, another kind of text, a name that leads out of the folder.
    let windows = with(&|m| m.target = "windows-x86_64-nsis".to_owned());
    assert_eq!(refused(windows, package(), &rules, none()).await, "update_target");
    let other_kind = with(&|m| m.kind = "something".to_owned());
    assert_eq!(refused(other_kind, package(), &rules, none()).await, "update_unreadable");
    let outside = with(&|m| m.file = "../../etc/passwd".to_owned());
    assert_eq!(refused(outside, package(), &rules, none()).await, "update_unreadable");
    // Dated ahead, so that it would outlive every later one.
    let ahead = with(&|m| {
        m.published = now() + Duration::days(400);
        m.expires = now() + Duration::days(410);
    });
    assert_eq!(refused(ahead, package(), &rules, none()).await, "update_not_yet");
    // Led elsewhere, also to plain http.
    let elsewhere = Answer::Redirect("http://198.51.100.7/evil.json".to_owned());
    assert_eq!(refused(elsewhere, package(), &rules, none()).await, "unreachable");
    let evil = Answer::Redirect("http://198.51.100.7/evil.deb".to_owned());
    assert_eq!(refused(good(), evil, &rules, none()).await, "unreachable");
    // Nonsense.
    assert_eq!(
        refused(Answer::Body(b"<html>".to_vec()), package(), &rules, none()).await,
        "update_unreadable"
    );
}

#[tokio::test]
async fn an_endless_answer_costs_no_more_memory_than_was_announced() {
    let makers = Makers::new();
    let service = Hostile::new(Answer::Endless, Answer::Endless);
    let error = attempt(&service, &makers.rules(), Seen::default()).await.unwrap_err();
    assert_eq!(error.code, "too_large");
    // What lies in the sockets' buffers on top is the system's.
    let buffers = 8 << 20;
    assert!(service.sent.load(Ordering::SeqCst) < MAX_MANIFEST + buffers);

    let manifest = makers.signed(&makers.manifest("0.3.0", PACKAGE));
    let service = Hostile::new(Answer::Body(manifest), Answer::Endless);
    let error = attempt(&service, &makers.rules(), Seen::default()).await.unwrap_err();
    assert_eq!(error.code, "too_large");
    assert!(service.sent.load(Ordering::SeqCst) < PACKAGE.len() as u64 + buffers);
}

#[test]
fn plain_http_is_refused_before_anything_is_asked() {
    assert_eq!(Client::new("http://cairn.example.org", None, None).err().unwrap().code, "bad_server");
}

#[tokio::test]
async fn what_is_cancelled_is_not_kept() {
    let makers = Makers::new();
    let package = vec![7; 4 << 20];
    let manifest = makers.signed(&makers.manifest("0.3.0", &package));
    let service = Hostile::new(Answer::Body(manifest), Answer::Body(package));
    let mut seen = SeenFile::read(tempfile::tempdir().unwrap().path());
    let client = service.client();
    let offered = client.release_manifest(TARGET).await.unwrap().unwrap();
    let release = admit(&offered, &makers.rules(), &mut seen.seen, now()).unwrap().unwrap();
    let error = fetch(&client, &release, |_| ControlFlow::Break(())).await.unwrap_err();
    assert_eq!(error.code, "cancelled");
}
