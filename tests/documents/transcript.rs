//! Compares what a document shows with what was printed, line by line.

/// # Panics
/// When they differ in more than [`normal`] removes.
pub fn assert_shown(document: &str, shown: &str, printed: &str) {
    let [shown, printed] = [shown, printed].map(normal);
    assert!(shown == printed, "{document} shows\n\n{shown}\nbut this was printed:\n\n{printed}");
}

/// The text with what varies from run to run replaced by its name: times, ports, the version, rates,
/// the number of presence stanzas; and the domain of our test servers' accounts, which is
/// some-domain.example in the documents.
fn normal(text: &str) -> String {
    let text = text.replace(test_support::interop::server::HOST, "some-domain.example");
    let mut normal = String::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let inside = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
        let word = &rest[..rest.find(|c| !inside(c)).unwrap_or(rest.len())];
        let before = normal.trim_end();
        let behind = &rest[word.len()..];
        normal += match () {
            () if before.ends_with("presence-used") => "COUNT",
            () if behind.starts_with("/s over ") => "RATE",
            () if before.ends_with("/s over") => "PERIOD",
            () => name(word).unwrap_or(word),
        };
        rest = &rest[word.len()..];
        let between = rest.find(inside).unwrap_or(rest.len());
        normal += &rest[..between];
        rest = &rest[between..];
    }
    normal + "\n"
}

fn name(word: &str) -> Option<&'static str> {
    let numbers = |text: &str, n| {
        let parts: Vec<&str> = text.split('.').collect();
        parts.len() == n && parts.iter().all(|it| it.parse::<u32>().is_ok())
    };
    if word.len() >= 20 && word.ends_with('Z') && word[..4].parse::<u32>().is_ok() {
        return Some("TIME");
    }
    match word.split_once(':') {
        Some((host, port)) if numbers(host, 4) && numbers(port, 1) => Some("127.0.0.1:PORT"),
        None if numbers(word, 3) => Some("VERSION"),
        _ => None,
    }
}

/// The lines of a log without their times.
pub fn without_times(log: &str) -> String {
    let line = |line: &str| line.split_once(' ').expect("a time").1.trim_start().to_owned() + "\n";
    log.lines().map(line).collect()
}

#[test]
fn only_what_varies_is_taken_away() {
    let text =
        "jat-proxy 0.1.0, since 2026-11-22T16:23:44Z\n  x@host.example/a  127.0.0.1:5347\n\n";
    let expected = "jat-proxy VERSION, since TIME\n  x@some-domain.example/a  127.0.0.1:PORT\n";
    assert_eq!(normal(text), expected);
    assert_eq!(normal("relayed  0.1/s over 40s\n a"), "relayed  RATE/s over PERIOD\n a\n");
    assert_eq!(normal("presence-used   4"), "presence-used   COUNT\n");
    assert_eq!(normal("backlog 0 bytes, key 1 of 1.2"), "backlog 0 bytes, key 1 of 1.2\n");
    assert_eq!(without_times("2026-11-22T16:23:44.1Z  INFO up\n"), "INFO up\n");
}
