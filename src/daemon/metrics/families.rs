//! Metric families as text, in both forms of an exposition.

use std::fmt::Display;

use super::Format;
use super::reading::Label;

/// An exposition that is being written.
pub(super) struct Families {
    format: Format,
    text: String,
}

impl Families {
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text += "# EOF\n";
        }
        self.text
    }

    pub(super) fn counters<'a, const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; LABELS], u64)>,
    ) {
        self.family(name, ("counter", "_total"), help, series);
    }

    pub(super) fn gauges<'a, const LABELS: usize, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; LABELS], V)>,
    ) {
        self.family(name, ("gauge", ""), help, series);
    }

    /// What does not change while the process runs.
    pub(super) fn info<const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [Label<'_>; LABELS],
    ) {
        self.family(name, ("info", "_info"), help, [(labels, 1)]);
    }

    /// A family of this type, whose samples' names end like this. The help is written as it is.
    fn family<'a, const LABELS: usize, V: Display>(
        &mut self,
        name: &str,
        (type_, suffix): (&str, &str),
        help: &str,
        series: impl IntoIterator<Item = ([Label<'a>; LABELS], V)>,
    ) {
        let text = &mut self.text;
        match self.format {
            Format::OpenMetrics => {
                *text += &format!("# HELP {name} {help}\n# TYPE {name} {type_}\n");
                if let Some((_, unit)) = name.rsplit_once('_').filter(|(_, it)| UNITS.contains(it))
                {
                    *text += &format!("# UNIT {name} {unit}\n");
                }
            }
            // A family has the name of its samples, and there are neither units nor `info`.
            Format::Classic => {
                let type_ = if type_ == "info" { "gauge" } else { type_ };
                *text += &format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {type_}\n");
            }
        }
        for (labels, value) in series {
            *text += name;
            *text += suffix;
            let mut before = '{';
            for (label, value) in &labels {
                *text += &format!("{before}{label}=\"{}\"", escaped(value));
                before = ',';
            }
            *text += if LABELS > 0 { "} " } else { " " };
            *text += &format!("{value}\n");
        }
    }
}

/// A label's value, which may be any text.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A metric whose name ends with one of these is in that unit.
const UNITS: [&str; 2] = ["seconds", "bytes"];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut out = Families::new(format);
        out.counters("a", "Many.", [([("x", "# y".into())], 1), ([("x", "\\\"\n".into())], 2)]);
        out.gauges("b_bytes", "Much.", [([], -2)]);
        out.info("c", "What.", [("version", "1".into()), ("z", "".into())]);
        out.finish()
    }

    #[test]
    fn openmetrics_has_units_and_an_end() {
        let text = "\
# HELP a Many.
# TYPE a counter
a_total{x=\"# y\"} 1
a_total{x=\"\\\\\\\"\\n\"} 2
# HELP b_bytes Much.
# TYPE b_bytes gauge
# UNIT b_bytes bytes
b_bytes -2
# HELP c What.
# TYPE c info
c_info{version=\"1\",z=\"\"} 1
# EOF
";
        assert_eq!(written(Format::OpenMetrics), text);
    }

    #[test]
    fn in_the_older_form_families_are_called_as_their_samples() {
        let text = "\
# HELP a_total Many.
# TYPE a_total counter
a_total{x=\"# y\"} 1
a_total{x=\"\\\\\\\"\\n\"} 2
# HELP b_bytes Much.
# TYPE b_bytes gauge
b_bytes -2
# HELP c_info What.
# TYPE c_info gauge
c_info{version=\"1\",z=\"\"} 1
";
        assert_eq!(written(Format::Classic), text);
    }
}
