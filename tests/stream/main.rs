//! The stream over real TCP, with the built-in server and its faults.

mod backlog;
mod ends;
mod fixture;
mod login;
mod orders;
mod pressure;
mod replica;
mod server_limit;
mod sisters;
mod tls_faults;
mod tls_login;
mod wrong_ports;
