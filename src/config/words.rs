//! Lists of known words, each at most once.

use super::problem::Problem;
use super::table::similar;
use super::value::Value;

/// What the words of a list mean; `None` if any of them is wrong.
pub(super) fn read<T: Copy + PartialEq>(
    value: Value<'_>,
    example: &str,
    words: &[(&'static str, T)],
    problems: &mut Vec<Problem>,
) -> Option<Vec<T>> {
    let items = value.items(example).map_err(|problem| problems.push(problem)).ok()?;
    let mut known = Vec::new();
    let mut is_faulty = false;
    for item in items {
        match word(item, words) {
            Ok((word, meaning)) if known.contains(&meaning) => {
                is_faulty = true;
                let message = format!("`{}` has {word:?} twice", value.key());
                problems.push(item.error(message, "remove one of the two"));
            }
            Ok((_, meaning)) => known.push(meaning),
            Err(problem) => {
                is_faulty = true;
                problems.push(problem);
            }
        }
    }
    (!is_faulty).then_some(known)
}

fn word<T: Copy>(
    item: Value<'_>,
    words: &[(&'static str, T)],
) -> Result<(&'static str, T), Problem> {
    let text = item.text()?;
    words.iter().find(|(word, _)| *word == text).copied().ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let hint = match similar(text, &known) {
            Some(word) => format!("did you mean {word:?}?"),
            None => {
                let known: Vec<_> = known.iter().map(|word| format!("{word:?}")).collect();
                format!("it can have {}", known.join(", "))
            }
        };
        item.error(format!("`{}` has a word that is not known", item.key()), hint)
    })
}
