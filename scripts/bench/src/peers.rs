//! What is installed to compare with, and in which versions. `scripts/bench.sh` installs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{command, run};

/// The Python modules that peers need.
const MODULES: [&str; 6] = ["joblib", "ray", "distributed", "numpy", "polars", "cv2"];

/// Their names where they are installed, with their versions.
const ASK: &str = "
import importlib.metadata as known, importlib.util, json, platform, sys
packages = {'cv2': 'opencv-python-headless'}
def version(module):
    try:
        return known.version(packages.get(module, module))
    except known.PackageNotFoundError:
        return '?'
found = {name: version(name) for name in sys.argv[1:] if importlib.util.find_spec(name)}
print(json.dumps({'Python': platform.python_version(), **found}))
";

#[derive(Debug)]
pub(crate) struct Peers {
    /// The project's root.
    root: PathBuf,
    python: PathBuf,
    /// `scripts/peers/rust`, built.
    rust: PathBuf,
    versions: BTreeMap<String, String>,
}

impl Peers {
    /// Looks for them; `profile` is the folder that the Rust peers are built to.
    pub(crate) fn find(root: &Path, profile: &str) -> Self {
        let own = root.join("target/bench-venv/bin/python");
        let python = if own.exists() { own } else { PathBuf::from("python3") };
        let mut ask = command([&python]);
        ask.args(["-c", ASK]).args(MODULES);
        let said = run(ask, b"").ok().and_then(|ran| serde_json::from_slice(&ran.out).ok());
        Self {
            root: root.to_owned(),
            python,
            rust: root.join("target/bench-peers").join(profile).join("peers"),
            versions: said.unwrap_or_default(),
        }
    }

    /// A script of `scripts/peers`, in the benchmarks' own Python.
    pub(crate) fn python(&self, script: &str) -> Command {
        let mut command = command([&self.python]);
        command.arg(self.root.join("scripts/peers").join(script));
        command
    }

    /// Python itself.
    pub(crate) fn interpreter(&self) -> &Path {
        &self.python
    }

    /// One of the Rust peers.
    pub(crate) fn rust(&self) -> Command {
        command([&self.rust])
    }

    /// The first of these Python modules that is not there.
    pub(crate) fn lacks(&self, modules: &[&'static str]) -> Option<&'static str> {
        modules.iter().copied().find(|module| !self.versions.contains_key(*module))
    }

    /// Says so if the Rust peers are not built.
    pub(crate) fn lacks_rust(&self) -> Option<&'static str> {
        (!self.rust.exists()).then_some("scripts/peers/rust")
    }

    /// Says so if the shell does not find this program.
    pub(crate) fn lacks_program(&self, program: &'static str) -> Option<&'static str> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
        (!found).then_some(program)
    }

    /// What there is, for the table's head.
    pub(crate) fn versions(&self) -> String {
        let all = ["Python"].into_iter().chain(MODULES);
        let modules = all.map(|name| match self.versions.get(name) {
            Some(version) => format!("{name} {version}"),
            None => format!("no {name}"),
        });
        let programs = ["parallel", "primesieve"].map(|name| first_line(name, &["--version"]));
        modules.chain(self.crates()).chain(programs).collect::<Vec<_>>().join(", ")
    }

    fn crates(&self) -> Vec<String> {
        let lock =
            std::fs::read_to_string(self.root.join("scripts/peers/rust/Cargo.lock")).unwrap_or_default();
        locked(&lock, &["procspawn", "rayon"])
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let said = run(command([program].iter().chain(arguments)), b"");
    let text = said.map(|ran| String::from_utf8_lossy(&ran.out).into_owned()).unwrap_or_default();
    text.lines().next().map_or_else(|| format!("no {program}"), str::to_owned)
}

/// The versions of crates in a lock file.
fn locked(lock: &str, wanted: &[&str]) -> Vec<String> {
    let value = |line: Option<&str>, key: &str| {
        Some(line?.strip_prefix(key)?.trim_matches(|c| c == '"' || c == ' ' || c == '=').to_owned())
    };
    let packages = lock.split("[[package]]").filter_map(|package| {
        let mut lines = package.trim().lines();
        let name = value(lines.next(), "name")?;
        let version = value(lines.next(), "version")?;
        wanted.contains(&name.as_str()).then(|| format!("{name} {version}"))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_a_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n[[package]]\nname = \"rayon\"\nversion = \"1.12.0\"\n";
        assert_eq!(locked(lock, &["procspawn", "rayon"]), ["rayon 1.12.0"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let peers = Peers::find(Path::new("/no/such/folder"), "release");
        assert_eq!(peers.lacks_rust(), Some("scripts/peers/rust"));
        assert_eq!(peers.lacks_program("no-such-program"), Some("no-such-program"));
        assert_eq!(peers.lacks_program("sh"), None);
    }
}
