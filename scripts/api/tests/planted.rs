//! Planted changes of a small crate, as rustdoc sees them: what breaks users is refused until the version says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]
#![expect(clippy::disallowed_methods, reason = "it runs rustdoc and the program itself")]

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// The crate before any change.
const BEFORE: &str = r#"
//! ```
//! assert_eq!(planted::answer(), 42);
//! ```

/// It has no example of its own; the crate's uses its name.
pub fn answer() -> u32 { 42 }

/// ```
/// let shape = planted::Shape { sides: 3 };
/// assert_eq!(shape.corners(), 3);
/// ```
#[derive(Clone)]
pub struct Shape { pub sides: u32 }

impl Shape {
    /// Shown by its type's example.
    pub fn corners(&self) -> u32 { self.sides }
}

/// ```
/// use planted::Colour::{self, Red};
/// ```
pub enum Colour { Red, Green }

/// ```
/// use planted::Sound;
/// ```
#[non_exhaustive]
pub enum Sound { Loud }

/// ```
/// struct Circle;
/// impl planted::Area for Circle { fn area(&self) -> f64 { 3.14 } }
/// ```
pub trait Area {
    fn area(&self) -> f64;
}

#[doc(hidden)]
pub fn hidden() {}
"#;

/// A folder with the crate's snapshot, and its JSON.
struct Place(TempDir);

impl Place {
    /// The snapshot of the crate as it was in version 0.1.0; `None`, and a word about it, where this toolchain's JSON
    /// is not what the program reads (in CI that is a failure).
    fn new() -> Option<Self> {
        let place = Self(tempfile::tempdir().unwrap());
        let (code, said) = place.run("update", BEFORE, "0.1.0");
        if code == Some(3) && std::env::var_os("CI").is_none_or(|ci| ci != "true") {
            eprintln!("SKIPPED: {said}");
            return None;
        }
        assert_eq!(code, Some(0), "{said}");
        Some(place)
    }

    /// Runs the program on this source with this version; returns whether all was well, and what it said.
    fn api(&self, mode: &str, source: &str, version: &str) -> (bool, String) {
        let (code, said) = self.run(mode, source, version);
        (code == Some(0), said)
    }

    /// The same, with the exit code.
    fn run(&self, mode: &str, source: &str, version: &str) -> (Option<i32>, String) {
        let folder = self.0.path();
        fs::write(folder.join("lib.rs"), source).unwrap();
        let mut rustdoc = Command::new("rustdoc");
        rustdoc
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(folder)
            .args(["--edition=2024", "--crate-name=planted"]);
        rustdoc.args([
            "--crate-version",
            version,
            "-Zunstable-options",
            "--output-format=json",
            "-o.",
            "lib.rs",
        ]);
        let output = rustdoc.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut api = Command::new(env!("CARGO_BIN_EXE_api"));
        let output = api.current_dir(folder).args([mode, ".", ".", "planted"]).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    }
}

/// The crate with one thing replaced.
fn changed(old: &str, new: &str) -> String {
    assert!(BEFORE.contains(old), "{old:?} is not in the crate");
    BEFORE.replace(old, new)
}

#[test]
fn an_unchanged_api_passes_and_a_hidden_item_is_none() {
    let Some(place) = Place::new() else { return };
    let (well, said) = place.api("check", BEFORE, "0.1.0");
    assert!(well && said.is_empty(), "{said}");
    let (well, said) = place.api("check", &changed("#[doc(hidden)]\npub fn hidden() {}", ""), "0.1.0");
    assert!(well && said.is_empty(), "{said}");
}

#[test]
fn what_breaks_users_is_refused_until_the_version_says_so() {
    for (old, new, line) in [
        ("pub fn answer() -> u32 { 42 }", "", "- pub fn planted::answer() -> u32"),
        (
            "pub fn answer() -> u32 { 42 }",
            "pub fn answer() -> u64 { 42 }",
            "+ pub fn planted::answer() -> u64",
        ),
        ("pub fn corners", "fn corners", "- pub fn planted::Shape::corners"),
        ("#[derive(Clone)]", "", "- impl core::clone::Clone for planted::Shape"),
        ("pub sides: u32", "pub sides: u32, pub size: f64", "+ pub struct planted::Shape { sides, size }"),
        (
            "pub sides: u32",
            "pub sides: u32, _cell: std::rc::Rc<u8>",
            "- impl core::marker::Send for planted::Shape",
        ),
        ("{ Red, Green }", "{ Red, Green, Blue }", "+ pub enum planted::Colour { Red, Green, Blue }"),
        (
            "pub enum Colour",
            "#[non_exhaustive] pub enum Colour",
            "+ #[non_exhaustive] pub enum planted::Colour",
        ),
        ("fn area(&self) -> f64;", "fn area(&self) -> f64; fn girth(&self) -> f64;", "requires area, girth"),
    ] {
        let Some(place) = Place::new() else { return };
        let after = changed(old, new);
        let (well, said) = place.api("update", &after, "0.1.9");
        assert!(
            !well && said.contains(line) && said.contains("needs version 0.2.0"),
            "{old} -> {new}: {said}"
        );
        let (_, said) = place.api("update", &after, "0.2.0");
        assert!(!said.contains("needs version"), "{said}");
        let (_, said) = place.api("check", &after, "0.2.0");
        assert!(!said.contains("planted.txt"), "the snapshot is up to date: {said}");
    }
}

#[test]
fn what_only_adds_asks_for_a_new_snapshot_and_no_version() {
    for (old, new) in [
        ("{ Loud }", "{ Loud, Quiet }"),
        (
            "fn area(&self) -> f64;",
            "fn area(&self) -> f64;\n/// ```\n/// ```\nfn girth(&self) -> f64 { 0.0 }",
        ),
        ("#[derive(Clone)]", "#[derive(Clone, Debug)]"),
    ] {
        let Some(place) = Place::new() else { return };
        let after = changed(old, new);
        let (well, said) = place.api("check", &after, "0.1.0");
        assert!(!well && said.contains("scripts/check_api.sh update"), "{said}");
        assert!(place.api("update", &after, "0.1.0").0);
        let (well, said) = place.api("check", &after, "0.1.0");
        assert!(well, "{said}");
    }
}

#[test]
fn a_break_is_one_break_until_the_next_release() {
    let Some(place) = Place::new() else { return };
    let first = changed("pub fn answer", "/// ```\n/// ```\npub fn reply");
    let second = changed("pub fn answer", "/// ```\n/// ```\npub fn response");
    assert!(place.api("update", &first, "0.2.0").0);
    assert!(place.api("update", &second, "0.2.0").0, "0.2.0 is not released");
    assert!(place.api("release", &second, "0.2.0").0);
    let (well, said) = place.api("update", &first, "0.2.1");
    assert!(!well && said.contains("needs version 0.3.0"), "{said}");
}

#[test]
fn an_item_without_an_example_is_named() {
    let Some(place) = Place::new() else { return };
    for (old, new, item) in [
        ("assert_eq!(planted::answer(), 42);", "", "planted::answer"),
        ("assert_eq!(shape.corners(), 3);", "", "planted::Shape::corners"),
        ("/// ```\n/// use planted::Sound;", "/// ```text\n/// use planted::Sound;", "planted::Sound"),
        ("/// let shape", "/// # let shape", ""),
    ] {
        let (well, said) = place.api("check", &changed(old, new), "0.1.0");
        match item {
            "" => assert!(well, "{said}"),
            item => assert!(!well && said.contains("no example of") && said.contains(item), "{old}: {said}"),
        }
    }
}
