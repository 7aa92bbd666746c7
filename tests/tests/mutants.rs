//! Plants the bugs of `coordinator/queue/mutants.toml`, one at a time, into copies of the queue, and lets the
//! simulator find them. The copies are packages of a throw-away workspace, so that one build makes them all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
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

fn queue() -> PathBuf {
    root().join("coordinator/queue")
}

fn mutants() -> Vec<Mutant> {
    let text = fs::read_to_string(queue().join("mutants.toml")).unwrap();
    let table = DeTable::parse(&text).unwrap();
    let list = table.get_ref().get("mutant").and_then(|list| list.get_ref().as_array()).unwrap();
    let texts = |entry: &DeValue<'_>| -> BTreeMap<String, String> {
        let pairs = entry.as_table().unwrap().iter();
        pairs.map(|(k, v)| (k.get_ref().to_string(), v.get_ref().as_str().unwrap().to_owned())).collect()
    };
    let mutant = |mut texts: BTreeMap<String, String>| {
        let mut take = |key: &str| texts.remove(key).unwrap_or_else(|| panic!("a mutant without {key}"));
        let (name, breaks, file) = (take("name"), take("breaks"), take("file"));
        Mutant { name, breaks, file, find: take("find"), replace: take("replace") }
    };
    list.iter().map(|entry| mutant(texts(entry.get_ref()))).collect()
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

/// A package with the queue and its simulator.
fn write_package(place: &Path, name: &str) {
    copy(&queue().join("src"), &place.join("src"));
    let lib = place.join("src/lib.rs");
    // A bug may leave something unused.
    let text =
        fs::read_to_string(&lib).unwrap().replacen("extern crate", "#![allow(unused)]\nextern crate", 1);
    fs::write(lib, text).unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\ndoctest = false\n\n\
         [dependencies]\nids = {{ path = \"../ids\" }}\nserde.workspace = true\n\n\
         [dev-dependencies]\nproptest.workspace = true\n"
    );
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
}

fn write_ids(place: &Path) {
    copy(&root().join("protocol/ids/src"), &place.join("src"));
    let manifest = "[package]\nname = \"ids\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                    [features]\nwire = []\n\n[dependencies]\nserde.workspace = true\n";
    fs::write(place.join("Cargo.toml"), manifest).unwrap();
}

/// The versions of what is used are those of the real workspace.
fn write_workspace(place: &Path, members: &[&str]) {
    let real = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version_of = |name: &str| {
        let line = real.lines().find(|line| line.starts_with(&format!("{name} = ")));
        line.unwrap_or_else(|| panic!("no version of {name}")).to_owned()
    };
    let mut manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
    manifest.push_str("\n[workspace.dependencies]\n");
    for name in ["proptest", "serde"] {
        writeln!(manifest, "{}", version_of(name)).unwrap();
    }
    manifest.push_str("\n[profile.dev]\ndebug = false\nincremental = false\n");
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
fn simulate(place: &Path, name: &str) -> Option<String> {
    let log = place.join(format!("{name}.log"));
    let mut command = cargo(place);
    command.args(["--package", name, "sim::the_queue"]);
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

#[test]
#[ignore = "takes minutes: scripts/mutants.sh"]
fn every_planted_bug_is_caught() {
    let mutants = mutants();
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let names: Vec<&str> = mutants.iter().map(|m| m.name.as_str()).chain([UNCHANGED]).collect();
    write_workspace(&place, &[&names[..], &["ids"]].concat());
    write_ids(&place.join("ids"));
    for name in &names {
        // What an earlier version of the queue had must not stay.
        let _ = fs::remove_dir_all(place.join(name));
        write_package(&place.join(name), name);
    }
    for mutant in &mutants {
        plant(mutant, &place.join(&mutant.name));
    }
    let built = cargo(&place).args(["--workspace", "--no-run"]).status().unwrap();
    assert!(built.success(), "a mutant does not compile");

    assert_eq!(simulate(&place, UNCHANGED), None, "the queue without a planted bug");
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let complaint = simulate(&place, &mutant.name);
        let verdict = if complaint.is_some() { "caught" } else { "SURVIVED" };
        println!("{verdict:<8}  {:<27}  {}", mutant.name, mutant.breaks);
        match &complaint {
            Some(complaint) => println!("{:39}{}", "", complaint.chars().take(100).collect::<String>()),
            None => survivors.push(&mutant.name),
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}
