//! Cuts what a server sends into stanzas, fast: there are thousands, and tests look at few.

use memchr::memchr;

/// Stanzas in which no inner element has the name of the stanza, and no attribute an unescaped `>`,
/// as ejabberd writes what these tests send.
#[derive(Default)]
pub struct Stanzas {
    rest: Vec<u8>,
}

impl Stanzas {
    /// Calls `each` with each stanza that is whole by now; anything else is skipped.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        self.rest.extend_from_slice(bytes);
        let mut done = 0;
        while let Some((start, end)) = next(&self.rest[done..]) {
            let stanza = std::str::from_utf8(&self.rest[done + start..done + end]);
            each(stanza.expect("servers send UTF-8"));
            done += end;
        }
        self.rest.drain(..done);
    }
}

/// Where the first whole stanza is.
fn next(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let start = from + memchr(b'<', &bytes[from..])?;
        let head = start + memchr(b'>', &bytes[start..])? + 1;
        let name = NAMES.into_iter().find(|name| {
            let after = bytes[start + 1..head].strip_prefix(name.as_bytes());
            after.is_some_and(|after| matches!(after[0], b' ' | b'>' | b'/'))
        });
        let Some(name) = name else {
            from = head;
            continue;
        };
        if bytes[..head].ends_with(b"/>") {
            return Some((start, head));
        }
        let close = format!("</{name}>");
        let end = memchr::memmem::find(&bytes[head..], close.as_bytes())?;
        return Some((start, head + end + close.len()));
    }
}

const NAMES: [&str; 3] = ["iq", "message", "presence"];

#[test]
fn stanzas_are_whole_however_the_bytes_are_cut() {
    let wanted = [
        "<presence/>",
        "<iq id='1'><query xmlns='q'><item/></query></iq>",
        "<message to='a'><body>b</body></message>",
    ];
    let stream = format!("<a/>{} {}{}</stream:stream>", wanted[0], wanted[1], wanted[2]);
    for cut in 0..=stream.len() {
        let (mut stanzas, mut found) = (Stanzas::default(), Vec::new());
        let (left, right) = stream.split_at(cut);
        for part in [left, right] {
            stanzas.feed(part.as_bytes(), |it| found.push(it.to_owned()));
        }
        assert_eq!(found, wanted, "cut at {cut}");
    }
}
