//! `jat-proxy check --connect` reports what works and what does not, on real servers.

use std::path::Path;

use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, accept_subscription};
use test_support::interop::server::{Kind, Server, Software, fresh_folder};
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::{PATIENCE, wait_until};

case!(all_is_well_beside_a_client_that_is_online: both);
fn all_is_well_beside_a_client_that_is_online(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    let file = scene.proxy.configuration();
    let (server, domain, target) = (scene.server, scene.domain.clone(), scene.target.clone());

    // While the daemon runs, it is asked.
    scene.proxy.wait_until("the server's clock", |it| {
        it.status()["components"][0]["clock_offset_seconds"].is_number()
    });
    let checked = check(&file);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{}", checked.out);
    assert!(checked.out.contains("The daemon is running"), "{}", checked.out);
    assert_good(&checked.out, &domain, &service.jid);
    assert_eq!(scene.proxy.logins(), 1);

    // It does not have a key that was added since.
    scene.proxy.cli(&["keys", "add"]);
    let checked = check(&file);
    assert_eq!(checked.code, 69, "{}", checked.out);
    let problem = "  problem  daemon           it has other keys\n";
    assert!(
        checked.out.contains(problem) && checked.out.contains("help: reload it"),
        "{}",
        checked.out
    );
    drop(scene);

    // Without one, the check connects itself, and disconnects.
    let checked = check(&file);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    assert!(!checked.out.contains("The daemon is running"), "{}", checked.out);
    assert_good(&checked.out, &domain, &service.jid);
    assert!(checked.out.ends_with("\nall is well\n"), "{}", checked.out);

    // It can relay like a daemon, and is not in the way of one.
    let proxy = Proxy::start(server, Settings::new(&domain, &target));
    proxy.wait_online(&[&service.jid]);
    let user = server.new_account("user");
    let mut user = Client::login(server, &user, "abc");
    test_support::interop::scene::round_trip(&domain, &mut user, &mut service);
}

fn assert_good(out: &str, domain: &str, service: &str) {
    for line in [
        format!("  ok       handshake        {domain} is logged in to 127.0.0.1:"),
        format!("  ok       domain           {domain}: not shared\n"),
        "  ok       subscription     subscribed since 20".to_owned(),
        format!("  ok       resources        {service}\n"),
        "  ok       keys             key 1 signs".to_owned(),
        "  ok       clock            like that of the target's server\n".to_owned(),
    ] {
        assert!(out.contains(&line), "{line}{out}");
    }
}

case!(each_problem_comes_with_its_remedy: all);
fn each_problem_comes_with_its_remedy(kind: Kind) {
    let server = Server::shared(kind);
    let target = server.new_account("service");
    let settings = Settings::new(&server.new_domain(), &target);
    let domain = settings.domain.clone();
    let file = configure(server, &settings);

    // Nobody has accepted: no client was ever there.
    let pending = check(&file);
    assert_eq!(pending.code, 69, "{}", pending.out);
    assert!(pending.out.contains("  problem  subscription     pending since "), "{}", pending.out);
    let help = format!("help: {target} has to accept the presence subscription of {domain}");
    assert!(pending.out.contains(&help), "{}", pending.out);
    let answer = format!("answer with <presence type='subscribed' to='{domain}'/>");
    assert!(pending.out.contains(&answer), "{}", pending.out);
    assert!(pending.out.ends_with("\n1 problem\n"), "{}", pending.out);

    // Accepted, and offline.
    let mut service = Client::login(server, &target, "a");
    service.available("");
    accept_subscription(&mut service, &domain);
    service.send("<presence type='unavailable'/></stream:stream>");
    drop(service);
    let offline = check(&file);
    assert_eq!(offline.code, 69, "{}", offline.out);
    assert!(offline.out.contains("  problem  resources        none online\n"), "{}", offline.out);
    assert!(offline.out.contains(&format!("help: Log in as {target}")), "{}", offline.out);

    // The wrong secret, which is never quoted.
    let secret = file.with_file_name("component.secret");
    std::fs::write(&secret, "wrong-one").unwrap();
    let wrong = check(&file);
    assert_eq!(wrong.code, 69, "{}", wrong.out);
    assert!(wrong.out.contains("  problem  handshake        "), "{}", wrong.out);
    assert_eq!(wrong.out.matches("not-authorized").count(), 1, "{}", wrong.out);
    let origin = format!("; our secret is from {}\n", secret.display());
    assert!(wrong.out.contains(&origin), "{}", wrong.out);
    assert!(wrong.out.contains("help: compare the secret"), "{}", wrong.out);
    assert!(!format!("{}{}", wrong.out, wrong.err).contains("wrong-one"));
}

