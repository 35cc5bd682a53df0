//! What all tests on one kind of server share.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Kind;

/// A value for each kind of server, made when it is first needed. If that fails, it fails for all
/// tests at once.
pub struct Each<T: 'static> {
    make: fn(Kind) -> T,
    made: Mutex<BTreeMap<Kind, &'static Lazy<T>>>,
}

type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

impl<T> Each<T> {
    pub const fn new(make: fn(Kind) -> T) -> Self {
        Self { make, made: Mutex::new(BTreeMap::new()) }
    }

    pub fn of(&self, kind: Kind) -> &'static T {
        let make = self.make;
        let lazy = || &*Box::leak(Box::new(Lazy::new(Box::new(move || make(kind)))));
        // Other kinds are available while this one is made.
        let one: &'static Lazy<T> = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(kind)
            .or_insert_with(lazy);
        one
    }
}
