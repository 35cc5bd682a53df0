//! packaging/kubernetes: what is in it fits Kubernetes and itself, and jat-proxy works where it says.
//!
//! | file | what is in it |
//! |---|---|
//! | manifests | the objects of a layout, as the kustomize of the real kubectl builds them |
//! | schemas | they fit the schemas of Kubernetes, and those of the Prometheus operator its types |
//! | agreement | what they name exists, and agrees with what others say of it |
//! | page | the commands of docs/kubernetes.md |
//! | pod | what kubelet makes of a pod, without it: namespaces, files, environment |
//! | replica | a replica in a pod of each layout, from its start to its end |
//! | ejabberd | the configuration of ejabberd, on real ones |
//!
//! What they need, `install` puts below target/.

#[macro_use]
extern crate test_support;

mod agreement;
mod ejabberd;
mod manifests;
mod page;
mod pod;
mod replica;
mod schemas;
