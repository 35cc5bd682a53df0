//! What the services at one domain are configured with.

use super::face_table::Face;
use super::settings::Settings;

/// The services at one domain, and the faces that lead to them.
#[derive(Clone, Debug)]
pub struct Arrangement {
    /// The settings of the domain itself, and of each node that belongs to no face.
    pub own: Option<Settings>,
    pub faces: Vec<(Face, Settings)>,
}

impl From<Settings> for Arrangement {
    fn from(own: Settings) -> Self {
        Self { own: Some(own), faces: Vec::new() }
    }
}

impl Arrangement {
    /// The face of each service, in the same order, as configured: empty for the domain itself.
    pub(super) fn names(&self) -> Vec<String> {
        let faces = self.faces.iter().map(|(face, _)| face.as_str());
        self.own.iter().map(|_| "").chain(faces).map(str::to_owned).collect()
    }

    /// The settings of all services, beginning with that of the domain itself.
    pub(super) fn into_all(self) -> impl Iterator<Item = Settings> {
        self.own.into_iter().chain(self.faces.into_iter().map(|(_, settings)| settings))
    }
}
