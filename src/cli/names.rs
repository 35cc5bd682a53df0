//! What `jat-proxy token inspect` prints for mirrors and aliases.

use crate::config::{ComponentConfig, Config};
use crate::jat::address::Address;
use crate::jat::alias::{self, Holder};
use crate::jat::mirror::{self, Form};
use crate::jat::prepared;
use crate::jat::settings::Settings;
use crate::jat::two_way::TwoWay;
use crate::misleading::printable;

use super::Exit;

/// What a mirror says, and with a configuration whether the target may write to it; `None` if the
/// address is not a mirror.
pub(super) fn mirror(address: &Address<'_>, config: Option<&Config>) -> Option<(String, Exit)> {
    let node = address.node()?;
    let mut room = String::new();
    let (user, face, is_signed) = mirror::inspect(node, &mut room).ok()?;
    let form = if is_signed { "signed" } else { "clear" };
    let (domain, node_of_face) = (address.domain(), face);
    let face = if face.is_empty() { domain.to_owned() } else { format!("{face}@{domain}") };
    let resource = address.resource().map(|it| format!("/{it}")).unwrap_or_default();
    let user = printable(&format!("{user}{resource}"));
    let text =
        format!("kind      mirror, {form}\nuser      {user}\nface      {}\n", printable(&face));
    let Some(config) = config else { return Some((text, Exit::Success)) };
    let (verdict, exit) = match both_ways(config, address, node_of_face) {
        Err(why) => (format!("no: {why}"), Exit::Data),
        Ok((settings, two_way)) => {
            let mut room = String::new();
            // It has been read before.
            let form = settings.mirrors(two_way).read(node, &mut room).ok()?.form;
            match form {
                Form::Signed { kid } => (format!("yes, by name key {kid}"), Exit::Success),
                Form::Clear { initiated: true } => {
                    ("yes: the user's domain is in `initiate`".to_owned(), Exit::Success)
                }
                Form::Clear { initiated: false } => (
                    "no: it is not signed, and the user's domain is not in `initiate`".to_owned(),
                    Exit::Data,
                ),
                Form::Forged => (
                    "no: not signed for this user, face and target with a name key of the ring"
                        .to_owned(),
                    Exit::Data,
                ),
            }
        }
    };
    Some((format!("{text}verifies  {verdict}\n"), exit))
}

/// What an alias shows, and with a configuration which resource it stands for; `None` if the text
/// is not an alias. Without an address it is taken as an alias at one of the domains themselves.
pub(super) fn alias(
    address: Option<&Address<'_>>,
    text: &str,
    config: Option<&Config>,
) -> Option<(String, Exit)> {
    let alias::Outside { kid, resource_bytes } = alias::inspect(text)?;
    let mut said = format!("version   1\nkind      2 (alias)\nkey       name key {kid}\n");
    let Some(config) = config else {
        said += &format!("resource  {resource_bytes} bytes, sealed; -c FILE opens it\n");
        return Some((said, Exit::Success));
    };
    let node = address.and_then(Address::node).unwrap_or_default();
    let node = prepared::node_or_as_it_stands(node);
    let opened = config.components.iter().find_map(|component| {
        let it = component.service_of(&node)?;
        let two_way = it.two_way.as_deref()?;
        let face = match address {
            Some(address) if !address.is_at(it.domain.as_str()) => return None,
            Some(address) => address.normal_bare(),
            None => it.domain.as_str().into(),
        };
        let mut resource = String::new();
        let target = it.target.bare().as_str();
        let holder = Holder { face: &face, target };
        alias::open(&two_way.names, &holder, text, &mut resource)?;
        Some((resource, face.into_owned(), target.to_owned()))
    });
    let (rest, exit) = match opened {
        Some((resource, face, target)) => (
            format!(
                "resource  {}\nverifies  yes, at {} for {target}\n",
                printable(&resource),
                printable(&face)
            ),
            Exit::Success,
        ),
        None => {
            let told = match address {
                None => "; if it is that of an address with a node, give both: NODE@DOMAIN/ALIAS",
                Some(_) => "",
            };
            (
                format!(
                    "resource  {resource_bytes} bytes, sealed\nverifies  no: not made for this face \
                     and target with a name key of the ring{told}\n"
                ),
                Exit::Data,
            )
        }
    };
    Some((said + &rest, exit))
}

/// The service of the face with this node where the address is at, if it relays more than requests
/// of users.
fn both_ways<'a>(
    config: &'a Config,
    address: &Address<'_>,
    face: &str,
) -> Result<(&'a Settings, &'a TwoWay), &'static str> {
    let is_it = |it: &&ComponentConfig| address.is_at(it.settings.domain.as_str());
    let component = config.components.iter().find(is_it).ok_or("no component has this domain")?;
    let settings = component.service_of(face).ok_or("the component has no such face")?;
    let two_way = settings.two_way.as_deref();
    Ok((settings, two_way.ok_or("the component relays requests of users alone")?))
}
