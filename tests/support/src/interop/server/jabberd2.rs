//! jabberd2: its router accepts the components, `sm` has the accounts, `c2s` the clients. This is
//! Debian's own configuration, with other ports and in another folder.

use std::path::Path;
use std::process::Command;

use super::{HOST, SECRET, Suite};

const PROGRAMS: [&str; 3] = ["router", "sm", "c2s"];

pub fn configure(suite: Suite, folder: &Path, client_port: u16, component_port: u16) {
    let shown = folder.display().to_string();
    let packaged = suite.root().join("etc/jabberd2");
    for program in PROGRAMS {
        let text = std::fs::read_to_string(packaged.join(program).with_extension("xml")).unwrap();
        let mut text = text
            .replace("<ip>0.0.0.0</ip>", "<ip>127.0.0.1</ip>")
            .replace("localhost.localdomain", HOST)
            .replace("<port>5347</port>", &format!("<port>{component_port}</port>"))
            .replace("<port>5222</port>", &format!("<port>{client_port}</port>"))
            .replace("<stanzasize>65535<", "<stanzasize>524288<")
            .replace("<stanzas>1000<", "<stanzas>0<");
        if program == "router" {
            // Not the secret of its own programs, which is in router-users.xml.
            text = text.replace("<secret>secret<", &format!("<secret>{SECRET}<"));
        }
        for place in ["run", "log", "lib"] {
            text = text.replace(&format!("/var/{place}/jabberd2/"), &format!("{shown}/"));
        }
        std::fs::write(folder.join(program).with_extension("xml"), text).unwrap();
    }
    let tables = "zcat /usr/share/doc/jabberd2/db-setup.sqlite.gz | sqlite3 sqlite.db";
    let made = suite.command("sh").args(["-c", tables]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

pub fn command_lines(suite: Suite, folder: &Path) -> Vec<Command> {
    let command_line = |program: &str| {
        let mut command = suite.command(&format!("/usr/sbin/jabberd2-{program}"));
        command.arg("-c").arg(folder.join(program).with_extension("xml"));
        command
    };
    PROGRAMS.into_iter().map(command_line).collect()
}
