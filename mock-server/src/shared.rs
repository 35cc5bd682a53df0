//! What the handles and tasks of one server share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::login::Login;
use crate::options::Options;
use crate::router::Router;

/// A server without its listener.
pub(crate) struct Shared {
    pub(crate) options: Options,
    router: Mutex<Router>,
    login: Mutex<Login>,
    accepted: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            router: Mutex::new(Router::new(&options)),
            login: Mutex::new(Login::Normal),
            accepted: AtomicUsize::new(0),
            options,
        }
    }

    pub(crate) fn router(&self) -> MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn login(&self) -> Login {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How connections that are accepted from now on are logged in.
    pub(crate) fn set_login(&self, login: Login) {
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = login;
    }

    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}
