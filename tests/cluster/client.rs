//! Users and bots: clients that are logged in on a host, and log in again when their stream ends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use core_tests::xml::Stanza;
use test_support::interop::client;
use test_support::interop::connection::Connection;
use test_support::interop::host::Host;
use test_support::interop::server::{HOST, Server};
use test_support::wait::wait_until;

use crate::stream::Stanzas;

pub struct Client {
    /// Its number among those of its kind.
    pub number: usize,
    account: String,
    resource: String,
    /// The host where it prefers to log in.
    pub home: usize,
    conduct: Arc<dyn Conduct>,
    doors: Doors,
    state: Mutex<State>,
    changed: Condvar,
}

/// Where clients log in, by the number of the host.
pub type Doors = Arc<Mutex<Vec<Door>>>;

#[derive(Clone)]
pub struct Door {
    host: Arc<Host>,
    port: u16,
    defers: bool,
}

/// What it does with its stream.
pub trait Conduct: Send + Sync {
    /// Whether it goes to another host while its own is down.
    fn moves(&self) -> bool;
    /// What it sends first.
    fn greeting(&self) -> &'static str;
    fn hears(&self, client: &Arc<Client>, stanza: &Stanza<'_>, xml: &str);
    /// It has logged in.
    fn begins(&self, client: &Client);
    /// Its stream has ended.
    fn ends(&self, client: &Client, session: u32);
}

struct State {
    wanted: Wanted,
    stream: Option<Stream>,
    sessions: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    On(usize),
    Away,
    /// It does not log in again.
    Ended,
}

struct Stream {
    socket: TcpStream,
    host: usize,
}

impl Door {
    pub fn of(server: &Server) -> Door {
        let host = Arc::clone(server.place().expect("it is on a host"));
        Door { host, port: server.client_port, defers: server.kind.defers() }
    }

    /// Logs in.
    pub fn enter(&self, account: &str, resource: &str) -> io::Result<client::Client> {
        let Door { host, port, defers } = self;
        let connection = host.run(|| Connection::open(HOST, *port, *defers, ""))?;
        client::Client::authenticate(connection, account, resource)
    }
}

impl Client {
    /// A client that logs in on its host, again after each loss, until it is ended.
    pub fn start(
        number: usize,
        account: &str,
        resource: &str,
        home: usize,
        doors: &Doors,
        conduct: Arc<dyn Conduct>,
    ) -> Arc<Client> {
        let client = Arc::new(Client {
            number,
            account: account.to_owned(),
            resource: resource.to_owned(),
            home,
            conduct,
            doors: Arc::clone(doors),
            state: Mutex::new(State { wanted: Wanted::On(home), stream: None, sessions: 0 }),
            changed: Condvar::new(),
        });
        let living = Arc::clone(&client);
        thread::spawn(move || living.live());
        client
    }

    pub fn address(&self) -> String {
        format!("{}/{}", self.account, self.resource)
    }

    /// The host that it is logged in on.
    pub fn host(&self) -> Option<usize> {
        self.state().stream.as_ref().map(|it| it.host)
    }

    /// Sends this, if it is logged in.
    pub fn send(&self, xml: &str) {
        self.send_numbered(|_, _| xml.to_owned());
    }

    /// Sends what `say` returns for a host and the number of its stream, if it is logged in.
    pub fn send_numbered(&self, say: impl FnOnce(usize, u32) -> String) -> bool {
        let mut state = self.state();
        let sessions = state.sessions;
        let Some(stream) = &mut state.stream else { return false };
        let xml = say(stream.host, sessions);
        // If it fails, the stream ends, and its requests with it.
        let _ = stream.socket.write_all(xml.as_bytes());
        true
    }

    /// Its host is going to die; it comes back when [`Self::go`] is called.
    pub fn dies_with_host(&self) {
        self.want(Wanted::Away);
    }

    /// Logs out.
    pub fn leave(&self) {
        self.want(Wanted::Away);
        self.send("<presence type='unavailable'/></stream:stream>");
        wait_until("a client to leave", || self.host().is_none());
    }

    /// Closes its connection without taking its leave.
    pub fn vanish(&self) {
        self.want(Wanted::Away);
        self.hang_up();
        wait_until("a client to vanish", || self.host().is_none());
    }

    /// Logs in on this host, again if it is on another one.
    pub fn go(&self, host: usize) {
        self.want(Wanted::On(host));
        if self.host().is_some_and(|it| it != host) {
            self.hang_up();
        }
        wait_until("a client to log in", || self.host() == Some(host));
    }

    pub fn go_home(&self) {
        self.go(self.home);
    }

    /// It ends, and is not restarted.
    pub fn end(&self) {
        self.want(Wanted::Ended);
        self.hang_up();
    }

    fn want(&self, wanted: Wanted) {
        self.state().wanted = wanted;
        self.changed.notify_all();
    }

    fn hang_up(&self) {
        if let Some(stream) = &self.state().stream {
            let _ = stream.socket.shutdown(Shutdown::Both);
        }
    }

    fn live(self: Arc<Client>) {
        let mut failures = 0;
        while let Some(home) = self.wanted_host() {
            let doors = self.doors.lock().unwrap().clone();
            // The home host first.
            let tried = if self.conduct.moves() { (home + failures) % doors.len() } else { home };
            failures += 1;
            if let Ok(client) = doors[tried].enter(&self.account, &self.resource) {
                failures = 0;
                self.listen(client.into_socket(), tried);
            }
            thread::sleep(A_WHILE);
        }
    }

    /// The host where it should be; waits while that is none. `None`: it ends.
    fn wanted_host(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            match state.wanted {
                Wanted::On(host) => return Some(host),
                Wanted::Ended => return None,
                Wanted::Away => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn listen(self: &Arc<Client>, mut socket: TcpStream, host: usize) {
        socket.set_read_timeout(None).expect("it is a socket");
        let session = {
            let mut state = self.state();
            let writer = socket.try_clone().expect("it is a socket");
            state.sessions += 1;
            state.stream = Some(Stream { socket: writer, host });
            if !matches!(state.wanted, Wanted::On(_)) {
                let _ = socket.shutdown(Shutdown::Both);
            }
            state.sessions
        };
        self.conduct.begins(self);
        self.send(self.conduct.greeting());
        let (mut stanzas, mut buffer) = (Stanzas::default(), [0; 64 * 1024]);
        while let Ok(count @ 1..) = socket.read(&mut buffer) {
            stanzas.feed(&buffer[..count], |xml| {
                self.conduct.hears(self, &Stanza::read(xml), xml);
            });
        }
        self.state().stream = None;
        self.conduct.ends(self, session);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A continuous load of requests.
pub struct Load {
    stop: Arc<Mutex<bool>>,
    thread: thread::JoinHandle<()>,
}

impl Load {
    /// Has `ask` called so often a second, with numbers from 0 on.
    pub fn start(rate: usize, ask: impl Fn(usize) + Send + 'static) -> Load {
        let stop = Arc::new(Mutex::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (begun, mut asked) = (Instant::now(), 0);
            while !*stopped.lock().unwrap() {
                // A late tick makes up for missed ones.
                let due = (begun.elapsed().as_secs_f64() * rate as f64) as usize + 1;
                (asked..due).for_each(&ask);
                asked = due;
                thread::sleep(TICK);
            }
        });
        Load { stop, thread }
    }

    pub fn stop(self) {
        *self.stop.lock().unwrap() = true;
        self.thread.join().unwrap();
    }
}

/// The pause before the next login.
const A_WHILE: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(10);
