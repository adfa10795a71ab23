//! The service as a program: over HTTP, with hostile input, stopped in the middle, two at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use cairn_domain::journal::{Outcome, Receipt};
use cairn_domain::op::{Seen, sign_message};
use cairn_domain::*;
use cairn_protocol::ApiError;
use cairn_protocol::auth::{SignInReply, enrolment_message, request_message, signature_header};
use cairn_protocol::sync::*;
use ed25519_dalek::SigningKey;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sha2::Digest;

struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program(place: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairn-service"));
    command.args(place).arg("--json").env("CAIRN_LOG", "info").stderr(Stdio::null());
    command
}

fn serve(place: &[&str], more: &[&str]) -> Running {
    serve_telling(place, more, Stdio::null())
}

/// The same with its log going somewhere.
fn serve_telling(place: &[&str], more: &[&str], log: Stdio) -> Running {
    let mut command = program(place);
    command.stderr(log).args(["serve", "--listen", "127.0.0.1:0"]).args(more).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    Running { child, address: said["listening"].as_str().unwrap().to_owned() }
}

fn output(place: &[&str], arguments: &[&str]) -> Value {
    let out = program(place).args(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn data(dir: &Path) -> [&str; 2] {
    ["--data", dir.to_str().unwrap()]
}

fn terminate(running: &Running) {
    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

/// How it ended; none where it did not within the time, and it is killed.
fn ended(mut running: Running, within: Duration) -> Option<ExitStatus> {
    let pid = running.child.id().to_string();
    let (told, end) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || told.send(running.child.wait().unwrap()).ok());
    let ended = end.recv_timeout(within).ok();
    if ended.is_none() {
        Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    }
    waiting.join().unwrap();
    ended
}

struct Reply {
    status: u16,
    head: String,
    nonce: String,
    body: Vec<u8>,
}

impl Reply {
    fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn code(&self) -> String {
        self.json::<ApiError>().code
    }
}

/// One request on a connection of its own: plain enough to say exactly what goes over the wire.
fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    try_send(address, method, path, headers, body).expect("a reply")
}

/// The same; none where no whole reply comes.
fn try_send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(head(method, path, headers, body).as_bytes()).ok()?;
    // A refused body may close the connection before all of it is sent.
    drop(stream.write_all(body));
    let has_body = method != "HEAD";
    read_reply(&mut stream, has_body)
}

fn head(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let extra: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n"
    )
}

/// The reply to a request that closes the connection; none where it is not whole.
fn read_reply(stream: &mut TcpStream, has_body: bool) -> Option<Reply> {
    let mut raw = Vec::new();
    drop(stream.read_to_end(&mut raw));
    let split = raw.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..split]).into_owned();
    let nonce = head.lines().find_map(|l| l.strip_prefix("cairn-nonce: ")).unwrap_or_default().to_owned();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).and_then(|l| l.parse().ok());
    let body = raw[split + 4..].to_vec();
    if has_body && length.is_some_and(|length: usize| body.len() < length) {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, head, nonce, body })
}

struct Client {
    address: String,
    key: SigningKey,
    device: String,
    nonce: String,
}

impl Client {
    fn sign_in(address: &str, name: &str, password: &str, seed: u8) -> Result<Self, Reply> {
        let hello: cairn_protocol::auth::Hello = send(address, "GET", "/v1/hello", &[], b"").json();
        let key = SigningKey::from_bytes(&[seed; 32]);
        let device_key = hex::encode(key.verifying_key().to_bytes());
        let signature = sign_message(&key, &enrolment_message(name, &device_key, &hello.nonce));
        let body = json!({ "name": name, "password": password, "device_key": device_key, "nonce": hello.nonce, "signature": signature });
        let reply = send(address, "POST", "/v1/sign-in", &[], body.to_string().as_bytes());
        if reply.status != 200 {
            return Err(reply);
        }
        let said: SignInReply = reply.json();
        Ok(Self { address: address.into(), key, device: said.device.to_string(), nonce: reply.nonce })
    }

    fn signed(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_signed(method, path, headers, body).expect("a reply")
    }

    fn try_signed(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Reply> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(self.head(method, path, headers, body).as_bytes()).ok()?;
        drop(stream.write_all(body));
        let reply = read_reply(&mut stream, method != "HEAD")?;
        self.nonce.clone_from(&reply.nonce);
        Some(reply)
    }

    /// The head of a signed request, for whoever sends the body some other way.
    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let message = request_message(method, path, body, &self.nonce);
        let signature = signature_header(&sign_message(&self.key, &message));
        let mut all = vec![
            ("cairn-device", self.device.as_str()),
            ("cairn-nonce", &self.nonce),
            ("cairn-signature", &signature),
        ];
        all.extend(headers);
        head(method, path, &all, body)
    }

    /// Listens to the events; the head of the reply is read.
    fn events(&self) -> std::io::Lines<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(self.head("GET", "/v1/events", &[], b"").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert!(lines.next().unwrap().unwrap().contains("200"));
        // By now the stream has its starting point.
        assert!(lines.by_ref().map_while(Result::ok).any(|l| l.is_empty()), "the head ends");
        lines
    }

    /// Pushes a run; its receipts, or none where no reply comes.
    fn push(&mut self, run: &PushRun) -> Option<Vec<Receipt>> {
        let request = json!({ "v": 1, "known": { "list": [] }, "push": [run] }).to_string();
        let reply = self.try_signed("POST", "/v1/sync", &[], request.as_bytes())?;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        Some(reply.json::<SyncReply>().receipts)
    }

    /// The whole journal of a tenant: its op ids by place without a hole, and its head.
    fn journal(&mut self, tenant: &TenantId) -> (BTreeMap<OpId, u64>, Seen) {
        let mut seen = Seen::default();
        let mut ops = BTreeMap::new();
        loop {
            let known = json!({ "list": [{ "tenant": tenant, "seq": seen.seq, "head": seen.head }] });
            let fill = json!({ tenant.as_str(): seen.seq + 1 });
            let request = json!({ "v": 1, "known": known, "fill": fill }).to_string();
            let reply: SyncReply = self.signed("POST", "/v1/sync", &[], request.as_bytes()).json();
            let page = reply.pages.into_iter().find(|p| p.tenant == *tenant).expect("a page");
            for entry in &page.entries {
                seen = Seen { seq: entry.seq, head: entry.link(seen.head, &page.salts).unwrap() };
                assert_eq!(ops.insert(entry.read_header().unwrap().op, entry.seq), None, "an op stands once");
                assert_eq!(ops.len() as u64, entry.seq, "no hole");
            }
            assert_eq!(seen, page.seen, "the entries lead to the head");
            if !page.more {
                return (ops, seen);
            }
        }
    }

    fn sync(&mut self) -> SyncReply {
        let body = json!({ "v": 1, "known": { "list": [] } }).to_string();
        let reply = self.signed("POST", "/v1/sync", &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }
}

