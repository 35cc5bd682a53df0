//! The real daemon under a service manager: what it reports, and what happens when something hangs.

mod daemon;
mod hangs;
mod log_output;
mod notices;
mod shim;
mod shortage;
mod standstill;
// The system calls differ between processors.
#[cfg(target_arch = "x86_64")]
mod system_calls;
mod wrong_secret;
