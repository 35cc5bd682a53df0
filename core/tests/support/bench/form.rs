//! How thoroughly a benchmark is run.

use std::env;

/// `cargo bench` runs the full form, `cargo bench -- --test` the short one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Figures that can be compared, and targets that must be met.
    Full,
    /// Everything once, to see that it works: a few seconds, and no figure is judged.
    Short,
}

impl Form {
    /// From the arguments. A short form says so, since its output looks like the other's.
    pub fn of_this_run() -> Self {
        let form = if env::args().any(|it| it == "--test") { Self::Short } else { Self::Full };
        if form == Self::Short {
            println!("The SHORT FORM: everything once, and the figures mean nothing.");
        }
        form
    }

    /// The value for this form.
    pub fn pick<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// The arguments of this run without those that cargo and [`Form`] know.
pub fn arguments() -> Vec<String> {
    env::args().skip(1).filter(|it| it != "--bench" && it != "--test").collect()
}