fn person(seeded: &Value, role: &str) -> (String, String) {
    let people = seeded["people"].as_array().unwrap();
    let found = people.iter().find(|p| p["role"] == role).unwrap();
    (found["name"].as_str().unwrap().into(), found["password"].as_str().unwrap().into())
}

#[test]
fn a_signed_session_from_hello_to_sign_out() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "2"]);
    assert_eq!(seeded, output(&place, &["seed-demo", "--tenants", "2"]));
    let running = serve(&place, &[]);
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(send(&running.address, "GET", path, &[], b"").status, 200);
    }
    let (name, password) = person(&seeded, "IMPL_SPEC");
    let mut client = Client::sign_in(&running.address, &name, &password, 1).map_err(|r| r.code()).unwrap();
    let reply = client.sync();
    assert_eq!(reply.pages[0].tenant, TenantId::org(), "the organisation comes first");
    let tenant = reply.pages[1].tenant.clone();
    // Compressed both ways, the signature over what is on the wire.
    let body =
        zstd::encode_all(json!({ "v": 1, "known": { "list": [] } }).to_string().as_bytes(), 3).unwrap();
    let headers = [("content-encoding", "zstd"), ("accept-encoding", "gzip, zstd")];
    let packed = client.signed("POST", "/v1/sync", &headers, &body);
    let plain: SyncReply =
        serde_json::from_slice(&zstd::decode_all(packed.body.as_slice()).unwrap()).unwrap();
    assert_eq!(plain.pages.len(), reply.pages.len());
    let heads = client.signed("GET", &format!("/v1/heads/{tenant}?at=0,1,2,9999"), &[], b"");
    assert_eq!(heads.json::<HeadsReply>().heads.len(), 3);
    // What a command does beside the running service counts at the next request.
    output(&place, &["user", "unassign", &name, "--tenant", seeded["tenants"][0].as_str().unwrap()]);
    let body = json!({ "v": 1, "known": { "list": [{ "tenant": tenant, "seq": 0, "head": Hash::ZERO }] } })
        .to_string();
    assert_eq!(client.signed("POST", "/v1/sync", &[], body.as_bytes()).json::<SyncReply>().gone, [tenant]);
    assert_eq!(client.signed("POST", "/v1/sign-out", &[], b"").status, 200);
    let out = client.signed("POST", "/v1/sync", &[], body.as_bytes());
    assert_eq!((out.status, out.code().as_str()), (403, "device_retired"));
}

#[test]
fn hostile_input_gets_an_answer_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "2"]);
    let running = serve(&place, &[]);
    let (name, password) = person(&seeded, "CSM");
    let mut client = Client::sign_in(&running.address, &name, &password, 2).map_err(|r| r.code()).unwrap();
    let before = client.sync();
    let sync = json!({ "v": 1, "known": { "list": [] } }).to_string();
    for (body, code) in [
        ("", "bad_request"),
        ("{", "bad_request"),
        ("[]", "bad_request"),
        ("{\"v\":1,\"known\":{\"list\":[{\"tenant\":\"../x\",\"seq\":-1}]}}", "bad_request"),
    ] {
        let reply = client.signed("POST", "/v1/sync", &[], body.as_bytes());
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{body}");
    }
    // A bomb: small on the wire, huge behind it.
    let bomb = zstd::encode_all(std::io::repeat(b' ').take(80 << 20), 3).unwrap();
    let reply = client.signed("POST", "/v1/sync", &[("content-encoding", "zstd")], &bomb);
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    let huge = vec![b' '; (32 << 20) + 1];
    assert_eq!(send(&running.address, "POST", "/v1/sign-in", &[], &huge).status, 413);
    // Signatures: another body, another path, a stale nonce, a stranger, nothing at all.
    let good = client.nonce.clone();
    let signature =
        signature_header(&sign_message(&client.key, &request_message("POST", "/v1/sync", b"other", &good)));
    let device = client.device.clone();
    let ask = |headers: &[(&str, &str)]| {
        let reply = send(&running.address, "POST", "/v1/sync", headers, sync.as_bytes());
        (reply.status, reply.code())
    };
    let headers = [
        ("cairn-device", device.as_str()),
        ("cairn-nonce", good.as_str()),
        ("cairn-signature", signature.as_str()),
    ];
    assert_eq!(ask(&headers), (401, "bad_signature".into()));
    assert_eq!(ask(&[headers[0], ("cairn-nonce", "1000.00"), headers[2]]), (401, "bad_nonce".into()));
    assert_eq!(
        ask(&[("cairn-device", "0000000000000000"), headers[1], headers[2]]),
        (401, "bad_nonce".into())
    );
    assert_eq!(ask(&[("cairn-device", "' OR 1=1"), headers[1]]), (401, "unknown_device".into()));
    assert_eq!(ask(&[]), (401, "unknown_device".into()));
    // Foreign tenants and impossible names.
    for path in
        ["/v1/heads/t0000000000000000?at=1", "/v1/heads/%2e%2e%2f?at=1", "/v1/blobs/t0000000000000000/00"]
    {
        let reply = client.signed("GET", path, &[], b"");
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{path}");
    }
    assert_eq!(send(&running.address, "GET", "/v1/nothing", &[], b"").code(), "not_found");
    let reply = client.signed("GET", "/v1/heads/_org?at=x", &[], b"");
    assert_eq!(reply.code(), "bad_request");
    // Random bytes on the wire, then an ordinary request.
    let mut stream = TcpStream::connect(&running.address).unwrap();
    stream.write_all(&[0xff; 4096]).unwrap();
    drop(stream);
    assert_eq!(
        client.sync().pages.iter().map(|p| p.seen).collect::<Vec<_>>(),
        before.pages.iter().map(|p| p.seen).collect::<Vec<_>>()
    );
}

