//! jat-proxy(1), from the command line.

use clap::{Arg, ArgAction, Command};

use super::roff::Page;

/// The page for the program with this command line.
pub(super) fn page(mut command: Command) -> String {
    // Hands global options down to the subcommands.
    command.build();
    let about = "Jabber Address Translation for XMPP";
    let mut page = Page::new("jat-proxy", 1, "User Commands", about);
    page.section("Synopsis");
    for command in leaves(&command) {
        page.paragraph(&synopsis(&command.path, command.command));
    }
    page.written(DESCRIPTION);
    page.section("Commands");
    for command in leaves(&command) {
        describe(&mut page, &command);
    }
    page.section("Options");
    page.paragraph("All commands that work with a configuration have");
    let global = leaves(&command).into_iter().flat_map(|leaf| leaf.command.get_arguments());
    for option in global.filter(|arg| arg.is_global_set()).take(1) {
        argument(&mut page, option);
    }
    page.paragraph("and all have");
    page.item("`-h`, `--help`");
    page.item_text("Print help; `-h` is shorter.");
    page.item("`-V`, `--version`");
    page.item_text("Print the version. Without a command only.");
    page.written(REST);
    page.into_text()
}

/// A command that has no subcommands.
struct Leaf<'a> {
    path: String,
    command: &'a Command,
}

fn leaves(command: &Command) -> Vec<Leaf<'_>> {
    fn walk<'a>(prefix: &str, command: &'a Command, found: &mut Vec<Leaf<'a>>) {
        let path = format!("{prefix}{}", command.get_name());
        let mut below = command.get_subcommands().filter(|c| c.get_name() != "help").peekable();
        if below.peek().is_none() {
            found.push(Leaf { path, command });
            return;
        }
        for subcommand in below {
            walk(&format!("{path} "), subcommand, found);
        }
    }
    let mut found = Vec::new();
    walk("", command, &mut found);
    found
}

fn synopsis(path: &str, command: &Command) -> String {
    let mut text = format!("`{path}`");
    for arg in own(command) {
        let name = match (arg.get_long(), arg.get_short()) {
            (_, Some(short)) => format!("`-{short}`"),
            (Some(long), None) => format!("`--{long}`"),
            (None, None) => String::new(),
        };
        let value = if takes_value(arg) { value_name(arg) } else { String::new() };
        let both = [name, value].into_iter().filter(|part| !part.is_empty());
        let both = both.collect::<Vec<_>>().join(" ");
        let required = arg.is_required_set();
        text += &if required { format!(" {both}") } else { format!(" [{both}]") };
    }
    text
}

fn describe(page: &mut Page, leaf: &Leaf<'_>) {
    page.subsection(&leaf.path);
    let about = leaf.command.get_long_about().or(leaf.command.get_about());
    for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        page.paragraph(&sentence(paragraph));
    }
    // The options that all of them have are shown once.
    for arg in own(leaf.command).filter(|arg| !arg.is_global_set()) {
        argument(page, arg);
    }
}

fn argument(page: &mut Page, arg: &Arg) {
    let mut names = Vec::new();
    names.extend(arg.get_short().map(|short| format!("`-{short}`")));
    names.extend(arg.get_long().map(|long| format!("`--{long}`")));
    let mut tag = names.join(", ");
    if takes_value(arg) {
        tag += if tag.is_empty() { "" } else { " " };
        tag += &value_name(arg);
    }
    page.item(&tag);
    let help = arg.get_long_help().or(arg.get_help());
    let mut text = sentence(&help.map(ToString::to_string).unwrap_or_default());
    let possible = arg.get_possible_values();
    let possible: Vec<String> = possible.iter().map(|v| format!("`{}`", v.get_name())).collect();
    if takes_value(arg) && !possible.is_empty() {
        text += &format!(" One of {}.", possible.join(", "));
    }
    let default: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if takes_value(arg) && !default.is_empty() {
        text += &format!(" Default: `{}`", default.join(" "));
    }
    page.item_text(&text);
}

/// The arguments that are shown of a command. Every command has `help`, which has its own section.
fn own(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn value_name(arg: &Arg) -> String {
    match arg.get_value_names() {
        Some([name, ..]) => name.to_uppercase(),
        _ => arg.get_id().as_str().to_uppercase(),
    }
}

fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with(['.', '!', ':']) { text } else { text + "." }
}

const DESCRIPTION: &str = include_str!("description.roff");
/// From exit status to the end.
const REST: &str = include_str!("rest.roff");

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::roff::Page as Roff;
    use super::*;
    use crate::cli::{Arguments, Exit};

    #[test]
    fn every_command_and_every_option_is_in_it() {
        let mut command = Arguments::command();
        let text = page(command.clone());
        command.build();
        let leaves = leaves(&command);
        assert!(leaves.len() > 8);
        for leaf in leaves {
            let mut heading = Roff::new("x", 1, "", "");
            heading.subsection(&leaf.path);
            let heading = heading.into_text().lines().last().unwrap().to_owned();
            let (_, rest) = text.split_once(&format!("{heading}\n")).expect(&heading);
            let end = rest.find("\n.S").expect("another heading");
            for arg in own(leaf.command).filter(|arg| !arg.is_global_set()) {
                let name = arg.get_long().map_or_else(|| value_name(arg), |n| format!("--{n}"));
                assert!(rest[..end].contains(&name.replace('-', "\\-")), "{heading} {name}");
            }
        }
        assert!(text.contains("Default: \\fB/etc/jat\\-proxy/jat\\-proxy.toml"));
    }

    #[test]
    fn every_exit_status_is_in_it() {
        use Exit::{Config, Data, Software, Success, Unavailable, Usage};
        for exit in [Success, Usage, Data, Unavailable, Software, Config] {
            assert!(REST.contains(&format!("\n.B {}\n", exit as u8)), "{exit:?}");
        }
    }
}
