//! What `jat-proxy init` writes and prints works without changes, on both servers.

use std::fs;

use test_support::interop::server::{Kind, Server, Software, fresh_folder};
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::wait_until;

case!(the_printed_snippet_and_the_written_files_fit: both);
fn the_printed_snippet_and_the_written_files_fit(kind: Kind) {
    let folder = fresh_folder("init");
    let init = command(env!("CARGO_BIN_EXE_jat-proxy"))
        .args(["init", "--domain", "init.example", "--target", "bot@host.example"])
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8(init.stdout).unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let (begin, end) = match kind.software {
        Software::Prosody => ("prosody.cfg.lua:\n\n", "\n\n   or ejabberd"),
        Software::Ejabberd => ("neighbours:\n\n", "\n\n   and restart"),
        Software::Jabberd2 => unreachable!("it needs no snippet"),
    };
    let snippet = said.split_once(begin).unwrap().1.split_once(end).unwrap().0.to_owned() + "\n";

    // Only the ports differ from those of a real machine.
    let [port, http_port] = free_ports();
    // A secret may contain the same digits as a port.
    let on_port = format!("port: {port}\n");
    let server = Server::start_with(kind, &snippet.replace("port: 5347\n", &on_port));
    let port = if kind.is(Software::Prosody) { server.component_port } else { port };
    let file = folder.join("jat-proxy.toml");
    let config = fs::read_to_string(&file).unwrap();
    let ours = config.replace(":5347", &format!(":{port}"));
    let ours = ours.replace(":9114", &format!(":{http_port}"));
    fs::write(&file, ours).unwrap();

    let mut run = command(env!("CARGO_BIN_EXE_jat-proxy"));
    run.args(["run", "-c"]).arg(&file);
    let log = folder.join("log");
    let _proxy = Process::start(run, &log);
    wait_until("a login", || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("logged in to"))
    });
}
