//! Bytes as lower-case base32 (RFC 4648 section 6), without padding, canonical: what no server
//! changes in a node or a resource.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

/// The encoding. It refuses upper case, padding, and bits that are set behind the last byte.
pub(super) static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.encoding().expect("32 distinct symbols")
});