case!(it_waits_for_what_is_missing_and_makes_room_for_the_daemon: both);
fn it_waits_for_what_is_missing_and_makes_room_for_the_daemon(kind: Kind) {
    let server = Server::shared(kind);
    let target = server.new_account("service");
    let settings = Settings::new(&server.new_domain(), &target);
    let file = configure(server, &settings);
    let start = |arguments: &[&str], log: &Path| {
        let mut command = command(env!("CARGO_BIN_EXE_jat-proxy"));
        command.args(arguments).arg("-c").arg(&file);
        Process::start(command, log)
    };
    let said = |log: &Path| std::fs::read_to_string(log).unwrap_or_default();
    let log = file.with_file_name("check.log");
    let mut check = start(&["check", "--connect", "--wait"], &log);
    wait_until("it to tell what it waits for", || {
        let said = said(&log);
        said.contains("waiting:\n  problem  subscription     pending since ")
            && said.contains("has to accept the presence subscription")
    });

    let daemon_log = file.with_file_name("daemon.log");
    let _daemon = start(&["run"], &daemon_log);
    wait_until("the daemon's login", || said(&daemon_log).contains("logged in to"));
    let mut service = Client::login(server, &target, "a");
    service.available("");
    accept_subscription(&mut service, &settings.domain);
    let status = check.wait(PATIENCE).expect("it ends when all is well");
    let said = said(&log);
    assert!(status.success(), "{status}: {said}");
    // On ejabberd the check may see it itself, as long as both share the domain.
    assert!(kind.is(Software::Ejabberd) || said.contains("The daemon is running"), "{said}");
    assert!(said.contains(&format!("  ok       resources        {}\n", service.jid)), "{said}");
    assert!(said.ends_with("\nall is well\n"), "{said}");
}

case!(a_server_that_is_not_there: prosody);
fn a_server_that_is_not_there(kind: Kind) {
    let server = Server::shared(kind);
    let [nobody] = free_ports();
    let mut settings = Settings::new(&server.new_domain(), &server.new_account("service"));
    settings.server_port = Some(nobody);
    let file = configure(server, &settings);
    let checked = check(&file);
    assert_eq!(checked.code, 69, "{}", checked.out);
    assert!(checked.out.contains("(refused)"), "{}", checked.out);
    assert!(checked.out.contains("help: is the server running"), "{}", checked.out);

    // With --wait it prints the same, and reports when its time is over.
    let waited = check_with(&["--wait=1"], &file);
    assert_eq!(waited.code, 69, "{}", waited.out);
    assert!(waited.err.contains("waiting:\n  problem  handshake "), "{}", waited.err);
    assert!(waited.out.ends_with("\n1 problem\n"), "{}", waited.out);
}

// ejabberd lets a second one in.
case!(another_process_in_its_place: prosody);
fn another_process_in_its_place(kind: Kind) {
    let scene = Scene::new(kind);
    let file = configure(scene.server, &Settings::new(&scene.domain, &scene.target));
    let checked = check(&file);
    assert_eq!(checked.code, 69, "{}", checked.out);
    assert_eq!(checked.out.matches("conflict").count(), 1, "{}", checked.out);
    assert!(checked.out.contains("the server ended the stream: conflict"), "{}", checked.out);
    assert!(checked.out.contains("help: is that the running daemon?"), "{}", checked.out);
}

// On ejabberd it is a replica for some seconds: it relays its share, and loses nothing.
case!(beside_replicas_it_relays_its_part: ejabberd);
fn beside_replicas_it_relays_its_part(kind: Kind) {
    let scene = Scene::with(kind, |settings| {
        settings.component = "presence-domain = \"one.{env:REPLICA}\"".into();
        settings.environment = vec![("REPLICA", settings.domain.clone())];
    });
    let mut service = Client::login(scene.server, &scene.target, "a");
    service.available("");
    accept_subscription(&mut service, &format!("one.{}", scene.domain));
    scene.proxy.wait_online(&[&service.jid]);
    let mut settings = Settings::new(&scene.domain, &scene.target);
    settings.component = format!("presence-domain = \"two.{}\"", scene.domain);
    let file = configure(scene.server, &settings);
    let granted = std::thread::spawn({
        let domain = format!("two.{}", scene.domain);
        move || {
            accept_subscription(&mut service, &domain);
            service
        }
    });
    let checked = check(&file);
    let mut service = granted.join().unwrap();
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let shared = format!("{}: shared with other replicas", scene.domain);
    assert!(checked.out.contains(&shared), "{}", checked.out);
    assert!(checked.out.contains("  ok       presence domain  two."), "{}", checked.out);
    let mut user = scene.user();
    scene.round_trip(&mut user, &mut service);
}

pub struct Checked {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn check(file: &Path) -> Checked {
    check_with(&[], file)
}

fn check_with(options: &[&str], file: &Path) -> Checked {
    let mut check = command(env!("CARGO_BIN_EXE_jat-proxy"));
    check.args(["check", "--connect"]).args(options).arg("-c").arg(file);
    let output = check.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let err = text(output.stderr);
    // Progress is not compared.
    let err = err.replace("connecting, for at most 20 s\n", "");
    Checked { code: output.status.code().unwrap(), out: text(output.stdout), err }
}

/// Writes a configuration for which no daemon runs.
fn configure(server: &Server, settings: &Settings) -> std::path::PathBuf {
    let folder = fresh_folder(&format!("connect-{}-{}", server.kind, settings.domain));
    let [http_port] = free_ports();
    let component_port = settings.server_port.unwrap_or(server.component_port);
    settings.write(&folder, component_port, http_port);
    folder.join("jat-proxy.toml")
}
