//! Characters of texts from outside that are not shown to people as they are: in `status`, on
//! the page, in what is said of a configuration, and where a program or a certificate is quoted.

/// Control characters, those of the writing direction, line ends, those that can't be seen
/// (Unicode's categories Cf, Zl and Zp, and `Default_Ignorable_Code_Point`), and what is no
/// character.
pub(crate) fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Those of them that join characters into one, as in Persian names and in emoji: they may stay in
/// text that is not meant to be copied.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// `text` with an escape for each such character.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_misleading(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `document`, which is JSON, with an escape of JSON's for each such character: what it says stays
/// the same. White space between its parts stays.
pub(crate) fn printable_json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if is_misleading(c) && !matches!(c, '\n' | '\r' | '\t') {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_talked_to() {
        assert_eq!(printable("a😀\u{1b}[2J\n\u{202e}"), "a😀\\u{1b}[2J\\n\\u{202e}");
        let plain = "Müller ☃ שלום الله ひらがな 🚀 ﷽";
        assert_eq!(printable(plain), plain);
        for c in "\0\u{9b}\u{ad}\u{200b}\u{202e}\u{2066}\u{3164}\u{fff9}\u{fffe}\u{e0041}".chars() {
            assert!(is_misleading(c), "{:?}", c);
        }
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\u{9b}2J\u{202e}\u{e0041}b😀";
        let document = serde_json::json!({ "a": text }).to_string() + "\n";
        let shown = printable_json(&document);
        assert!(!shown.trim_end().contains(is_misleading), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["a"], text);
    }
}
