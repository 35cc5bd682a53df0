//! The Debian package on a clean Debian, booted with its own systemd, and the container image's
//! content by itself.
//!
//! | file | what is in it |
//! |---|---|
//! | package | the package, as packaging/deb makes it, and others made from it |
//! | machine | a copy of target/debian-12 or -13 that runs, in namespaces |
//! | service | the daemon there, on the built-in server, with a user who sends requests all the time |
//! | install, upgrade | what an operator does, and the results |
//! | image | the static program in an empty folder |

mod image;
mod install;
mod machine;
mod manual;
mod package;
mod service;
mod upgrade;
