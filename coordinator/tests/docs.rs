//! The tables of keys in the documentation are those of the kinds themselves.
//!
//! `UPDATE_DOCS=1` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::Path;

use coordinator::job::reference::{OUTPUT, RUN, TOP, markdown, of_kind};

/// Compares, or replaces, what stands between `<!-- keys: NAME -->` and `<!-- end -->`.
fn check(file: &str, name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let start = format!("<!-- keys: {name} -->\n");
    let (before, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{file}: {start} is missing"));
    let (stands, after) = rest.split_once("<!-- end -->").expect("an end");
    if stands == table {
        return;
    }
    assert_eq!(
        std::env::var("UPDATE_DOCS").as_deref(),
        Ok("1"),
        "{file}: the keys of {name} have changed; write them anew with UPDATE_DOCS=1 cargo test --test docs\n{table}"
    );
    std::fs::write(&path, format!("{before}{start}{table}<!-- end -->{after}")).unwrap();
}

#[test]
fn the_keys_in_the_documentation_are_those_of_the_kinds() {
    for kind in jobs::registry().iter().filter(|kind| !kind.hidden()) {
        check("kinds.md", kind.name(), &markdown(&of_kind(*kind)));
    }
    check("job-files.md", "top", &markdown(&TOP));
    check("job-files.md", "run", &markdown(RUN));
    check("job-files.md", "output", &markdown(&OUTPUT));
}