#[test]
fn wrong_passwords_are_slowed_down() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "1"]);
    let running = serve(&place, &[]);
    let (name, password) = person(&seeded, "IMPL_MGR");
    for _ in 0..10 {
        let Err(reply) = Client::sign_in(&running.address, &name, "wrong password", 3) else {
            panic!("it let us in")
        };
        assert_eq!((reply.status, reply.code().as_str()), (401, "bad_credentials"));
    }
    let Err(reply) = Client::sign_in(&running.address, &name, &password, 3) else { panic!("not limited") };
    assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limited"));
}

#[test]
fn requests_of_a_device_are_limited_as_the_operator_says() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "1"]);
    let running = serve(&place, &["--requests-per-device", "3"]);
    let (name, password) = person(&seeded, "IMPL_MGR");
    let mut client = Client::sign_in(&running.address, &name, &password, 4).map_err(|r| r.code()).unwrap();
    let body = json!({ "v": 1, "known": { "list": [] } }).to_string();
    let mut ask = || client.signed("POST", "/v1/sync", &[], body.as_bytes());
    assert_eq!([ask().status, ask().status, ask().status], [200; 3]);
    let reply = ask();
    assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limited"));
}

#[test]
fn events_hint_at_what_another_process_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "1"]);
    let running = serve(&place, &[]);
    let (name, password) = person(&seeded, "IMPL_SPEC");
    let client = Client::sign_in(&running.address, &name, &password, 4).map_err(|r| r.code()).unwrap();
    let lines = client.events();
    output(&place, &["tenant", "create", "later", "--name", "Later", "--playbook", "school-district"]);
    output(&place, &["user", "assign", &name, "--tenant", "later"]);
    let hint = lines.map_while(Result::ok).find_map(|l| l.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let hint: Value = serde_json::from_str(&hint).unwrap();
    assert!(hint["tenant"].is_string() && hint["seq"].as_u64().is_some_and(|seq| seq > 0));
}

#[test]
fn a_termination_ends_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    output(&place, &["seed-demo", "--tenants", "1"]);
    let running = serve(&place, &[]);
    terminate(&running);
    assert!(ended(running, Duration::from_secs(60)).is_some_and(|status| status.success()));
}

#[test]
fn a_termination_finishes_a_push_and_waits_for_no_stranger() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let race = race(&place);
    let running = serve(&place, &[]);
    let mut writer = Writer::sign_in(&running.address, &race, 8);
    let mut stranger = TcpStream::connect(&running.address).unwrap();
    stranger.write_all(b"GET /v1/hello HTTP/1.1\r\nho").unwrap();
    let run = writer.comment();
    let body = json!({ "v": 1, "known": { "list": [] }, "push": [run] }).to_string();
    let (half, rest) = body.as_bytes().split_at(body.len() / 2);
    let mut push = TcpStream::connect(&running.address).unwrap();
    let head = writer.client.head("POST", "/v1/sync", &[("expect", "100-continue")], body.as_bytes());
    push.write_all(head.as_bytes()).unwrap();
    // The service says so when it begins to read the body.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    push.read_exact(&mut go_on).unwrap();
    push.write_all(half).unwrap();
    let events = writer.client.events();
    terminate(&running);
    assert_eq!(events.map_while(Result::ok).filter(|l| l.starts_with("data:")).count(), 0);
    // The stream has ended: the service is stopping.
    push.write_all(rest).unwrap();
    let reply = read_reply(&mut push, true).expect("a reply");
    assert_eq!(reply.status, 200);
    writer.acknowledged = reply.json::<SyncReply>().receipts;
    let status = ended(running, Duration::from_secs(20)).expect("it ends although the stranger does not");
    assert!(status.success());
    drop(stranger);
    let again = serve(&place, &[]);
    writer.client.address.clone_from(&again.address);
    let (journal, _) = writer.client.journal(&race.2);
    assert_eq!(writer.acknowledged.len(), 1);
    writer.all_is_there(&journal);
}

