//! Plants the bugs listed in a crate's `mutants.toml`, one at a time, into copies of the crate, and lets its simulator
//! find them. The copies are packages of a throw-away workspace, so that one build makes them all, with what they need
//! built once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use toml::de::{DeTable, DeValue};

/// The copy without a bug.
const UNCHANGED: &str = "unchanged";

/// A simulation that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A crate with a simulator.
struct Subject {
    folder: &'static str,
    /// The tests that play seeds.
    tests: &'static str,
    /// How many seeds: a bug that needs more hides too well.
    seeds: &'static str,
}

const QUEUE: Subject = Subject { folder: "coordinator/queue", tests: "sim::the_queue", seeds: "2000" };
const POOL: Subject = Subject { folder: "coordinator/pool", tests: "pool::sim::the_pool", seeds: "4000" };

#[derive(Debug)]
struct Mutant {
    name: String,
    breaks: String,
    file: String,
    find: String,
    replace: String,
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Subject {
    fn folder(&self) -> PathBuf {
        root().join(self.folder)
    }

    fn mutants(&self) -> Vec<Mutant> {
        let text = fs::read_to_string(self.folder().join("mutants.toml")).unwrap();
        let table = DeTable::parse(&text).unwrap();
        let list = table.get_ref().get("mutant").and_then(|list| list.get_ref().as_array()).unwrap();
        list.iter().map(|entry| mutant(entry.get_ref())).collect()
    }

    /// A package of this name with the crate and its simulator.
    fn write_package(&self, place: &Path, name: &str) {
        copy(&self.folder().join("src"), &place.join("src"));
        let lib = place.join("src/lib.rs");
        // A bug may leave something unused.
        let text = format!("#![allow(unused)]\n{}", fs::read_to_string(&lib).unwrap());
        fs::write(lib, text).unwrap();
        let manifest = fs::read_to_string(self.folder().join("Cargo.toml")).unwrap();
        // Only what the library needs: no further targets, lints, readme and library name.
        let needed = manifest.split("\n\n").filter(|part| {
            let part = part.trim_start();
            !["[[", "[lints]", "[lib]"].iter().any(|start| part.starts_with(start))
        });
        let needed = needed.collect::<Vec<_>>().join("\n\n");
        let own = needed.lines().find(|line| line.starts_with("name = ")).unwrap();
        let needed = needed.replacen(own, &format!("name = \"{name}\""), 1);
        let needed = needed.lines().filter(|line| !line.starts_with("readme")).collect::<Vec<_>>();
        fs::write(place.join("Cargo.toml"), needed.join("\n")).unwrap();
    }
}

fn mutant(entry: &DeValue<'_>) -> Mutant {
    let pairs = entry.as_table().unwrap().iter();
    let mut texts: BTreeMap<String, String> =
        pairs.map(|(k, v)| (k.get_ref().to_string(), v.get_ref().as_str().unwrap().to_owned())).collect();
    let mut take = |key: &str| texts.remove(key).unwrap_or_else(|| panic!("a mutant without {key}"));
    let (name, breaks, file) = (take("name"), take("breaks"), take("file"));
    Mutant { name, breaks, file, find: take("find"), replace: take("replace") }
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A workspace of these members. What they use, in this repository and from elsewhere, is what the real one says.
fn write_workspace(place: &Path, members: &[&str]) {
    let real = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let shared = ["[workspace.package]", "[workspace.dependencies]"].map(|section| {
        let start = real.find(section).unwrap_or_else(|| panic!("no {section}"));
        let rest = &real[start..];
        let end = rest[1..].find("\n[").map_or(rest.len(), |end| end + 1);
        rest[..end].replace("path = \"", &format!("path = \"{}/", root().display()))
    });
    let [package, dependencies] = shared;
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n{package}\n{dependencies}\n\
         [profile.dev]\ndebug = false\nincremental = false\n"
    );
    fs::create_dir_all(place).unwrap();
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
}

fn plant(mutant: &Mutant, place: &Path) {
    let file = place.join("src").join(&mutant.file);
    let text = fs::read_to_string(&file).unwrap();
    let found = text.matches(&mutant.find).count();
    assert_eq!(found, 1, "{}: {} has {found} places like {:?}", mutant.name, mutant.file, mutant.find);
    fs::write(file, text.replace(&mutant.find, &mutant.replace)).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "builds and runs tests, not workers")]
fn cargo(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--offline", "--quiet", "--lib"]).current_dir(place);
    command.env("CARGO_TARGET_DIR", place.join("target")).env_remove("SIM_SEED").env("RUST_BACKTRACE", "0");
    command
}

/// The end of a program; `None` where it takes so long that it must hang.
fn run(mut command: Command, log: &Path) -> Option<ExitStatus> {
    let output = fs::File::create(log).unwrap();
    let both = (Stdio::from(output.try_clone().unwrap()), Stdio::from(output));
    command.process_group(0).stdin(Stdio::null()).stdout(both.0).stderr(both.1);
    let mut child = command.spawn().unwrap();
    let pause = Duration::from_millis(20);
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(pause);
    }
    // The group: cargo, and the test that it runs.
    killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    None
}

/// What the simulator says of a package: nothing, or its complaint.
fn simulate(subject: &Subject, place: &Path, name: &str) -> Option<String> {
    let log = place.join(format!("{name}.log"));
    let mut command = cargo(place);
    command.args(["--package", name, subject.tests]).env("SIM_SEEDS", subject.seeds);
    let status = run(command, &log);
    let text = fs::read_to_string(&log).unwrap_or_default();
    match status {
        Some(status) if status.success() => None,
        Some(_) => {
            let complaint = text.lines().find(|line| line.starts_with("seed "));
            Some(complaint.unwrap_or_else(|| panic!("{name} fails, and not by a seed:\n{text}")).to_owned())
        }
        None => Some("it hangs".to_owned()),
    }
}

fn catch_all(subject: &Subject) {
    let mutants = subject.mutants();
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutants").join(subject.folder);
    let names: Vec<&str> = mutants.iter().map(|m| m.name.as_str()).chain([UNCHANGED]).collect();
    write_workspace(&place, &names);
    for name in &names {
        // What an earlier version of the crate had must not stay.
        let _ = fs::remove_dir_all(place.join(name));
        subject.write_package(&place.join(name), name);
    }
    for mutant in &mutants {
        plant(mutant, &place.join(&mutant.name));
    }
    let built = cargo(&place).args(["--workspace", "--no-run"]).status().unwrap();
    assert!(built.success(), "a mutant does not compile");

    assert_eq!(simulate(subject, &place, UNCHANGED), None, "{} without a planted bug", subject.folder);
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let complaint = simulate(subject, &place, &mutant.name);
        let verdict = if complaint.is_some() { "caught" } else { "SURVIVED" };
        println!("{verdict:<8}  {:<27}  {}", mutant.name, mutant.breaks);
        match &complaint {
            Some(complaint) => println!("{:39}{}", "", complaint.chars().take(100).collect::<String>()),
            None => survivors.push(&mutant.name),
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}

#[test]
#[ignore = "takes minutes: scripts/mutants.sh"]
fn every_planted_bug_of_the_queue_is_caught() {
    catch_all(&QUEUE);
}

#[test]
#[ignore = "takes minutes: scripts/mutants.sh"]
fn every_planted_bug_of_the_pool_is_caught() {
    catch_all(&POOL);
}
