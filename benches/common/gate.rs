//! Ratios that must hold.

use std::process;

/// Targets, and whether each was met.
#[derive(Default)]
pub struct Gates {
    lines: Vec<(bool, String)>,
}

impl Gates {
    pub fn at_least(&mut self, what: String, figure: f64, target: f64) {
        self.lines.push((figure >= target, format!("{what}: {figure:.2}, at least {target}")));
    }

    pub fn at_most(&mut self, what: String, figure: f64, target: f64) {
        self.lines.push((figure <= target, format!("{what}: {figure:.2}, at most {target}")));
    }

    /// Prints all, and ends the process with an error if one was missed.
    pub fn finish(self) {
        println!("\n| target | met |\n|---|---|");
        for (met, line) in &self.lines {
            println!("| {line} | {} |", if *met { "yes" } else { "NO" });
        }
        if self.lines.iter().any(|(met, _)| !met) {
            process::exit(1);
        }
    }
}
