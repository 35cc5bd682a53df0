//! Ratios that must hold.

use std::process;

use super::form::Form;

/// Targets, and whether each was met.
pub struct Gates {
    form: Form,
    lines: Vec<(bool, String)>,
}

impl Gates {
    pub fn new(form: Form) -> Self {
        Self { form, lines: Vec::new() }
    }

    pub fn at_least(&mut self, what: String, figure: f64, target: f64) {
        self.lines.push((figure >= target, format!("{what}: {figure:.2}, at least {target}")));
    }

    pub fn at_most(&mut self, what: String, figure: f64, target: f64) {
        self.lines.push((figure <= target, format!("{what}: {figure:.2}, at most {target}")));
    }

    /// Prints all, and ends the process with an error if one was missed, unless this is the short
    /// form: then a busy machine would fail it.
    pub fn finish(self) {
        println!("\n| target | met |\n|---|---|");
        for (met, line) in &self.lines {
            let met = self.form.pick(if *met { "yes" } else { "NO" }, "not judged");
            println!("| {line} | {met} |");
        }
        if self.form == Form::Full && self.lines.iter().any(|(met, _)| !met) {
            process::exit(1);
        }
    }
}
