//! The HTTP client against a tiny server that misbehaves.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use cairn_domain::TenantId;
use cairn_domain::op::{RunSignature, SealedOp};
use cairn_protocol::sync::{Known, PushRun, SyncReply, SyncRequest};
use cairn_protocol::{ApiError, PROTOCOL_VERSION, code};
use cairn_sync::http::{Client, signer};
use ed25519_dalek::SigningKey;

/// Answers one connection after another with these bytes; tells the requests it read.
fn server(replies: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        replies
            .into_iter()
            .map(|reply| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = read_request(&mut stream);
                stream.write_all(reply.as_bytes()).unwrap();
                request
            })
            .collect()
    });
    (address, served)
}

/// Head and body, so that closing the connection never resets it.
fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = || String::from_utf8_lossy(&bytes).to_lowercase();
        // Lengths count in bytes: a packed body is no text.
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n")
            && bytes.len() >= head + 4 + length_of(&text())
        {
            return text();
        }
        let mut byte = [0; 1];
        if stream.read(&mut byte).unwrap() == 0 {
            return text();
        }
        bytes.push(byte[0]);
    }
}

/// What a request says of its body's length.
fn length_of(request: &str) -> usize {
    let length = request.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |n| n.parse().unwrap())
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn client(address: SocketAddr) -> Client {
    let key = SigningKey::from_bytes(&[3; 32]);
    let public = hex(&key.verifying_key().to_bytes());
    let device = cairn_protocol::auth::device_id(&public).unwrap();
    Client::new(&format!("http://{address}"), Some(signer(device, key)), Some("old".into())).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn request() -> SyncRequest {
    SyncRequest {
        v: PROTOCOL_VERSION,
        known: Known::List(Vec::new()),
        push: Vec::new(),
        offers: Vec::new(),
        fill: Default::default(),
        held: Vec::new(),
        rebuild: Vec::new(),
        most: None,
    }
}

fn sync(client: &mut Client) -> Result<SyncReply, ApiError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.sync(&request()))
}

fn sync_with(reply: String) -> Result<SyncReply, ApiError> {
    let (address, served) = server(vec![reply]);
    let result = sync(&mut client(address));
    served.join().unwrap();
    result
}

#[test]
fn an_answer_is_read_and_its_nonce_kept() {
    let nonce = cairn_protocol::auth::NONCE_HEADER.to_lowercase();
    let first = reply("200 OK", &format!("{nonce}: next\r\n"), "{}");
    let (address, served) = server(vec![first, reply("200 OK", "", "{}")]);
    let mut client = client(address);
    sync(&mut client).unwrap();
    assert_eq!(client.nonce(), Some("next"));
    sync(&mut client).unwrap();
    assert!(served.join().unwrap()[1].contains(&format!("{nonce}: next")));
}

#[test]
fn a_large_push_is_packed() {
    let op = SealedOp { header: "{}".into(), salt: "00".repeat(16), body: "what was done ".repeat(2_000) };
    let tenant: TenantId = "t1".parse().unwrap();
    let run = RunSignature { first: 1, count: 1, signature: "00".repeat(64) };
    let large = SyncRequest { push: vec![PushRun { tenant, run, ops: vec![op] }], ..request() };
    let plain = serde_json::to_vec(&large).unwrap().len();
    let (address, served) = server(vec![reply("200 OK", "", "{}")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client(address).sync(&large)).unwrap();
    let sent = served.join().unwrap().remove(0);
    assert!(sent.contains("content-encoding: zstd"), "{sent}");
    assert!(length_of(&sent) * 10 < plain, "{} of {plain} bytes", length_of(&sent));
}

#[test]
fn plain_http_is_only_for_this_computer() {
    for (address, fits) in [
        ("http://cairn.example.org", false),
        ("http://127.0.0.1.example.org", false),
        ("http://192.0.2.1", false),
        ("ftp://127.0.0.1", false),
        ("not an address", false),
        ("http://127.0.0.1:1", true),
        ("http://[::1]:1", true),
        ("https://cairn.example.org", true),
    ] {
        let made = Client::new(address, None, None);
        assert_eq!(
            made.as_ref().err().map(|e| e.code.as_str()),
            (!fits).then_some("bad_server"),
            "{address}"
        );
    }
}

#[test]
fn a_redirect_to_another_place_is_not_followed() {
    let error = sync_with(reply("302 Found", "location: http://192.0.2.1/\r\n", "")).unwrap_err();
    assert_eq!(error.code, code::UNREACHABLE);
}

#[test]
fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(sync(&mut client(address)).unwrap_err().code, code::UNREACHABLE);
}

#[test]
fn a_cut_reply_is_unreachable() {
    let whole = reply("200 OK", "", &"x".repeat(500));
    for keep in [0, 10, whole.len() - 1] {
        assert_eq!(sync_with(whole[..keep].to_owned()).unwrap_err().code, code::UNREACHABLE, "{keep}");
    }
}

#[test]
fn what_is_not_cairn_is_told_apart() {
    let error = sync_with(reply("502 Bad Gateway", "", "<html>proxy</html>")).unwrap_err();
    assert_eq!(error.code, code::UNREACHABLE);
    assert!(error.message.contains("502"), "{error:?}");
    let error = sync_with(reply("200 OK", "", "<html>sign in to the wifi</html>")).unwrap_err();
    assert_eq!(error.code, code::VERSION);
}

#[test]
fn a_stale_nonce_is_tried_once_more_with_the_fresh_one() {
    let nonce = cairn_protocol::auth::NONCE_HEADER;
    let body = serde_json::to_string(&ApiError::new(code::BAD_NONCE, "old")).unwrap();
    let stale = |n: &str| reply("401 Unauthorized", &format!("{nonce}: {n}\r\n"), &body);
    let (address, served) = server(vec![stale("fresh"), reply("200 OK", "", "{}")]);
    sync(&mut client(address)).unwrap();
    let requests = served.join().unwrap();
    assert!(requests[0].contains(&format!("{}: old", nonce.to_lowercase())));
    assert!(requests[1].contains(&format!("{}: fresh", nonce.to_lowercase())));

    let (address, served) = server(vec![stale("b"), stale("c")]);
    assert_eq!(sync(&mut client(address)).unwrap_err().code, code::BAD_NONCE, "once, not for ever");
    assert_eq!(served.join().unwrap().len(), 2);
}
