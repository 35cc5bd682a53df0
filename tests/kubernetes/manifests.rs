//! The objects of a layout, as the kustomize of the real kubectl builds them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

pub const FOLDER: &str = "packaging/kubernetes";

/// The objects of a layout, or those that somebody applies.
pub struct Objects(pub Vec<Value>);

impl Objects {
    /// Those of a folder of packaging/kubernetes.
    pub fn of(layout: &str) -> Self {
        Self::read(&build(&Path::new(FOLDER).join(layout)))
    }

    pub fn read(yaml: &str) -> Self {
        Self(examine(yaml, &[])["objects"].as_array().unwrap().clone())
    }

    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.0.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name)
    }

    pub fn get(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {kind} is called {name}"))
    }

    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |it| it["kind"] == kind)
    }
}

/// A container of a pod, by its name.
pub fn container<'v>(pod: &'v Value, name: &str) -> &'v Value {
    let mut containers = pod["containers"].as_array().unwrap().iter();
    containers.find(|it| it["name"] == name).expect(name)
}

/// The output of kustomize for a folder.
pub fn build(folder: &Path) -> String {
    let output = Command::new(installed("kubectl")).arg("kustomize").arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Deprecations are reported there.
    assert!(output.status.success() && said.is_empty(), "{}: {said}", folder.display());
    String::from_utf8(output.stdout).unwrap()
}

/// Reads objects, and checks them with the schemas of versions of Kubernetes.
pub fn examine(yaml: &str, versions: &[&str]) -> Value {
    let mut python = Command::new("/usr/bin/python3");
    python.arg("tests/kubernetes/validate.py").args(versions);
    answer(python.env("PYTHONPATH", installed("python")), yaml)
}

/// The JSON that a command prints for this input.
pub fn answer(command: &mut Command, input: &str) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{command:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What tests/kubernetes/install has put there.
pub fn installed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("kubernetes");
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: tests/kubernetes/install makes it", path.display());
    path
}
