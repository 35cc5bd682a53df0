//! Several services at the domain: one for a name, one for a pattern, and that of the domain itself,
//! all with one target. Each has its own view of the target's resources.

use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::face_table::Face;
use jat_core::jat::glob::Glob;
use jat_core::jat::settings::Settings;

/// The services of a replica with these settings: some of
/// [`NODES`](crate::traffic::NODES) have faces of their own.
pub fn arranged(own: Settings) -> Arrangement {
    let dispatch = match own.dispatch {
        Dispatch::Sticky => Dispatch::Random,
        Dispatch::Random | Dispatch::Priority => Dispatch::Sticky,
    };
    let pattern = Face::Nodes(Glob::new("n*").expect("a pattern"));
    let faces = vec![
        (Face::Node("room".to_owned()), Settings { dispatch, ..own.clone() }),
        (pattern, own.clone()),
    ];
    Arrangement { own: Some(own), faces }
}
