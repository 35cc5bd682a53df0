//! `answer`, `identity` and `features`: what the proxy answers itself.

use crate::jat::own_answers::{Discovery, OwnAnswers};
use crate::named;
use crate::stanza::discovery::{INFO, ITEMS, Identity, Item, PING};

use super::problem::{Position, Problem};
use super::table::Table;
use super::value::Value;
use super::words;

named! {
    /// What can be answered.
    enum Word {
        Disco = "disco",
        Ping = "ping",
    }
}

/// `None` where the target gets everything, or where there is a problem. `items`: of the faces that
/// are listed, and where each of them says so.
pub(super) fn read(
    table: &mut Table<'_>,
    items: Vec<(Item, Position)>,
    problems: &mut Vec<Problem>,
) -> Option<OwnAnswers> {
    let words = Word::ALL.map(|word| (word.name(), word));
    let answer = table.optional("answer", problems, Ok);
    let answered = match answer {
        Some(value) => words::read(value, EXAMPLE, &words, problems),
        None => Some(Vec::new()),
    };
    let has = |word| answered.as_ref().is_some_and(|words| words.contains(&word));
    let lacks_disco = answered.is_some() && !has(Word::Disco);
    let identity = table.optional("identity", problems, Ok);
    let features = table.optional("features", problems, Ok);
    for value in [identity, features].into_iter().flatten().filter(|_| lacks_disco) {
        let message = format!("`{}` has no effect without \"disco\" in `answer`", value.key());
        problems.push(value.error(message, format!("for example: {EXAMPLE}; or remove it")));
    }
    for (_, place) in items.iter().filter(|_| lacks_disco) {
        let message = "`listed` has no effect without \"disco\" in `answer` of the component";
        let hint = format!("for example: {EXAMPLE}; or remove it");
        problems.push(Problem::error(place.clone(), message, hint));
    }
    let identity = identity.and_then(|value| self::identity(value, problems));
    let ping = has(Word::Ping);
    let features = features.and_then(|value| self::features(value, ping, problems));
    let discovery = has(Word::Disco).then(|| Discovery {
        identity: identity.unwrap_or_default(),
        features: features.unwrap_or_default(),
        items: items.into_iter().map(|(item, _)| item).collect(),
    });
    OwnAnswers::new(ping, discovery)
}

fn identity(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Identity> {
    let table = Table::of(value, "identity").map_err(|problem| problems.push(problem));
    let mut table = table.ok()?;
    let default = Identity::default();
    let category = table.optional("category", problems, word);
    let type_ = table.optional("type", problems, word);
    let name = table.optional("name", problems, name);
    table.finish(problems);
    Some(Identity {
        category: category.unwrap_or(default.category),
        type_: type_.unwrap_or(default.type_),
        name,
    })
}

/// A word that the registry for service discovery could have.
fn word(value: Value<'_>) -> Result<String, Problem> {
    let text = value.text()?;
    if text.is_empty() || text.contains(char::is_whitespace) || !is_legal(text) {
        let message = format!("in `identity`: `{}` must be a word", value.key());
        return Err(value.error(message, format!("for example: {IDENTITY}")));
    }
    Ok(text.to_owned())
}

fn name(value: Value<'_>) -> Result<String, Problem> {
    let text = value.text()?;
    if text.trim().is_empty() || !is_legal(text) {
        let message = "in `identity`: this can't be shown as a name";
        return Err(value.error(message, "use letters, digits and spaces, or remove it"));
    }
    Ok(text.to_owned())
}

fn features(value: Value<'_>, ping: bool, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    let items = value.items(FEATURES).map_err(|problem| problems.push(problem)).ok()?;
    let mut features: Vec<String> = Vec::new();
    let mut is_faulty = false;
    for item in items {
        let feature = feature(item).and_then(|feature| {
            let is_ours = [INFO, ITEMS].contains(&feature) || ping && feature == PING;
            if is_ours || features.iter().any(|known| known == feature) {
                let message = "in `features`: this is always listed";
                return Err(item.error(message, "remove it"));
            }
            Ok(feature)
        });
        match feature {
            Ok(feature) => features.push(feature.to_owned()),
            Err(problem) => {
                is_faulty = true;
                problems.push(problem);
            }
        }
    }
    (!is_faulty).then_some(features)
}

fn feature<'a>(item: Value<'a>) -> Result<&'a str, Problem> {
    let text = item.text()?;
    if text.is_empty() || text.contains(char::is_whitespace) || !is_legal(text) {
        let message = "in `features`: this is not a feature";
        return Err(item.error(message, format!("for example: {FEATURES}")));
    }
    Ok(text)
}

/// Whether it can stand in a stanza.
fn is_legal(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

const EXAMPLE: &str = "answer = [\"disco\", \"ping\"]";
const IDENTITY: &str =
    "identity = { category = \"component\", type = \"generic\", name = \"Our service\" }";
const FEATURES: &str = "features = [\"jabber:iq:version\"]";
