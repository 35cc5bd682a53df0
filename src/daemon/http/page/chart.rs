//! A small line chart in SVG of the last minutes.

use std::fmt::Write;

use crate::daemon::history::{Point, SPAN};
use crate::daemon::status::words;

use super::html::Html;

/// A figure with the line through `points`, the oldest first, and the same in words.
pub(super) fn figure(html: &mut Html, name: &str, points: &[Point]) {
    let most = points.iter().map(|p| p.per_second).fold(0.0, f64::max);
    let last = points.last().map_or(0.0, |p| p.per_second);
    let words = match most {
        0.0 => "none".to_owned(),
        _ => format!("{}/s now, at most {}/s", words::rate(last), words::rate(most)),
    };
    html.element("figure", &[], |html| {
        html.element("figcaption", &[], |html| {
            html.leaf("span", &[("class", "name")], name);
            html.text(" ");
            html.leaf("span", &[("class", "muted")], &words);
        });
        let label = format!("{name}, the last 10 minutes: {words}");
        let view = format!("0 0 {WIDTH} {HEIGHT}");
        let attributes = [
            ("role", "img"),
            ("aria-label", label.as_str()),
            ("viewBox", &view),
            ("preserveAspectRatio", "none"),
        ];
        html.element("svg", &attributes, |html| {
            let floor = format!("M0 {FLOOR}H{WIDTH}");
            html.element("path", &[("class", "floor"), ("d", &floor)], |_| {});
            if most > 0.0 {
                let (line, area) = paths(points, most);
                html.element("path", &[("class", "area"), ("d", &area)], |_| {});
                html.element("path", &[("class", "line"), ("d", &line)], |_| {});
            }
        });
    });
}

/// The line, and what is below it.
fn paths(points: &[Point], most: f64) -> (String, String) {
    let mut line = String::new();
    let x = |p: &Point| (1.0 - p.ago.as_secs_f64() / SPAN.as_secs_f64()).clamp(0.0, 1.0) * WIDTH;
    for (place, point) in points.iter().enumerate() {
        let command = if place == 0 { 'M' } else { 'L' };
        let y = FLOOR - point.per_second / most * (FLOOR - CEILING);
        let _ = write!(line, "{command}{:.1} {y:.1}", x(point));
    }
    let [first, last] = [points.first(), points.last()].map(|p| p.map_or(0.0, x));
    let area = format!("{line}L{last:.1} {FLOOR}L{first:.1} {FLOOR}Z");
    (line, area)
}

/// The size of the drawing in its own units; the style sheet says how large it appears.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 50.0;
/// The heights of zero and of the highest value, with room for the thickness of the line.
const FLOOR: f64 = 48.0;
const CEILING: f64 = 3.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_most_is_at_the_top_and_now_at_the_right() {
        let point = |ago, per_second| Point { ago: Duration::from_secs(ago), per_second };
        let (line, area) = paths(&[point(600, 0.0), point(300, 5.0), point(0, 10.0)], 10.0);
        assert_eq!(line, "M0.0 48.0L150.0 25.5L300.0 3.0");
        assert_eq!(area, "M0.0 48.0L150.0 25.5L300.0 3.0L300.0 48L0.0 48Z");
    }
}
