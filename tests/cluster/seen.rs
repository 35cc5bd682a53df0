//! What replicas report about the cluster, and which alerts follow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use core_tests::interpreter::run;
use jiff::Timestamp;
use test_support::interop::server::fresh_folder;
use test_support::repository;
use test_support::wait::wait_until;

use crate::client::Client;
use crate::cluster::{Cluster, Replica};

/// The values that Prometheus gets from all running replicas, by series.
pub struct Scrape(BTreeMap<String, String>);

impl Cluster {
    pub fn scrape(&self) -> Scrape {
        let mut values = BTreeMap::new();
        for (number, replica) in self.replicas.iter().enumerate().filter(|(_, it)| it.runs()) {
            for line in replica.proxy.metrics().lines() {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
                let series = format!("{name}{{job=\"jat-proxy\",instance=\"{number}\",{labels}");
                values.insert(series, value.to_owned());
            }
        }
        Scrape(values)
    }

    /// Waits until all replicas have asked twice who is online: resources that were there both times
    /// are counted if they vanish.
    pub fn wait_asked_twice(&self) {
        for _ in 0..3 {
            // A question that follows another one too soon is joined to it.
            sleep(Duration::from_secs(3));
            let asked = Timestamp::now().as_second();
            self.replicas.iter().for_each(|it| it.proxy.reload());
            for replica in &self.replicas {
                replica.proxy.wait_until("an answer", |it| {
                    let status = it.status();
                    let confirmed = &status["components"][0]["subscription"]["confirmed"];
                    let confirmed = confirmed.as_str().and_then(|it| it.parse::<Timestamp>().ok());
                    confirmed.is_some_and(|it| it.as_second() >= asked)
                });
            }
        }
    }

    /// Checks that these alerts fire, and no other one that is about clusters, if the metrics were as
    /// before for half an hour, and stay as they are now for an hour.
    pub fn assert_alerts(&self, before: &Scrape, expected: &[&str]) {
        let after = self.scrape();
        let all: BTreeSet<&String> = before.0.keys().chain(after.0.keys()).collect();
        let mut text = format!(
            "rule_files: [{}]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    \
             input_series:\n",
            repository().join("config/alerts.yml").display()
        );
        for series in all {
            let [before, after] =
                [before, &after].map(|it| it.0.get(series).map_or("_", String::as_str));
            let series = series.replace('\'', "''");
            let _ = writeln!(
                text,
                "      - {{ series: '{series}', values: '{before}x29 {after}x60' }}"
            );
        }
        let alerts = ALERTS.join("|");
        let _ = writeln!(
            text,
            "    promql_expr_test:\n      - expr: group by (alertname) \
             (max_over_time(ALERTS{{alertstate=\"firing\",alertname=~\"{alerts}\"}}[90m]))\n        \
             eval_time: 90m\n        exp_samples:"
        );
        for alert in expected {
            assert!(ALERTS.contains(alert), "{alert}");
            let labels = format!("{{alertname=\"{alert}\"}}");
            let _ = writeln!(text, "          - {{ labels: '{labels}', value: 1 }}");
        }
        let file = fresh_folder("alerts").join("test.yml");
        fs::write(&file, text).expect("the folder is ours");
        run("promtool", &["test", "rules", file.to_str().expect("it is UTF-8")], "");
    }

    /// Checks that since `before` nothing was reported but bots that vanished, and that only if some
    /// did.
    pub fn assert_no_false_alarm(&self, before: &Scrape, bots_disappeared: bool) {
        wait_until("all replicas to know the same", || {
            let known: BTreeSet<u64> = self.replicas.iter().map(Replica::fingerprint).collect();
            known.len() == 1
        });
        let mut vanished = false;
        for (number, replica) in self.replicas.iter().enumerate() {
            let counted = replica.vanished();
            vanished |= counted > before.vanished(number);
            let allowed = |it: &String| counted > 0 && it.contains(VANISHED);
            let warnings = replica.proxy.warnings();
            assert!(warnings.iter().all(allowed), "replica {number}: {warnings:?}");
            assert!(!replica.finds_elsewhere(), "replica {number}");
            let (well, said) = replica.proxy.try_cli(&["check", "--connect"]);
            assert_eq!(well, warnings.is_empty(), "replica {number}: {said}");
        }
        assert!(!vanished || bots_disappeared, "a bot is missed, and none disappeared");
        let expected: &[&str] = if vanished { &["JatProxyResourcesVanished"] } else { &[] };
        self.assert_alerts(before, expected);
    }
}

/// Checks that all replicas report a split of the cluster: they miss the bots on other sides.
pub fn assert_split_is_seen(cluster: &Cluster, before: &Scrape) {
    let known = cluster.known_by_each();
    for (number, replica) in cluster.replicas.iter().enumerate() {
        let here = |bot: &&Arc<Client>| {
            bot.home == replica.host || known[replica.host].contains(&bot.home)
        };
        let beyond = (cluster.bots.len() - cluster.bots.iter().filter(here).count()) as u64;
        replica.proxy.wait_until("the bots that vanished to be counted", |_| {
            replica.vanished() >= before.vanished(number) + beyond
        });
        replica.assert_warns(VANISHED);
    }
    cluster.assert_alerts(before, &["JatProxyReplicasDisagree", "JatProxyResourcesVanished"]);
}

impl Replica {
    /// The fingerprint of its list of resources.
    pub fn fingerprint(&self) -> u64 {
        self.proxy.count(&["jat_proxy_resources_fingerprint{"])
    }

    /// How many resources disappeared without notice.
    pub fn vanished(&self) -> u64 {
        self.proxy.count(&["jat_proxy_vanished_resources_total{"])
    }

    /// Whether it knows that another replica has no presence domain.
    pub fn finds_elsewhere(&self) -> bool {
        self.proxy.count(&["jat_proxy_domain_shared_elsewhere{"]) == 1
    }

    /// Checks that `status`, `check --connect` and the log have a warning with these words.
    pub fn assert_warns(&self, words: &str) {
        let warnings = self.proxy.warnings();
        assert!(warnings.iter().any(|it| it.contains(words)), "{words}: {warnings:?}");
        assert!(self.proxy.cli(&["status"]).contains(words), "status");
        let (well, said) = self.proxy.try_cli(&["check", "--connect"]);
        assert!(!well && said.contains(words), "{said}");
        self.proxy.wait_log(0, words);
    }
}

impl Scrape {
    fn vanished(&self, replica: usize) -> u64 {
        let counts = |series: &&String| {
            series.starts_with("jat_proxy_vanished_resources_total{")
                && series.contains(&format!("instance=\"{replica}\""))
        };
        let found = self.0.iter().filter(|(series, _)| counts(series));
        found.map(|(_, value)| value.parse::<u64>().expect("it counts")).sum()
    }
}

/// The alerts that are about clusters.
const ALERTS: [&str; 4] = [
    "JatProxyNoPresenceDomain",
    "JatProxyReplicasDisagree",
    "JatProxyResourcesVanished",
    "JatProxyReplicasCrowd",
];
/// Words of the warning about resources that vanished.
pub const VANISHED: &str = "disappeared without notice";
