//! `sync` where the service is silent, where another program syncs, and over a restart of the service.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use cairn_tests::process::Running;
use serde_json::Value;

use super::Office;

/// What one `sync` may take, with the start of the program.
const LIMIT: Duration = Duration::from_millis(11_500);
/// How long a test waits for what has to come. A watcher that lost its hints looks every minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// Takes the place of the service, accepts whoever comes and answers nothing.
fn silence(office: &mut Office) -> Receiver<TcpStream> {
    office.service.stop().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", office.service.port())).unwrap();
    let (tell, told) = channel();
    spawn(move || {
        for stream in listener.incoming() {
            if tell.send(stream.unwrap()).is_err() {
                return;
            }
        }
    });
    told
}

#[test]
fn a_silent_service_is_out_of_reach_after_ten_seconds() {
    let mut office = Office::open();
    let _silent = silence(&mut office);
    let start = Instant::now();
    let answer = office.laptop.run(&["sync"]).unwrap();
    assert_eq!((answer.code, answer.error["code"].as_str()), (3, Some("unreachable")), "{answer:?}");
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn one_program_of_a_profile_syncs_at_a_time() {
    let mut office = Office::open();
    let silent = silence(&mut office);
    let mut command = office.laptop.command(&["sync"]).unwrap();
    let mut first = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
    // It asks with the lock in hand.
    let asked = silent.recv_timeout(PATIENCE).unwrap();
    let second = office.laptop.run(&["sync"]).unwrap();
    assert_eq!((second.code, second.error["code"].as_str()), (3, Some("sync_busy")), "{second:?}");
    assert!(first.child().try_wait().unwrap().is_none(), "the first one was still at it");
    first.kill();
    drop(asked);
    let third = office.laptop.run(&["sync"]).unwrap();
    assert_eq!(third.error["code"], "unreachable", "the lock went with the program: {third:?}");
}

/// The lines a program prints, as they come.
fn lines_of(running: &mut Running) -> Receiver<String> {
    let output = running.child().stdout.take().unwrap();
    let (tell, told) = channel();
    spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    told
}

#[test]
fn watching_sends_what_was_written_while_the_service_was_away() {
    let mut office = Office::open();
    let mut command = office.laptop.command(&["sync", "--watch"]).unwrap();
    let mut watching = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null())).unwrap();
    let lines = lines_of(&mut watching);
    let next = || serde_json::from_str::<Value>(&lines.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!(next()["pending"], 0);
    let item = office.items("not_started").remove(0);
    office.service.kill();
    office.laptop.ok(&["comment", office.tenant(), &item, "--text", "while it was away"]).unwrap();
    office.service.start().unwrap();
    let mut sent = next();
    while sent["pushed"] == 0 {
        sent = next();
    }
    assert_eq!((&sent["pushed"], &sent["pending"]), (&1.into(), &0.into()), "{sent}");
    watching.kill();
    assert_eq!(office.laptop.ok(&["status"]).unwrap()["pending"], 0);
}

#[test]
fn watching_prints_plain_lines_to_a_person() {
    let office = Office::open();
    let mut command = office.laptop.plain().unwrap();
    command.args(["sync", "--watch"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watching = Running::start(&mut command).unwrap();
    let line = lines_of(&mut watching).recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with("Sent 0, received "), "{line}");
}

#[test]
fn a_project_is_chosen_by_name() {
    let office = Office::open();
    let tenant = office.tenant();
    let first = office.laptop.ok(&["checklist", tenant]).unwrap();
    let first_key = first["playbook"].as_str().unwrap().to_owned();
    let other = ["regional-workshop", "ethics-line-client"].into_iter().find(|k| *k != first_key).unwrap();
    office.laptop.ok(&["project", "start", tenant, "--playbook", other]).unwrap();
    let shown = |words: &[&str]| office.laptop.ok(&[&["checklist", tenant], words].concat()).unwrap();
    assert_eq!(shown(&[])["playbook"], other, "the newest where none is named");
    assert_eq!(shown(&["--project", &first_key])["items"], first["items"]);
    assert_eq!(shown(&["--project", &format!("{first_key}/0")])["items"], first["items"]);
    let item = first["items"].as_array().unwrap().iter().find(|i| i["status"] == "not_started").unwrap();
    let key = item["key"].as_str().unwrap();
    office.laptop.ok(&["item", tenant, key, "--note", "here", "--project", &first_key]).unwrap();
    let items = shown(&["--project", &first_key])["items"].clone();
    let written = items.as_array().unwrap().iter().find(|i| i["key"] == key).unwrap();
    assert_eq!(written["note"], "here");
    let unknown = office.laptop.run(&["checklist", tenant, "--project", "nothing"]).unwrap();
    assert_eq!((unknown.code, unknown.error["code"].as_str()), (2, Some("unknown_project")), "{unknown:?}");
}
