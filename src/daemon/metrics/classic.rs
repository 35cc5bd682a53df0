//! The text format of Prometheus, version 0.0.4, from OpenMetrics.
//!
//! A family is called as its samples are there, and there are neither units nor `info`. What
//! else differs (escapes of a help text, times, exemplars) does not occur in ours.

/// `openmetrics` in the older format.
pub fn of(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // HELP stands before TYPE, which says what the family is called.
    let mut help: Option<&str> = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            if let Some(help) = help.take() {
                text += &format!("# HELP {name}{suffix} {help}\n");
            }
            text += &format!("# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_called_as_their_samples() {
        let openmetrics = "\
# HELP a Many.
# TYPE a counter
a_total{x=\"# y\"} 1
# HELP b_bytes Much.
# TYPE b_bytes gauge
# UNIT b_bytes bytes
b_bytes 2
# HELP c What.
# TYPE c info
c_info{version=\"1\"} 1
# EOF
";
        let classic = "\
# HELP a_total Many.
# TYPE a_total counter
a_total{x=\"# y\"} 1
# HELP b_bytes Much.
# TYPE b_bytes gauge
b_bytes 2
# HELP c_info What.
# TYPE c_info gauge
c_info{version=\"1\"} 1
";
        assert_eq!(of(openmetrics), classic);
    }
}