#[test]
fn the_passwords_that_are_printed_work_whatever_the_seed() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    // Somebody who is no demo person but is called like one.
    let mut create = program(&place);
    create.args(["user", "create", "mia.larsen", "--role", "IMPL_MGR", "--password-stdin"]);
    let mut create = create.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    create.stdin.take().unwrap().write_all(b"her own password\n").unwrap();
    assert!(create.wait().unwrap().success());
    let first = output(&place, &["seed-demo", "--tenants", "1", "--seed", "1"]);
    let second = output(&place, &["seed-demo", "--tenants", "1", "--seed", "2"]);
    assert_ne!(first["tenants"], second["tenants"]);
    assert_eq!(first["people"], second["people"], "whoever was there keeps their password");
    let people = second["people"].as_array().unwrap();
    assert_eq!(people.len(), 8);
    assert!(people.iter().all(|p| p["name"] != "mia.larsen"), "nobody knows that password");
    let running = serve(&place, &[]);
    for (seed, person) in (1..).zip(people) {
        let (name, password) = (person["name"].as_str().unwrap(), person["password"].as_str().unwrap());
        let client = Client::sign_in(&running.address, name, password, seed);
        assert_eq!(client.map(drop).map_err(|r| r.code()), Ok(()), "{name}");
    }
    let hers = Client::sign_in(&running.address, "mia.larsen", "her own password", 50);
    assert_eq!(hers.map(drop).map_err(|r| r.code()), Ok(()));
}

#[test]
fn the_same_seed_prints_the_same_on_every_storage() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let urls = [common::cluster::database(), common::cluster::database()];
    let places = dirs.each_ref().map(|d| data(d.path())).into_iter();
    let places = places.chain(urls.each_ref().map(|url| ["--database-url", url.as_str()]));
    let printed: Vec<Value> =
        places.map(|place| output(&place, &["seed-demo", "--tenants", "3", "--seed", "7"])).collect();
    assert_eq!(printed[0]["people"].as_array().unwrap().len(), 9);
    assert_eq!(printed[0]["tenants"].as_array().unwrap().len(), 3);
    assert!(printed.windows(2).all(|pair| pair[0] == pair[1]), "{printed:#?}");
}

#[test]
fn the_log_has_no_names_no_texts_and_no_passwords() {
    let dir = tempfile::tempdir().unwrap();
    let url = common::cluster::database();
    let place = ["--database-url", url.as_str()];
    let race = race(&place);
    let log = dir.path().join("log");
    let running = serve_telling(&place, &[], std::fs::File::create(&log).unwrap().into());
    assert!(Client::sign_in(&running.address, &race.0, "a mistyped password", 9).is_err());
    let mut writer = Writer::sign_in(&running.address, &race, 9);
    let accepted = writer.said("the janitor is on leave");
    let refused = writer.field_of_nothing("grave, says the headmistress");
    let run = writer.laptop.run(&writer.tenant, vec![accepted, refused]);
    let outcomes: Vec<Outcome> =
        writer.client.push(&run).unwrap().into_iter().map(|receipt| receipt.outcome).collect();
    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }, Outcome::Refused { .. }]), "{outcomes:?}");
    // From now on the database refuses rows, and quotes them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let full = "CREATE FUNCTION public.full_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no room for %', NEW.entry USING ERRCODE = '23514', TABLE = 'entry',
            CONSTRAINT = 'full_up', DETAIL = 'Failing row contains ' || NEW.entry; END $$;
            CREATE TRIGGER full_up BEFORE INSERT ON cairn.entry
            FOR EACH ROW EXECUTE FUNCTION public.full_up()";
        client.batch_execute(full).await.unwrap();
        connection.abort();
    });
    let fault = writer.said("the roof of the gym leaks");
    let run = writer.laptop.run(&writer.tenant, vec![fault]);
    let body = json!({ "v": 1, "known": { "list": [] }, "push": [run] }).to_string();
    let reply = writer.client.signed("POST", "/v1/sync", &[], body.as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (500, "internal"));
    drop(running);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("ERROR 23514, table entry, constraint full_up"), "{log}");
    for wanted in ["/v1/sign-in", "/v1/sync", "\"status\":401", "\"status\":500"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
    let (first, last) = race.0.split_once('.').unwrap();
    for personal in [first, last, &race.1, "mistyped", "janitor", "headmistress", "gym", "Failing row"] {
        assert!(!log.contains(personal), "{personal}: {log}");
    }
}

#[test]
fn two_replicas_on_one_postgresql_serve_one_session() {
    let url = common::cluster::database();
    let place = ["--database-url", url.as_str()];
    let seeded = output(&place, &["seed-demo", "--tenants", "2"]);
    let (one, two) = (serve(&place, &[]), serve(&place, &[]));
    let (name, password) = person(&seeded, "IMPL_SPEC");
    let mut client = Client::sign_in(&one.address, &name, &password, 5).map_err(|r| r.code()).unwrap();
    let first = client.sync();
    // A nonce of the one is good at the other.
    client.address.clone_from(&two.address);
    let second = client.sync();
    assert_eq!(
        first.pages.iter().map(|p| (&p.tenant, p.seen, p.digest)).collect::<Vec<_>>(),
        second.pages.iter().map(|p| (&p.tenant, p.seen, p.digest)).collect::<Vec<_>>()
    );
    drop(one);
    client.sync();
}

#[test]
fn the_access_log_names_ids_and_outcomes() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "1"]);
    let running = serve(&place, &[]);
    let (name, password) = person(&seeded, "IMPL_SPEC");
    assert!(Client::sign_in(&running.address, &name, "a wrong password", 7).is_err());
    let mut client = Client::sign_in(&running.address, &name, &password, 7).map_err(|r| r.code()).unwrap();
    client.sync();
    client.sync();
    assert_eq!(client.signed("GET", "/v1/heads/t0000000000000000?at=1", &[], b"").status, 404);
    assert_eq!(client.signed("POST", "/v1/sign-out", &[], b"").status, 200);
    output(&place, &["backup", dir.path().join("copy").to_str().unwrap()]);
    drop(running);
    let db = rusqlite::Connection::open(dir.path().join("service.db")).unwrap();
    let mut query =
        db.prepare("SELECT what, outcome, account || device FROM access_log ORDER BY rowid").unwrap();
    let rows = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let rows: Vec<(String, String, String)> = rows.map(Result::unwrap).collect();
    let said: Vec<(&str, &str)> = rows.iter().map(|r| (r.0.as_str(), r.1.as_str())).collect();
    let wanted = [
        ("sign-in", "bad_credentials"),
        ("sign-in", "ok"),
        ("read", "ok"),
        ("read", "ok"),
        ("/v1/heads/t0000000000000000", "not_found"),
        ("sign-out", "ok"),
        ("backup", "ok"),
    ];
    assert_eq!(said, wanted, "the organisation and one tenant were read, once each");
    assert!(rows.iter().all(|r| !r.2.is_empty() && !r.2.contains(&name)));
}

