//! What the daemon sees, as one JSON document.
