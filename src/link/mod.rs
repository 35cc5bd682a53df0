//! The shell around a session: it connects, logs in, pumps bytes, and reconnects after every end of
//! a stream.
//!
//! [`component_tasks`] starts a task for each stream of a component and gives it [orders](order).
//! Each logs in, pumps bytes until the stream's end, and notes in the [`component`] what others
//! want to know of it; `snapshot` is a component handed over to the next program.

mod advice;
mod backoff;
pub mod cause;
pub mod component;
pub mod component_tasks;
mod connect;
mod end;
mod failings;
pub(crate) mod heartbeat;
mod log;
mod login;
mod login_guard;
mod lookup;
mod observations;
pub mod order;
pub mod peer;
mod port;
mod pump;
mod refusals;
pub(crate) mod snapshot;
mod socket;
pub mod stream;
mod target_log;
mod target_snapshot;
mod task;
mod tls;
mod warnings;
