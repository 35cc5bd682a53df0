//! What happens to a cluster, one after the other.

mod chat;
mod death;
mod joining;
mod longer;
mod partition;
mod replicas;
mod rotation;
mod steady;
