//! Upgrades in place (SIGUSR2): the real program, on the built-in server, which shows single
//! bytes. What it does under load on real servers is in the interop tests.

mod changes;
mod encrypted;
mod faults;
mod http;
mod kept;
mod meanwhile;
mod nothing_lost;
mod older;
mod refused;
mod relay;
mod signals;
