//! What happens to a cluster, one scenario after another.

mod chat;
mod death;
mod flapping;
mod healing;
mod joining;
mod longer;
mod partition;
mod replicas;
mod rotation;
mod steady;
