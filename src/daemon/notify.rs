//! Messages to the service manager (sd_notify(3)), which is never waited for.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The connection to the service manager.
pub(super) struct Manager {
    /// `None` if there is none.
    address: Option<SocketAddr>,
    socket: Option<UnixDatagram>,
}

impl Manager {
    /// The one that the environment names.
    pub(super) fn of_this_process() -> Self {
        let name = env::var_os("NOTIFY_SOCKET");
        Self { address: name.and_then(|name| address(&name).ok()), socket: None }
    }

    /// Sends it `state`, one of those of sd_notify(3). Returns whether that was possible: a
    /// manager that does not read has no room at some point.
    pub(super) fn tell(&mut self, state: &str) -> bool {
        let Some(address) = &self.address else { return true };
        if self.socket.is_none() {
            self.socket = open().ok();
        }
        let socket = self.socket.as_ref();
        socket.is_some_and(|socket| socket.send_to_addr(state.as_bytes(), address).is_ok())
    }
}

/// The path of a socket, or with `@` the name of an abstract one.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
        _ => SocketAddr::from_pathname(name),
    }
}

fn open() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
