//! What happens to a cluster, one after the other.

mod chat;
mod death;
mod partition;
mod replicas;
mod rotation;
mod steady;
