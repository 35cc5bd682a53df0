//! Messages, presence and requests of the target, through a component that relays them: chats of
//! users with a bot at the component's addresses, on servers with the modules that people use.
//!
//! [`stage`] has what the tests share: the configuration, addresses, and users who check every byte
//! that they get.

pub(crate) mod stage;

mod account;
mod blocking;
mod commands;
mod crowd;
mod elsewhere;
mod first;
mod full;
mod hostile;
mod messages;
mod offline;
mod order;
mod people;
mod presence;
mod replicas;
mod requests;
mod rooms;
mod strangers;
