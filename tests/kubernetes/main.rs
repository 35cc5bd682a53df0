//! packaging/kubernetes: the manifests are valid and consistent, and jat-proxy works as they say.
//!
//! | file | what is in it |
//! |---|---|
//! | manifests | the objects of a layout, as the kustomize of the real kubectl builds them |
//! | schemas | the objects fit the schemas of Kubernetes and of the Prometheus operator |
//! | agreement | everything that they refer to exists and fits |
//! | page | the commands of docs/kubernetes.md |
//! | pod | a pod as kubelet makes it, without kubelet: namespaces, files, environment |
//! | replica | a replica in a pod of each layout, from its start to its end |
//! | ejabberd | the configuration of ejabberd, on real servers |
//!
//! `install` puts what they need below target/.

#[macro_use]
extern crate test_support;

mod agreement;
mod ejabberd;
mod manifests;
mod page;
mod pod;
mod replica;
mod schemas;
