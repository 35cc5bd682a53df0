//! The real daemon under a service manager: what it reports, and what happens to it when something
//! hangs.

mod daemon;
mod hangs;
mod log_output;
mod notices;
mod shim;
mod shortage;
mod standstill;
// Which calls there are differs from processor to processor.
#[cfg(target_arch = "x86_64")]
mod system_calls;