/// A specialist's device with a pen of its own, on the tenant `race`.
struct Writer {
    client: Client,
    laptop: common::Laptop,
    tenant: TenantId,
    acknowledged: Vec<Receipt>,
}

/// Makes the people and the tenant `race`; gives a specialist's name and password, and the tenant.
fn race(place: &[&str]) -> (String, String, TenantId) {
    let seeded = output(place, &["seed-demo", "--tenants", "1"]);
    let (name, password) = person(&seeded, "IMPL_SPEC");
    let made = ["tenant", "create", "race", "--name", "Race", "--playbook", "school-district"];
    let tenant = output(place, &made)["id"].as_str().unwrap().parse().unwrap();
    output(place, &["user", "assign", &name, "--tenant", "race"]);
    (name, password, tenant)
}

impl Writer {
    fn sign_in(address: &str, (name, password, tenant): &(String, String, TenantId), seed: u8) -> Self {
        let mut client = Client::sign_in(address, name, password, seed).map_err(|r| r.code()).unwrap();
        let cells = client.sync().pages.remove(0).entries;
        let device: DeviceId = client.device.parse().unwrap();
        let account = cells
            .iter()
            .filter_map(|e| Some(e.sealed_op()?.open().ok()?.body.change))
            .find_map(|change| match change {
                Change::DeviceEnrolled { device: enrolled, value } if enrolled == device => {
                    Some(value.account)
                }
                _ => None,
            })
            .unwrap();
        let laptop = common::Laptop {
            key: client.key.clone(),
            account,
            device,
            service_key: String::new(),
            journals: BTreeMap::new(),
            numbers: BTreeMap::new(),
            salt: u64::from(seed) << 32,
            by_hash: false,
        };
        Self { client, laptop, tenant: tenant.clone(), acknowledged: Vec::new() }
    }

    fn comment(&mut self) -> PushRun {
        let op = self.said("a word");
        self.laptop.run(&self.tenant, vec![op])
    }

    fn said(&mut self, text: &str) -> SealedOp {
        let change = Change::CommentAdded {
            on: common::item(&common::free_items()[0]),
            text: text.to_owned(),
            visibility: cairn_domain::change::Visibility::Client,
        };
        self.laptop.op(&self.tenant, change, BTreeMap::new())
    }

    /// A change of a blocker that is not there.
    fn field_of_nothing(&mut self, text: &str) -> SealedOp {
        let blocker =
            OpId { tenant: self.tenant.clone(), device: self.laptop.device.clone(), device_seq: 999 };
        let field = cairn_domain::change::BlockerField::Severity;
        let change = Change::BlockerFieldSet { blocker, field, value: text.into() };
        self.laptop.op(&self.tenant, change, BTreeMap::new())
    }

    fn all_is_there(&mut self, journal: &BTreeMap<OpId, u64>) {
        for receipt in &self.acknowledged {
            assert_eq!(receipt.outcome, Outcome::Accepted { seq: journal[&receipt.op] });
        }
    }
}

#[test]
fn a_reply_to_a_push_may_go_on_where_the_request_ended() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let race = race(&place);
    let running = serve(&place, &[]);
    let mut writer = Writer::sign_in(&running.address, &race, 20);
    let ops = (0..40).map(|n| writer.said(&format!("word {n}"))).collect();
    let run = writer.laptop.run(&writer.tenant, ops);
    let body = json!({ "v": 1, "known": { "list": [] }, "push": [run] }).to_string();
    let mut ask = |takes| {
        let reply = writer.client.signed("POST", "/v1/sync", &[("accept-encoding", takes)], body.as_bytes());
        assert_eq!(reply.status, 200);
        reply.body
    };
    // The first takes the ops in, the others hear the same again.
    ask("zstd");
    let (plain, alone, after) = (ask("identity"), ask("zstd"), ask("zstd-after"));
    let request: SyncRequest = serde_json::from_str(&body).unwrap();
    let prefix = request.prefix(body.clone().into_bytes());
    let mut read = Vec::new();
    let mut decoder = zstd::Decoder::with_ref_prefix(after.as_slice(), &prefix).unwrap();
    decoder.read_to_end(&mut read).unwrap();
    let reply = |bytes: &[u8]| serde_json::from_slice::<SyncReply>(bytes).unwrap();
    assert_eq!(reply(&read), reply(&plain));
    assert_eq!(reply(&zstd::decode_all(alone.as_slice()).unwrap()), reply(&plain));
    // Most of a hash of 32 and a salt of 16 bytes each, which nothing else compresses.
    assert!(after.len() + 40 * 40 < alone.len(), "{} and {} bytes", after.len(), alone.len());
    // Without the request it is nothing.
    assert!(zstd::decode_all(after.as_slice()).is_err());
}

