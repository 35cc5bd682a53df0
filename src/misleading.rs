//! Characters of texts from outside that are not shown to people as they are: in `status`, on
//! the page, and where a program or a certificate is quoted.

/// Control characters, those of the writing direction (Unicode's `Bidi_Control`), line ends,
/// those that can't be seen, and what is no character.
pub fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}
