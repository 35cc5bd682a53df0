//! A pod with a replica in it as kubelet makes it, without kubelet: files, environment, user, host
//! name, network.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use base64ct::{Base64, Encoding};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use test_support::http;
use test_support::image::{Container, Image};
use tokio::runtime::Builder;

use crate::manifests::{Objects, container};

/// A replica's container in a pod.
pub struct Pod {
    name: String,
    image: Image,
    volume: Volume,
    /// The pod's template, and in it the container.
    pub spec: Value,
    pub replica: Value,
    env: BTreeMap<String, String>,
    folder: TempDir,
    container: Option<Container>,
}

/// The pod's address in [`network`].
const IP: &str = "10.244.1.17";

impl Pod {
    /// The one with this number in a StatefulSet, with all that it needs from `objects`.
    pub fn new(objects: &Objects, set: &str, number: u64) -> Self {
        let spec = objects.get("StatefulSet", set)["spec"]["template"]["spec"].clone();
        let replica = container(&spec, "jat-proxy").clone();
        let name = format!("{set}-{number}");
        let env = environment(&replica, &name, number);
        let image = Image::build();
        let etc = image.root().join("etc");
        let hosts = format!("127.0.0.1\tlocalhost\n{IP}\t{name}\n127.0.0.1\t{}\n", env["SERVER"]);
        fs::write(etc.join("hosts"), hosts).unwrap();
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let volume = Volume::new(folder.path().join("volume"), &spec, &replica);
        volume.put(objects);
        Self { name, image, volume, spec, replica, env, folder, container: None }
    }

    pub fn start(&mut self) {
        let words = self.replica["args"].as_array().unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--ipc", "--uts", "--fork", "sh", "-c"])
            .args([include_str!("pod.sh"), "sh"])
            .args([self.image.root(), &self.volume.path])
            .args([&self.name, &self.user(), &self.volume.group.to_string()])
            .args(words.iter().map(|it| it.as_str().unwrap()))
            .env_clear()
            .envs(&self.env)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(File::create(self.log()).unwrap())
            .stderr(File::options().append(true).open(self.log()).unwrap());
        self.container = Some(Container(command.spawn().expect("unshare is part of util-linux")));
    }

    fn user(&self) -> String {
        self.replica["securityContext"]["runAsUser"].to_string()
    }

    /// Replaces the files with those of other objects, as kubelet does.
    pub fn update(&self, objects: &Objects) {
        self.volume.put(objects);
    }

    /// Runs a command, as `kubectl exec` does.
    pub fn exec(&self, arguments: &[&str]) -> Output {
        Command::new("nsenter")
            .args(["--target", &self.init().as_raw_nonzero().to_string()])
            .args(["--mount", "--pid", "--ipc", "--uts", "chroot"])
            .arg(format!("--groups={}", self.volume.group))
            .arg(format!("--userspec={0}:{0}", self.user()))
            .arg(self.image.root())
            .arg("/jat-proxy")
            .args(arguments)
            .env_clear()
            .envs(&self.env)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap()
    }

    /// What kubelet, or Prometheus, gets for a path at the pod's address.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let ports = self.replica["ports"].as_array().unwrap();
        let port = ports.iter().find(|it| it["name"] == "http").expect("the port")["containerPort"]
            .clone();
        let address: SocketAddr = format!("{IP}:{port}").parse().unwrap();
        http::get(address, path).ok().map(|answer| (answer.status, answer.body))
    }

    /// Whether a probe of the manifest succeeds.
    pub fn probe(&self, probe: &str) -> bool {
        let asks = &self.replica[probe]["httpGet"];
        assert_eq!(asks["port"], "http", "{probe}");
        self.get(asks["path"].as_str().unwrap()).is_some_and(|(status, _)| status == 200)
    }

    /// A field of its process's status.
    pub fn process(&self, field: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.init().as_raw_nonzero()));
        let text = text.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.expect(field).trim().to_owned()
    }

    fn init(&self) -> Pid {
        let init = self.container.as_ref().and_then(Container::init);
        init.unwrap_or_else(|| panic!("it has ended: {}", self.said()))
    }

    /// Terminates it, and waits for its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        kill_process(self.init(), Signal::TERM).unwrap();
        let mut container = self.container.take().unwrap();
        container.0.wait().unwrap().code()
    }

    /// Its log.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// The variables that a container gets. `$(NAME)` refers to one that is defined before it.