#[test]
fn two_processes_race_on_one_postgresql_without_a_hole() {
    const DEVICES: u8 = 4;
    const EACH: usize = 12;
    let url = common::cluster::database();
    let place = ["--database-url", url.as_str()];
    let race = race(&place);
    let services = [serve(&place, &[]), serve(&place, &[])];
    let addresses = services.each_ref().map(|s| s.address.clone());
    let threads: Vec<_> = (0..DEVICES)
        .map(|n| {
            let mut writer = Writer::sign_in(&addresses[0], &race, 20 + n);
            let addresses = addresses.clone();
            std::thread::spawn(move || {
                for round in 0..EACH {
                    writer.client.address.clone_from(&addresses[(round + usize::from(n)) % 2]);
                    let run = writer.comment();
                    let receipts = writer.client.push(&run).unwrap();
                    writer.acknowledged.extend(receipts);
                }
                writer
            })
        })
        .collect();
    let mut writers: Vec<Writer> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let mut seen = Vec::new();
    for address in &addresses {
        for writer in &mut writers {
            writer.client.address.clone_from(address);
            let (journal, head) = writer.client.journal(&race.2);
            assert_eq!(journal.len(), 2 + usize::from(DEVICES) * EACH);
            assert_eq!(writer.acknowledged.len(), EACH);
            writer.all_is_there(&journal);
            seen.push(head);
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "both serve the same head");
}

#[test]
fn a_hundred_kills_lose_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let race = race(&place);
    let first = serve(&place, &[]);
    let mut writer = Writer::sign_in(&first.address, &race, 30);
    drop(first);
    let mut random = rand::rngs::StdRng::seed_from_u64(9);
    let mut open: Option<PushRun> = None;
    let mut last: Option<(PushRun, Vec<Receipt>)> = None;
    let mut cut = 0;
    // Around the moment at which a push is answered, wherever that is on this machine today.
    let mut longest = std::time::Duration::from_millis(25);
    for _ in 0..100 {
        let mut running = serve(&place, &[]);
        writer.client.address.clone_from(&running.address);
        let moment = random.random_range(std::time::Duration::ZERO..longest);
        let before = writer.acknowledged.len();
        // Nobody ever says anything: the wait is the moment of the kill.
        let (told, silence) = std::sync::mpsc::channel::<()>();
        let killer = std::thread::spawn(move || {
            assert!(silence.recv_timeout(moment).is_err());
            drop(running.child.kill());
            drop(running.child.wait());
        });
        loop {
            // What was answered before is answered alike.
            if let Some((run, receipts)) = last.take() {
                let again = writer.client.push(&run);
                let dead = again.is_none();
                assert!(again.is_none_or(|again| again == receipts));
                last = Some((run, receipts)).filter(|_| dead);
                if dead {
                    break;
                }
            }
            let run = open.take().unwrap_or_else(|| writer.comment());
            let Some(receipts) = writer.client.push(&run) else {
                cut += 1;
                open = Some(run);
                break;
            };
            writer.acknowledged.extend(receipts.clone());
            last = Some((run, receipts));
        }
        killer.join().unwrap();
        drop(told);
        longest = longest.mul_f64(if writer.acknowledged.len() > before { 0.9 } else { 1.25 });
    }
    let running = serve(&place, &[]);
    writer.client.address.clone_from(&running.address);
    let (journal, _) = writer.client.journal(&race.2);
    writer.all_is_there(&journal);
    assert!(
        cut > 10 && writer.acknowledged.len() > 50,
        "{cut} cut, {} acknowledged",
        writer.acknowledged.len()
    );
    assert!(journal.len() <= 2 + writer.acknowledged.len() + 1, "nothing stands that was not sent");
}

#[test]
fn wrong_use_has_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let code = |arguments: &[&str]| {
        let out = program(&place).args(arguments).stderr(Stdio::piped()).output().unwrap();
        let error: Option<ApiError> = serde_json::from_slice(&out.stderr).ok();
        (out.status.code(), error.map(|e| e.code))
    };
    assert_eq!(code(&["user", "disable", "nobody"]), (Some(2), Some("unknown_user".into())));
    assert_eq!(
        code(&["tenant", "create", "x", "--name", "X", "--playbook", "none"]),
        (Some(2), Some("unknown_playbook".into()))
    );
    for wrong in [
        &["no-such-command"][..],
        &["serve", "--no-such-option"],
        &["serve", "--listen", "nowhere"],
        &["user", "create"],
        &["tenant"],
    ] {
        assert_eq!(code(wrong), (Some(2), Some("wrong_use".into())), "{wrong:?}");
    }
    // What was asked for is no error.
    for asked in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let out = program(&place).args(asked).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((out.status.code(), out.stderr.len()), (Some(0), 0), "{asked:?}");
        assert!(String::from_utf8(out.stdout).unwrap().contains("cairn-service"), "{asked:?}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let out = program(&["--data", file.to_str().unwrap()]).args(["seed-demo"]).output().unwrap();
    assert_eq!(out.status.code(), Some(5));
    let out = program(&["--database-url", "postgres://127.0.0.1:1/x"]).args(["seed-demo"]).output().unwrap();
    assert_eq!(out.status.code(), Some(5));
}

