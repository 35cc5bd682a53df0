//! Text as it is written into XML.

use crate::chunk::{self, Chunk};

/// Appends `name='value'`, escaped so that every parser reads exactly `value`.
pub fn write_attribute(name: &str, value: &str, output: &mut Vec<u8>) {
    output.extend(name.as_bytes());
    output.extend(b"='");
    write_escaped(value, output);
    output.push(b'\'');
}

/// Appends `text` so that it can stand in an attribute or between tags.
pub fn write_escaped(text: &str, output: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // A rough check: what has to be escaped, and some more.
    let suspicious = |chunk: Chunk| chunk.below(b'\'' + 1) | chunk.with(3).equal(b'<' | 3);
    if chunk::every(bytes, suspicious, |_| false) {
        output.extend(bytes);
        return;
    }
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\'' => b"&apos;",
            b'"' => b"&quot;",
            b'\t' => b"&#9;",
            b'\n' => b"&#10;",
            b'\r' => b"&#13;",
            _ => continue,
        };
        output.extend(&bytes[copied..at]);
        output.extend(escape);
        copied = at + 1;
    }
    output.extend(&bytes[copied..]);
}

#[cfg(test)]
mod tests {
    use xmpp_parsers::minidom::Element;

    use super::*;

    #[test]
    fn every_character_is_read_as_it_was_written() {
        let legal = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}');
        for block in (0..0x3000_u32).step_by(0x100) {
            let text: String =
                (block..block + 0x100).filter_map(char::from_u32).filter(legal).collect();
            let mut output = b"<a xmlns='urn:a' ".to_vec();
            write_attribute("b", &text, &mut output);
            output.push(b'>');
            write_escaped(&text, &mut output);
            output.extend(b"</a>");
            let element: Element = str::from_utf8(&output).unwrap().parse().unwrap();
            assert_eq!((element.attr("b"), element.text()), (Some(&*text), text.clone()));
        }
    }
}
