//! The stream over real TCP, against the built-in server and its faults.

mod ends;
mod fixture;
mod login;
mod orders;
mod pressure;
