//! What tests of TLS share: certificates of every kind, and a port that speaks TLS.

pub mod authority;
pub mod terminator;
