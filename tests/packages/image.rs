//! The container image: the static program where nothing else is.
