//! The stream over real TCP, against the built-in server and its faults.

mod backlog;
mod ends;
mod fixture;
mod login;
mod orders;
mod pressure;
mod server_limit;
mod sisters;
#[path = "../tls/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod tls;
mod tls_faults;
mod tls_login;
mod wrong_ports;