#[test]
fn the_place_may_be_named_before_and_after_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let [_, place] = data(dir.path());
    let run = |arguments: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_cairn-service")).args(arguments).output().unwrap();
        let said: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
        (out.status.code(), said)
    };
    let create = ["--name", "X", "--playbook", "school-district"];
    let before = run(&[&["--data", place, "--json", "tenant", "create", "x"][..], &create].concat());
    assert_eq!((before.0, before.1["slug"].as_str()), (Some(0), Some("x")));
    let after = run(&[&["tenant", "create", "y"][..], &create, &["--json", "--data", place]].concat());
    assert_eq!((after.0, after.1["slug"].as_str()), (Some(0), Some("y")));
    let between =
        run(&["tenant", "--data", place, "create", "x", "--name", "X", "--playbook", "school-district"]);
    assert_eq!(between.0, Some(2), "it is the same place: the slug is taken");
    let nowhere = "postgres://127.0.0.1:1/x";
    assert_eq!(run(&["--database-url", nowhere, "seed-demo"]).0, Some(5));
    assert_eq!(run(&["seed-demo", "--database-url", nowhere]).0, Some(5));
    let file = dir.path().join("copy");
    let file = file.to_str().unwrap();
    let backup = run(&["backup", file, "--data", place, "--json"]);
    assert_eq!((backup.0, backup.1["file"].as_str()), (Some(0), Some(file)));
    let running = serve(&["--data", place], &[]);
    assert_eq!(run(&["--data", place, "restore", file]).0, Some(2), "a service works on it");
    drop(running);
    let restored = run(&["restore", file, "--data", place, "--json"]);
    assert_eq!((restored.0, restored.1["journals"].as_u64()), (Some(0), Some(3)));
    assert!(Path::new(restored.1["moved"].as_str().unwrap()).exists());
}

#[test]
fn a_database_that_cannot_be_read_is_refused_and_left_as_it_is() {
    type Damage<'a> = &'a dyn Fn(&Path);
    let cut = |file: &Path, length: u64| {
        std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
    };
    let newer = |file: &Path| {
        rusqlite::Connection::open(file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    };
    let damages: [(Damage<'_>, &str); 4] = [
        (&|file| cut(file, 0), "database_cannot_be_opened"),
        (&|file| cut(file, std::fs::metadata(file).unwrap().len() / 2), "database_cannot_be_opened"),
        (&|file| cut(file, 100), "database_cannot_be_opened"),
        (&newer, "newer_database"),
    ];
    for (damage, code) in damages {
        let dir = tempfile::tempdir().unwrap();
        let place = data(dir.path());
        output(&place, &["tenant", "create", "north", "--name", "North"]);
        let file = dir.path().join("service.db");
        damage(&file);
        let before = std::fs::read(&file).unwrap();
        for command in [&["seed-demo"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            let out = program(&place).args(command).stderr(Stdio::piped()).output().unwrap();
            let error: ApiError = serde_json::from_slice(&out.stderr).unwrap();
            assert_eq!((out.status.code(), error.code.as_str()), (Some(5), code), "{error:?}");
            assert!(std::fs::read(&file).unwrap() == before, "{code}: the file is as it was");
        }
    }
}

#[test]
fn a_service_is_ready_again_when_its_database_is() {
    let cluster = common::cluster::Cluster::start();
    let url = cluster.database();
    let running = serve(&["--database-url", &url], &[]);
    let health = |what: &str| send(&running.address, "GET", &format!("/health/{what}"), &[], b"").status;
    assert_eq!((health("live"), health("ready")), (200, 200));
    cluster.stop();
    assert_eq!((health("live"), health("ready")), (200, 503));
    cluster.go_on();
    assert_eq!((health("live"), health("ready")), (200, 200));
}

#[test]
fn an_upload_that_was_cut_goes_on_where_the_service_stands() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let race = race(&place);
    let running = serve(&place, &[]);
    let mut client = Client::sign_in(&running.address, &race.0, &race.1, 12).map_err(|r| r.code()).unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let (total, half) = (bytes.len(), bytes.len() / 2);
    let path = format!("/v1/blobs/{}/{}", race.2, hex::encode(sha2::Sha256::digest(&bytes)));
    let (first, second) =
        (format!("bytes 0-{}/{total}", half - 1), format!("bytes {half}-{}/{total}", total - 1));
    let received = |reply: &Reply| {
        assert_eq!(reply.status, 200);
        reply.json::<Value>()["received"].as_u64().unwrap() as usize
    };
    assert_eq!(received(&client.signed("PUT", &path, &[("content-range", &first)], &bytes[..half])), half);
    // The second part does not arrive whole.
    let mut cut = TcpStream::connect(&running.address).unwrap();
    let head = client.head("PUT", &path, &[("content-range", &second)], &bytes[half..]);
    cut.write_all(head.as_bytes()).unwrap();
    cut.write_all(&bytes[half..half + 1_000]).unwrap();
    cut.shutdown(std::net::Shutdown::Write).unwrap();
    let refused = read_reply(&mut cut, true);
    assert!(refused.is_none_or(|reply| reply.status != 200));
    let stands = client.signed("HEAD", &path, &[], b"");
    assert_eq!(stands.status, 200);
    for said in [format!("cairn-received: {half}\r\n"), format!("cairn-total: {total}\r\n")] {
        assert!(stands.head.contains(&said), "{}", stands.head);
    }
    let early = client.signed("GET", &path, &[], b"");
    assert_eq!((early.status, early.code().as_str()), (404, "not_found"), "it is not whole");
    let again = client.signed("PUT", &path, &[("content-range", &first)], &bytes[..half]);
    assert_eq!((again.status, again.code().as_str()), (409, "wrong_offset"));
    let odd = client.signed("PUT", &path, &[("content-range", &second)], &bytes[..half - 1]);
    assert_eq!((odd.status, odd.code().as_str()), (400, "bad_request"));
    assert_eq!(received(&client.signed("PUT", &path, &[("content-range", &second)], &bytes[half..])), total);
    // As it came: a part with each request, from wherever the last one ended.
    let mut read = Vec::new();
    while read.len() < total {
        let range = format!("bytes={}-", read.len());
        let part = client.signed("GET", &path, &[("range", &range)], b"");
        assert_eq!(part.status, 206);
        let end = read.len() + part.body.len();
        let said = format!("content-range: bytes {}-{}/{total}\r\n", read.len(), end - 1);
        assert!(!part.body.is_empty() && part.head.contains(&said), "{}", part.head);
        read.extend(part.body);
    }
    assert!(read == bytes);
    let middle = client.signed("GET", &path, &[("range", &format!("bytes={}-", half + 7))], b"");
    assert!(middle.body == bytes[half + 7..]);
    let some = client.signed("GET", &path, &[("range", "bytes=5-14")], b"");
    assert!(some.status == 206 && some.body == bytes[5..15], "a slow line asks for no more than it carries");
    for odd in ["bytes=9-5", &format!("bytes=0-{}", u64::MAX), "bytes=a-b", "5"] {
        let reply = client.signed("GET", &path, &[("range", odd)], b"");
        assert!(reply.status == 206 || reply.status == 200, "{odd}: {}", reply.head);
    }
    let behind = client.signed("GET", &path, &[("range", &format!("bytes={}-", total + 1))], b"");
    assert_eq!((behind.status, behind.code().as_str()), (400, "bad_request"));
}

#[test]
fn an_import_that_a_pilot_may_not_have_is_413_at_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let seeded = output(&place, &["seed-demo", "--tenants", "1"]);
    let new = ["tenant", "create", "pilots", "--name", "Pilots", "--playbook", "school-district"];
    let made = output(&place, &[&new[..], &["--mode", "pilot"]].concat());
    let (name, password) = person(&seeded, "IMPL_SPEC");
    output(&place, &["user", "assign", &name, "--tenant", "pilots"]);
    let running = serve(&place, &["--pilot-rows", "2"]);
    let mut client = Client::sign_in(&running.address, &name, &password, 13).map_err(|r| r.code()).unwrap();
    let tenant = made["id"].as_str().unwrap();
    let path = format!("/v1/blobs/{tenant}/{}", hex::encode(sha2::Sha256::digest(b"x")));
    let mut put = |rows: &str| client.signed("PUT", &path, &[("cairn-import-rows", rows)], b"x");
    let many = put("3");
    assert_eq!((many.status, many.code().as_str()), (413, "pilot_limit"));
    assert_eq!((put("many").status, put("2").status), (400, 200));
}

#[test]
fn tls_serves_with_a_given_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let place = data(dir.path());
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let (cert, key) = (format!("{fixtures}/tls-cert.pem"), format!("{fixtures}/tls-key.pem"));
    let running = serve(&place, &["--tls-cert", &cert, "--tls-key", &key]);
    // A stranger who never finishes a handshake holds up nobody.
    let idle = TcpStream::connect(&running.address).unwrap();
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cert).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let connection = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(&running.address).unwrap());
    stream.write_all(b"GET /v1/hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    assert!(String::from_utf8_lossy(&said).contains("service_key"));
    drop(idle);
    let out = program(&place)
        .args(["serve", "--listen", "127.0.0.1:0", "--tls-cert", &key, "--tls-key", &cert])
        .output();
    assert_eq!(out.unwrap().status.code(), Some(2), "a wrong certificate is said, not served");
}

