//! Several services at proxy.example.

use std::sync::Arc;

use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::face_table::Face;
use jat_core::jat::glob::Glob;
use jat_core::jat::own_addresses::OwnAddresses;
use jat_core::jat::settings::Settings;
use jat_core::jat::two_way::{Faces, TwoWay};
use jid::Jid;

use crate::session::{settings, two_way};

/// A face as it is written in the configuration.
pub fn face(text: &str) -> Face {
    match text.contains(['*', '?']) {
        true => Face::Nodes(glob(text)),
        false => Face::Node(text.to_owned()),
    }
}

/// Faces and their targets, and the target of the domain itself if it has one. `all`: whether
/// everything is relayed, and not only requests.
pub fn arrangement(own: Option<&str>, faces: &[(&str, &str)], all: bool) -> Arrangement {
    let targets = own.into_iter().chain(faces.iter().map(|(_, target)| *target));
    let targets = targets.map(|it| it.parse::<Jid>().expect("an address").to_bare());
    let process = Arc::new(OwnAddresses::new([DOMAIN.parse().expect("a domain")], targets));
    let service = |face: &str, target: &str| {
        let faces = if face.is_empty() { Faces::default() } else { Faces([glob(face)].into()) };
        let two_way = || TwoWay { faces, own: Arc::clone(&process), ..two_way(&[1]) };
        Settings {
            dispatch: Dispatch::Sticky,
            two_way: all.then(|| Arc::new(two_way())),
            ..settings(DOMAIN, target)
        }
    };
    Arrangement {
        own: own.map(|target| service("", target)),
        faces: faces.iter().map(|(text, to)| (face(text), service(text, to))).collect(),
    }
}

fn glob(text: &str) -> Glob {
    Glob::new(text).expect("a glob")
}

const DOMAIN: &str = "proxy.example";
