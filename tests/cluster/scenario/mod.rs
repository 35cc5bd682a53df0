//! What happens to a cluster, one after the other.

mod death;
mod replicas;
mod steady;
