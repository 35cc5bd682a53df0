//! The addresses of a name. getaddrinfo(3) may block for as long as the resolver takes, so it runs
//! on a thread that nobody waits for, not even the end of the process.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use crate::config::tls::a_labels;
use crate::{descriptor, thread};

/// The addresses of `server`, a `host:port`. A name that is being looked up already is not looked
/// up twice, and only a few are looked up at a time: resolvers that hang take few threads.
///
/// # Errors
/// There is no address, or no thread for the look-up ([`io::ErrorKind::WouldBlock`]).
pub(super) async fn lookup(server: &str) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    lookup_with(&format!("{}:{port}", a_labels(host)), ask).await
}

type Ask = fn(&str) -> io::Result<Vec<SocketAddr>>;

async fn lookup_with(server: &str, ask: Ask) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = server.parse() {
        return Ok(vec![address]);
    }
    let known = under_way(&running(), server);
    let mut answer = match known {
        Some(answer) => answer,
        None => begin(server, ask).await?,
    };
    let answer = answer.wait_for(Option::is_some).await;
    let answer = answer.map_err(|_| io::Error::other("the look-up failed: this is a bug"))?;
    match answer.as_deref() {
        Some(Ok(addresses)) => Ok(addresses.clone()),
        Some(Err(error)) => Err(copy(error)),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

type LookupResult = Option<Arc<io::Result<Vec<SocketAddr>>>>;

/// A look-up in progress.
struct Lookup {
    server: String,
    answer: watch::Receiver<LookupResult>,
}

async fn begin(server: &str, ask: Ask) -> io::Result<watch::Receiver<LookupResult>> {
    let slot = SLOTS.acquire().await.map_err(io::Error::other)?;
    let mut running = running();
    // Another task may have begun meanwhile.
    if let Some(answer) = under_way(&running, server) {
        return Ok(answer);
    }
    let (told, answer) = watch::channel(None);
    let name = server.to_owned();
    thread::start("looking up names", move || {
        told.send_replace(Some(Arc::new(ask(&name))));
        drop(slot);
    })?;
    running.retain(is_under_way);
    running.push(Lookup { server: server.to_owned(), answer: answer.clone() });
    Ok(answer)
}

fn under_way(running: &[Lookup], server: &str) -> Option<watch::Receiver<LookupResult>> {
    let mut running = running.iter().filter(|lookup| is_under_way(lookup));
    running.find(|lookup| lookup.server == server).map(|lookup| lookup.answer.clone())
}

fn is_under_way(lookup: &Lookup) -> bool {
    // An error means that its thread has panicked.
    lookup.answer.has_changed().is_ok() && lookup.answer.borrow().is_none()
}

fn ask(server: &str) -> io::Result<Vec<SocketAddr>> {
    let found = server.to_socket_addrs().map(Iterator::collect);
    // Without a descriptor the resolver finds nothing and does not say why.
    found.map_err(|error| descriptor::room_for(NEEDED).err().unwrap_or(error))
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

fn running() -> MutexGuard<'static, Vec<Lookup>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

static RUNNING: Mutex<Vec<Lookup>> = Mutex::new(Vec::new());
static SLOTS: Semaphore = Semaphore::const_new(MOST);
/// Names that are looked up at a time.
const MOST: usize = 16;
/// For the resolver's files and sockets.
const NEEDED: usize = 2;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn addresses_and_names_have_addresses() {
        assert_eq!(lookup("[::1]:5347").await.unwrap(), ["[::1]:5347".parse().unwrap()]);
        let found = lookup("localhost:5347").await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
        assert!(!found.is_empty());
        lookup("name.invalid:5347").await.unwrap_err();
    }

    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static ANSWERS: AtomicBool = AtomicBool::new(false);

    fn hang(server: &str) -> io::Result<Vec<SocketAddr>> {
        ASKED.fetch_add(1, Ordering::SeqCst);
        while !ANSWERS.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if server.starts_with("bad") { Err(io::ErrorKind::NotFound.into()) } else { Ok(vec![]) }
    }

    async fn asked(count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while ASKED.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "{ASKED:?} of {count}");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Attempts are given up and made again while the resolver hangs.
    #[tokio::test]
    async fn a_resolver_that_hangs_takes_few_threads() {
        let soon = Duration::from_millis(1);
        for _ in 0..3 {
            for name in ["good:1", "bad:1"] {
                timeout(soon, lookup_with(name, hang)).await.expect_err("it hangs");
            }
        }
        asked(2).await;
        let names: Vec<String> = (0..3 * MOST).map(|n| format!("{n}:1")).collect();
        for name in &names {
            timeout(soon, lookup_with(name, hang)).await.expect_err("it hangs");
        }
        asked(MOST).await;
        assert_eq!(ASKED.load(Ordering::SeqCst), MOST);
        // The last caller gets the result of the first look-up.
        let (good, bad) = (lookup_with("good:1", hang), lookup_with("bad:1", hang));
        let late = lookup_with(&names[2 * MOST], hang);
        let answer = async { ANSWERS.store(true, Ordering::SeqCst) };
        let (good, bad, late, ()) = tokio::join!(good, bad, late, answer);
        assert!(good.unwrap().is_empty());
        assert_eq!(bad.unwrap_err().kind(), io::ErrorKind::NotFound);
        late.unwrap();
        assert_eq!(ASKED.load(Ordering::SeqCst), MOST + 1);
    }
}
