//! A door between two programs on this machine that counts what passes, below HTTP and so for any
//! protocol over it: bytes each way with all headers, and requests. It can be narrow, as a bad line is.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

/// What passed since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes from clients to the server.
    pub up: u64,
    /// Bytes from the server to clients.
    pub down: u64,
    /// Requests. Over HTTP/1.1 without pipelining one begins whenever a client speaks after the
    /// server did, or first of all.
    pub requests: u64,
    /// Connections that broke off because a request or a reply was longer than the door is wide.
    pub broken: u64,
}

/// The door; it stays open as long as the program lives.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    passed: Arc<Mutex<Passed>>,
}

impl Door {
    /// Opens the door before `server`.
    ///
    /// # Errors
    /// No port is free.
    pub fn before(server: SocketAddr) -> Result<Self> {
        Self::of_width(server, u64::MAX)
    }

    /// A door that breaks a connection off once a request or a reply is longer than `most` bytes.
    ///
    /// # Errors
    /// No port is free.
    pub fn of_width(server: SocketAddr, most: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        let address = listener.local_addr()?;
        let server = Arc::new(Mutex::new(server));
        let passed = Arc::<Mutex<Passed>>::default();
        let (behind, counts) = (server.clone(), passed.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = *lock(&behind);
                // A server that is not there closes the connection: the client sees it as such.
                let _ = join(client, server, Line { most, said: None, passed: counts.clone() });
            }
        });
        Ok(Self { address, server, passed })
    }

    /// Leads to another server from the next connection on.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.server) = server;
    }

    /// The address for clients, as in a browser.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What passed since the last look.
    pub fn take(&self) -> Passed {
        std::mem::take(&mut *lock(&self.passed))
    }
}

/// A poisoned lock means that a thread of the door died while it counted; the counts stand.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// One connection: who spoke last, and how long by now.
#[derive(Debug)]
struct Line {
    most: u64,
    said: Option<(Side, u64)>,
    passed: Arc<Mutex<Passed>>,
}

impl Line {
    /// Counts what a side says; false where it breaks off here.
    fn hears(&mut self, side: Side, bytes: u64) -> bool {
        let before = self.said.filter(|(last, _)| *last == side);
        let length = before.map_or(0, |(_, length)| length) + bytes;
        self.said = Some((side, length));
        let mut passed = lock(&self.passed);
        match side {
            Side::Client => passed.up += bytes,
            Side::Server => passed.down += bytes,
        }
        passed.requests += u64::from(side == Side::Client && before.is_none());
        passed.broken += u64::from(length > self.most);
        length <= self.most
    }
}

/// Carries bytes both ways, each on a thread of its own, until either side ends.
fn join(client: TcpStream, server: SocketAddr, line: Line) -> Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let line = Arc::new(Mutex::new(line));
    for (side, from, to) in [(Side::Client, &client, &server), (Side::Server, &server, &client)] {
        let (from, to, line) = (from.try_clone()?, to.try_clone()?, line.clone());
        std::thread::spawn(move || carry(from, to, |bytes| lock(&line).hears(side, bytes)));
    }
    Ok(())
}

/// Counts before it hands on: whoever has received bytes finds them counted.
fn carry(mut from: TcpStream, mut to: TcpStream, hears: impl Fn(u64) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !hears(read as u64) {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // The other side may have closed first; then there is nothing left to close.
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// Answers each line with `ok`.
    fn answering() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut answers = stream.try_clone().unwrap();
                for _ in BufReader::new(stream).lines().map_while(std::result::Result::ok) {
                    answers.write_all(b"ok\n").unwrap();
                }
            }
        });
        address
    }

    #[test]
    fn a_narrow_door_breaks_off_what_is_longer() {
        let door = Door::of_width(answering(), 8).unwrap();
        let mut stream = TcpStream::connect(door.address).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut ask = |words: &[u8]| {
            stream.write_all(words).unwrap();
            let mut answer = String::new();
            answers.read_line(&mut answer).unwrap_or(0);
            answer
        };
        // Each message counts by itself.
        assert_eq!([ask(b"seven..\n"), ask(b"seven..\n")], ["ok\n", "ok\n"]);
        assert_eq!(ask(b"eight...\n"), "");
        assert_eq!(door.take().broken, 1);
    }

    #[test]
    fn bytes_and_turns_are_counted() {
        let door = Door::before(answering()).unwrap();
        let mut stream = TcpStream::connect(door.address).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..3 {
            stream.write_all(b"hello\n").unwrap();
            answers.read_line(&mut String::new()).unwrap();
        }
        assert_eq!(door.take(), Passed { up: 18, down: 9, requests: 3, broken: 0 });
        assert_eq!(door.take(), Passed::default());
    }
}