fn environment(container: &Value, pod: &str, number: u64) -> BTreeMap<String, String> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for variable in container["env"].as_array().unwrap() {
        let field = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
        let value = match (variable["value"].as_str(), field) {
            (Some(text), _) => known.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("$({name})"), value)
            }),
            (None, Some("metadata.name")) => pod.to_owned(),
            (None, Some("metadata.labels['apps.kubernetes.io/pod-index']")) => number.to_string(),
            _ => panic!("{variable}"),
        };
        assert!(!value.contains("$("), "{variable} names what comes later");
        known.insert(variable["name"].as_str().unwrap().to_owned(), value);
    }
    known
}

/// A projected volume.
struct Volume {
    path: PathBuf,
    sources: Value,
    mode: u32,
    group: u32,
}

impl Volume {
    fn new(path: PathBuf, spec: &Value, replica: &Value) -> Self {
        let [mount] = &replica["volumeMounts"].as_array().unwrap()[..] else {
            panic!("one volume")
        };
        assert!(mount["mountPath"] == "/etc/jat-proxy" && mount["readOnly"] == true, "{mount}");
        let mut volumes = spec["volumes"].as_array().unwrap().iter();
        let volume = volumes.find(|it| it["name"] == mount["name"]).expect("the volume");
        let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let group = number(&spec["securityContext"]["fsGroup"]);
        fs::create_dir(&path).unwrap();
        chown(&path, None, Some(group)).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o3777)).unwrap();
        let projected = &volume["projected"];
        Self {
            path,
            sources: projected["sources"].clone(),
            mode: number(&projected["defaultMode"]),
            group,
        }
    }

    /// Writes a folder with the content of all sources, and puts it in place by one rename; the names
    /// are links into it. Files that are missing in `objects` stay as they were.
    fn put(&self, objects: &Objects) {
        let mut files = self.current();
        for source in self.sources.as_array().unwrap() {
            for (kind, key) in [("ConfigMap", "configMap"), ("Secret", "secret")] {
                let Some(name) = source[key]["name"].as_str() else { continue };
                let Some(found) = objects.find(kind, name) else { continue };
                for (file, content) in found["data"].as_object().unwrap() {
                    let text = content.as_str().unwrap();
                    let bytes = match kind {
                        "Secret" => Base64::decode_vec(text).unwrap(),
                        _ => text.as_bytes().to_vec(),
                    };
                    files.insert(file.clone(), bytes);
                }
            }
        }
        let old = fs::read_link(self.path.join("..data")).ok();
        let new = TempDir::with_prefix_in("..2026_11_28_", &self.path).unwrap().keep();
        fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        for (name, bytes) in files {
            let file = new.join(&name);
            fs::write(&file, bytes).unwrap();
            chown(&file, Some(0), Some(self.group)).unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(self.mode)).unwrap();
            let link = self.path.join(&name);
            if fs::symlink_metadata(&link).is_err() {
                symlink(Path::new("..data").join(&name), link).unwrap();
            }
        }
        let next = self.path.join("..data_tmp");
        symlink(new.file_name().unwrap(), &next).unwrap();
        fs::rename(next, self.path.join("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.path.join(old)).unwrap();
        }
    }

    fn current(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.path.join("..data")) else { return BTreeMap::new() };
        let read = |it: fs::DirEntry| {
            (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())
        };
        entries.map(|it| read(it.unwrap())).collect()
    }
}

/// Runs this in a network of its own, in which the pod has its address and every port is free.
pub fn network<F: Future<Output = ()>>(doing: impl FnOnce() -> F + Send + 'static) {
    let run = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may");
        for words in [&["link", "set", "lo", "up"][..], &["address", "add", IP, "dev", "lo"]] {
            assert!(Command::new("ip").args(words).status().expect("iproute2").success());
        }
        Builder::new_current_thread().enable_all().build().unwrap().block_on(doing());
    };
    // On a thread of its own, since only the thread, and what it starts, has this network.
    thread::spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
