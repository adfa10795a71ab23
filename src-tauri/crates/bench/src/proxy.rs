//! A door between two programs on this machine that counts what passes, below HTTP and so for any
//! protocol over it: bytes each way with all headers, and requests.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
}

#[derive(Debug, Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
    requests: AtomicU64,
}

/// The door; it stays open as long as the program lives.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    counts: Arc<Counts>,
}

impl Proxy {
    /// Opens the door before `server`.
    ///
    /// # Errors
    /// No port is free.
    pub fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        let address = listener.local_addr()?;
        let server = Arc::new(Mutex::new(server));
        let counts = Arc::new(Counts::default());
        let (behind, counter) = (server.clone(), counts.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = *behind.lock().unwrap_or_else(PoisonError::into_inner);
                // A server that is not there closes the connection: the client sees it as such.
                let _ = join(client, server, &counter);
            }
        });
        Ok(Self { address, server, counts })
    }

    /// Leads to another server from the next connection on.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// The address for clients, as in a browser.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What passed since the last look.
    pub fn take(&self) -> Passed {
        let take = |count: &AtomicU64| count.swap(0, Ordering::SeqCst);
        Passed {
            up: take(&self.counts.up),
            down: take(&self.counts.down),
            requests: take(&self.counts.requests),
        }
    }
}

/// Carries bytes both ways, each on a thread of its own, until either side ends.
fn join(client: TcpStream, server: SocketAddr, counts: &Arc<Counts>) -> Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reads, server_writes) = (client.try_clone()?, server.try_clone()?);
    let asking = Arc::new(AtomicBool::new(false));
    let (up, answered) = (counts.clone(), asking.clone());
    std::thread::spawn(move || {
        carry(client_reads, server_writes, |bytes| {
            up.up.fetch_add(bytes, Ordering::SeqCst);
            if !answered.swap(true, Ordering::SeqCst) {
                up.requests.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    let down = counts.clone();
    std::thread::spawn(move || {
        carry(server, client, |bytes| {
            down.down.fetch_add(bytes, Ordering::SeqCst);
            asking.store(false, Ordering::SeqCst);
        });
    });
    Ok(())
}

/// Counts before it hands on: whoever has received bytes finds them counted.
fn carry(mut from: TcpStream, mut to: TcpStream, count: impl Fn(u64)) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count(read as u64);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // The other side may have closed first; then there is nothing left to close.
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
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
    fn bytes_and_turns_are_counted() {
        let proxy = Proxy::before(answering()).unwrap();
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..3 {
            stream.write_all(b"hello\n").unwrap();
            answers.read_line(&mut String::new()).unwrap();
        }
        assert_eq!(proxy.take(), Passed { up: 18, down: 9, requests: 3 });
        assert_eq!(proxy.take(), Passed::default());
    }
}