#[test]
fn releases_come_from_their_folder_and_from_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("data");
    let place = data(&inside);
    let releases = dir.path().join("releases");
    std::fs::create_dir(&releases).unwrap();
    std::fs::write(releases.join("cairn_0.2.0_amd64.deb"), b"package").unwrap();
    std::fs::write(releases.join(".hidden"), b"hidden").unwrap();
    std::fs::write(dir.path().join("secret"), b"secret").unwrap();
    output(&place, &["seed-demo", "--tenants", "1"]);

    let running = serve(&place, &["--releases", releases.to_str().unwrap()]);
    let get = |path: &str| send(&running.address, "GET", &format!("/v1/releases/{path}"), &[], b"");
    let given = get("cairn_0.2.0_amd64.deb");
    assert_eq!((given.status, given.body.as_slice()), (200, b"package".as_slice()));
    for outside in
        ["..%2fsecret", "%2e%2e%2fsecret", "../secret", "..%5csecret", ".hidden", "nothing.json", ""]
    {
        let reply = get(outside);
        assert_eq!(reply.status, 404, "{outside}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"), "{outside}");
    }
    drop(running);

    let without = serve(&place, &[]);
    let reply = send(&without.address, "GET", "/v1/releases/cairn_0.2.0_amd64.deb", &[], b"");
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
}

#[test]
fn an_import_that_was_asked_for_is_answered_on_either_storage() {
    let dir = tempfile::tempdir().unwrap();
    let (url, here) = (common::cluster::database(), data(dir.path()));
    for place in [&["--database-url", url.as_str()], &here] {
        let race = race(place);
        let running = serve(place, &[]);
        let mut writer = Writer::sign_in(&running.address, &race, 30);
        let file = b"no import at all";
        let blob = hex::encode(sha2::Sha256::digest(file));
        let path = format!("/v1/blobs/{}/{blob}", writer.tenant);
        assert_eq!(writer.client.signed("PUT", &path, &[("cairn-import-rows", "1")], file).status, 200);
        let request = cairn_domain::import::ImportRequest {
            blob,
            bytes: file.len() as u64,
            source: "people.csv".into(),
            format: "accounts".into(),
            rules: "tolerant".into(),
            records: BTreeMap::new(),
            planned: std::collections::BTreeMap::new(),
            holds_confirmed: false,
            broken: 0,
        };
        let op = writer.laptop.op(&writer.tenant, Change::ImportRequested(request), BTreeMap::new());
        let run = writer.laptop.run(&writer.tenant, vec![op]);
        let receipts = writer.client.push(&run).unwrap();
        let Outcome::Accepted { seq } = receipts[0].outcome else { panic!("{receipts:?}") };
        let mut answered = || writer.client.journal(&race.2).0.len() as u64 > seq;
        assert!((0..300).any(|_| answered()), "nobody answers");
    }
}
