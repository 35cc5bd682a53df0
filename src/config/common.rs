//! What all components share.

use std::sync::Arc;

use crate::jat::keyring::Keyring;
use crate::jat::name_keys::NameKeys;
use crate::session::Bounds;

use super::server::Server;

/// Read before the tables of the components.
pub(super) struct Common {
    /// That of components that have none of their own.
    pub server: Server,
    pub bounds: Bounds,
    pub keyring: Arc<Keyring>,
    pub name_keys: Option<Arc<NameKeys>>,
    pub reply_ttl: u64,
}
