//! `dpkg -i` of another version while the service has work to do.

use std::path::Path;

use crate::package::{self, VERSION, next_version};
use crate::service::Service;

#[tokio::test]
#[ignore = "needs root and a clean Debian, which tests/run makes"]
async fn another_version_takes_over_under_load_and_nothing_is_lost() {
    let (service, mut crowd) = Service::new().await;
    let life = service.life().await;
    let next = package::next();
    let asked = crowd
        .asks_while(async {
            // An upgrade, the same version again, a downgrade, and the same again.
            for (file, version) in [
                (&*next.file, next_version()),
                (&next.file, next_version()),
                (package::built(), VERSION.to_owned()),
                (package::built(), VERSION.to_owned()),
            ] {
                let said = service.install(file).await;
                assert!(said.contains("jat-proxy.service was upgraded in place"), "{said}");
                assert_eq!(service.status().await["version"], version);
                let held = service.does("dpkg-query -W -f '${Version}' jat-proxy").await;
                assert_eq!(held, format!("{version}-1"));
                assert_eq!(service.life().await, life);
            }
        })
        .await;
    println!("{asked} requests while dpkg -i ran four times, all answered");
    assert!(asked > 1_000, "{asked}");
    assert_eq!(service.server.accepted(), 1, "another stream");
    let journal = service.does("journalctl -u jat-proxy -o cat --no-pager").await;
    assert_eq!(journal.matches("upgraded in place").count(), 4, "{journal}");
    // Neither dpkg nor systemd reports a problem.
    assert_eq!(service.does("dpkg --audit; systemctl --failed --no-legend").await, "");
    assert_eq!(service.does("systemctl show -p NeedDaemonReload --value jat-proxy").await, "no");
}

#[tokio::test]
#[ignore = "needs root and a clean Debian, which tests/run makes"]
async fn a_version_that_refuses_leaves_the_old_one_at_work_and_says_so() {
    let (service, mut crowd) = Service::new().await;
    let life = service.life().await;
    let (broken, next) = (package::broken(), package::next());
    crowd
        .asks_while(async {
            let said = service.install(&broken.file).await;
            assert!(said.contains("WARNING: jat-proxy.service was not upgraded"), "{said}");
            assert!(said.contains("no such key, says the new version"), "{said}");
            assert!(
                said.contains("systemctl kill --kill-whom=main -s USR2 jat-proxy.service"),
                "{said}"
            );
            // The package is nevertheless in order, and so is the daemon.
            let status = service.does("dpkg-query -W -f '${Status}' jat-proxy").await;
            assert_eq!(status, "install ok installed");
            // The program at its path is the broken one, so this uses HTTP.
            assert!(
                service.does("systemctl show -p ActiveState jat-proxy").await.contains("=active")
            );
            let said = service.install(&next.file).await;
            assert!(said.contains("jat-proxy.service was upgraded in place"), "{said}");
            assert_eq!(service.status().await["version"], next_version());
            assert_eq!(service.life().await, life);
        })
        .await;
    assert_eq!(service.server.accepted(), 1, "another stream");
}

#[tokio::test]
#[ignore = "needs root and a clean Debian, which tests/run makes"]
async fn an_operators_own_arrangements_stay() {
    let (service, _crowd) = Service::new().await;
    let next = package::next();
    // Another replica, with a unit of the operator's own.
    let unit = "/usr/lib/systemd/system/jat-proxy.service";
    service
        .does(&format!(
            "sed 's|/etc/jat-proxy/|/etc/jat-proxy/b/|' {unit} >/etc/systemd/system/jat-proxy-b.service
             install -d -o jat-proxy -g jat-proxy -m 0700 /etc/jat-proxy/b
             cp -p /etc/jat-proxy/*.* /etc/jat-proxy/b/
             sed -i '/^.http/d; /^listen/d' /etc/jat-proxy/b/jat-proxy.toml
             systemctl daemon-reload; systemctl start jat-proxy-b"
        ))
        .await;
    let pids = "systemctl show -p MainPID --value jat-proxy jat-proxy-b";
    let before = service.does(pids).await;
    let said = service.install(&next.file).await;
    for unit in ["jat-proxy.service", "jat-proxy-b.service"] {
        assert!(said.contains(&format!("{unit} was upgraded in place")), "{said}");
    }
    assert_eq!(service.does(pids).await, before);
    // A unit with another program is left alone.
    service
        .does("systemctl stop jat-proxy-b; install -m 755 /usr/bin/jat-proxy /usr/local/bin/")
        .await;
    service
        .does("sed -i 's|/usr/bin/|/usr/local/bin/|' /etc/systemd/system/jat-proxy-b.service")
        .await;
    service.does("systemctl daemon-reload; systemctl start jat-proxy-b").await;
    let said = service.install(package::built()).await;
    assert!(!said.contains("jat-proxy-b"), "{said}");
    // One that was stopped stays stopped.
    service.does("systemctl stop jat-proxy jat-proxy-b").await;
    service.install(&next.file).await;
    assert_eq!(service.machine.run("systemctl is-active jat-proxy").said, "inactive");
    // The environment file is the operator's.
    let file = service.machine.outside(Path::new("/etc/default/jat-proxy"));
    std::fs::write(&file, "NAME=mine\n").unwrap();
    service.install(package::built()).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "NAME=mine\n");
}
