//! `[[component.face]]` tables: services of their own at one domain.

use std::collections::HashMap;

use jid::DomainPart;

use crate::jat::face_table::Face;
use crate::jat::glob::Glob;
use crate::jat::two_way::Faces;
use crate::stanza::discovery::Item;

use super::common::Common;
use super::patterns;
use super::problem::{Position, Problem};
use super::service::{self, Service};
use super::table::Table;
use super::value::Value;

/// A face as its table has it, before it is compared with the others.
pub(super) struct FaceDraft {
    pub face: Face,
    pub service: Service,
    /// Where it says that it is listed.
    listed: Option<Position>,
    /// Where its node is written.
    place: Position,
}

/// The faces of the component whose table `outer` is; `None` where one can't be read.
pub(super) fn read(
    outer: &mut Table<'_>,
    domain: Option<&DomainPart>,
    common: &Common,
    problems: &mut Vec<Problem>,
) -> Option<Vec<FaceDraft>> {
    if !outer.has("face") {
        // So that `face` counts as a known key.
        outer.optional("face", problems, Ok);
        return Some(Vec::new());
    }
    let tables = outer.optional("face", problems, |value| {
        let tables = Table::each_of(value, "[[component.face]]")?;
        match tables.is_empty() {
            true => Err(value.error("there is no face", format!("write: {EXAMPLE}"))),
            false => Ok(tables),
        }
    })?;
    let count = tables.len();
    let read =
        |table: Table<'_>| FaceDraft::read(table.inheriting(outer), domain, common, problems);
    let faces: Vec<_> = tables.into_iter().filter_map(read).collect();
    (faces.len() == count).then_some(faces)
}

impl FaceDraft {
    fn read(
        mut table: Table<'_>,
        domain: Option<&DomainPart>,
        common: &Common,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let node = table.required("node", EXAMPLE_NODE, problems, node);
        let target = service::target(&mut table, true, problems);
        // Even if the node can't be read, the other keys can.
        let relayed = node.as_ref().map(|(_, relayed, _)| relayed.clone()).unwrap_or_default();
        let service = Service::read(&mut table, Some(&relayed), domain, target, common, problems);
        table.refuse("faces", problems, |value| {
            let hint = "write a [[component.face]] for each name";
            value.error("`faces` is a key of the component alone", hint)
        });
        let listed = table
            .optional("listed", problems, |it| Ok(it.boolean()?.then(|| it.place())))
            .flatten();
        if let (Some(place), Some((Face::Nodes(glob), ..))) = (&listed, &node) {
            problems.push(Problem::error(
                place.clone(),
                format!("{:?} is a pattern, and a list has addresses", glob.as_str()),
                "remove `listed`, or write a [[component.face]] for each name to list",
            ));
        }
        table.finish(problems);
        let (face, _, place) = node?;
        Some(Self { face, service: service?, listed, place })
    }
}

/// What service discovery lists of these faces of `domain`, and where each says so.
pub(super) fn listed(faces: &[FaceDraft], domain: &DomainPart) -> Vec<(Item, Position)> {
    let item = |draft: &FaceDraft| match &draft.face {
        // A list that contains the domain itself would send clients round in circles.
        Face::Node(node) if !node.is_empty() => {
            let item = Item { address: format!("{node}@{domain}"), name: None };
            Some((item, draft.listed.clone()?))
        }
        Face::Node(_) | Face::Nodes(_) => None,
    };
    faces.iter().filter_map(item).collect()
}

/// Compares the faces of one component with each other, and with the domain itself.
pub(super) fn compare(own: Option<&Service>, faces: &[FaceDraft], problems: &mut Vec<Problem>) {
    let mut before: HashMap<&str, &FaceDraft> = HashMap::new();
    for draft in faces {
        let name = draft.face.as_str();
        if let Some(first) = before.get(name) {
            problems.push(Problem::error(
                draft.place.clone(),
                format!("the face {name:?} already exists, in line {}", first.place.line),
                "give each face a node of its own",
            ));
        } else {
            before.insert(name, draft);
        }
        if let Some(own) = own {
            draft.compare_own(own, problems);
        }
    }
    for (index, draft) in faces.iter().enumerate() {
        let mut others = faces[..index].iter().filter(|other| {
            other.face != draft.face && other.face.exactness() == draft.face.exactness()
        });
        if let Face::Nodes(glob) = &draft.face
            && let Some(other) =
                others.find(|it| matches!(&it.face, Face::Nodes(it) if it.overlaps(glob)))
        {
            problems.push(Problem::error(
                draft.place.clone(),
                format!(
                    "some nodes match {:?} and {:?} in line {}, and neither is more specific",
                    glob.as_str(),
                    other.face.as_str(),
                    other.place.line
                ),
                "the pattern with more characters other than `*` and `?` wins: make one of them \
                 more specific",
            ));
        }
    }
}

impl FaceDraft {
    /// Compares it with the service of the domain itself.
    fn compare_own(&self, own: &Service, problems: &mut Vec<Problem>) {
        if self.face == Face::Node(String::new()) {
            problems.push(Problem::error(
                self.place.clone(),
                "the domain itself is the face of the component's own target-address",
                "remove this face, or the target-address of the component",
            ));
        }
        let Some(two_way) = &own.settings.two_way else { return };
        let takes = |short: &&Glob| match &self.face {
            Face::Node(node) => node == short.as_str(),
            Face::Nodes(glob) => {
                let exactness = Face::Nodes((*short).clone()).exactness();
                self.face.exactness() <= exactness && glob.overlaps(short)
            }
        };
        if let Some(short) = two_way.faces.0.iter().find(takes) {
            problems.push(Problem::error(
                self.place.clone(),
                format!("`faces` of the component has {:?} too", short.as_str()),
                "remove it there; a face without a target-address has that of the component",
            ));
        }
    }
}

/// The node of a face; the second is the same in the words of `faces`.
fn node(value: Value<'_>) -> Result<(Face, Faces, Position), Problem> {
    let text = value.text()?;
    if text.is_empty() {
        return Ok((Face::Node(String::new()), Faces::default(), value.place()));
    }
    let glob = patterns::face(text)
        .map_err(|(message, hint)| value.error(format!("in `node`: {message}"), hint))?;
    let face = match glob.is_name() {
        true => Face::Node(glob.as_str().to_owned()),
        false => Face::Nodes(glob.clone()),
    };
    Ok((face, Faces([glob].into()), value.place()))
}

const EXAMPLE: &str = "[[component.face]], in double brackets";
const EXAMPLE_NODE: &str = "node = \"some-name\", or for the domain itself: node = \"\"";
