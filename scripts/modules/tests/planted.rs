//! The tool itself, on small crates with and without circles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use modules::{Circle, Tree, circles, of_folders, of_modules};

/// Writes a crate of these files and returns its circles of modules and of folders.
fn both(files: &[(&str, &str)]) -> (Vec<Circle>, Vec<Circle>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let tree = Tree::read(&folder.path().join("lib.rs")).unwrap();
    (circles(&of_modules(&tree)), circles(&of_folders(&tree)))
}

fn modules_in(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    both(files).0.into_iter().map(|circle| circle.nodes).collect()
}

#[test]
fn two_files_that_use_each_other_are_a_circle() {
    let found = modules_in(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { let _ = super::a::A; }"),
    ]);
    assert_eq!(found, [["a", "b"]]);
}

#[test]
fn a_parent_that_only_declares_and_is_used_is_none() {
    let found = modules_in(&[("lib.rs", "mod a; pub struct Root;"), ("a.rs", "use crate::Root;")]);
    assert!(found.is_empty());
}

#[test]
fn a_parent_that_exports_a_child_which_uses_it_is_one() {
    let found = modules_in(&[
        ("lib.rs", "mod a; pub struct Root; pub use a::A;"),
        ("a.rs", "pub struct A; impl From<crate::Root> for A {}"),
    ]);
    assert_eq!(found, [["a", "crate"]]);
}

#[test]
fn a_re_export_is_followed_to_the_definition() {
    let found = modules_in(&[
        ("lib.rs", "mod a; mod b; pub use b::B as Renamed;"),
        ("a.rs", "use crate::Renamed; pub struct A;"),
        ("b.rs", "pub struct B;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
    let found = modules_in(&[
        ("lib.rs", "mod a; mod b; pub use b::*;"),
        ("a.rs", "use crate as root; fn f(_: root::B) {} pub struct A;"),
        ("b.rs", "pub struct B(crate::a::A);"),
    ]);
    assert_eq!(found, [["a", "b"]]);
}

#[test]
fn a_name_in_a_macro_or_an_attribute_counts() {
    let a = "pub struct A; fn f() { println!(\"{}\", crate::b::B::new(1)); }";
    let b = "#[serde(with = \"crate::a::A\")] pub struct B;";
    assert_eq!(modules_in(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]), [["a", "b"]]);
}

#[test]
fn a_macro_of_the_parent_counts_without_a_path() {
    let lib = "macro_rules! ensure { () => {} } mod a; fn f() { a::g() }";
    assert_eq!(modules_in(&[("lib.rs", lib), ("a.rs", "pub fn g() { ensure!() }")]), [["a", "crate"]]);
}

#[test]
fn a_function_and_a_module_of_one_name_are_told_apart() {
    let found = modules_in(&[
        ("lib.rs", "mod map; mod user; pub use map::map;"),
        ("map.rs", "pub fn map() {} pub struct Map;"),
        ("user.rs", "fn f() { crate::map(); let _ = crate::map::Map; }"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_module_inside_a_file_is_a_node_of_its_own() {
    let text = "pub fn f() {} #[cfg(test)] mod tests { use super::*; fn t() { f() } }";
    assert!(modules_in(&[("lib.rs", text)]).is_empty());
}

#[test]
fn folders_that_use_each_other_are_a_circle_even_where_no_files_are() {
    let files = [
        ("lib.rs", "mod queue; mod pool;"),
        ("queue/mod.rs", "mod decide; pub mod ids;"),
        ("queue/decide.rs", "use crate::pool::options::Size;"),
        ("queue/ids.rs", "pub struct Id;"),
        ("pool/mod.rs", "mod act; pub mod options;"),
        ("pool/act.rs", "use crate::queue::ids::Id;"),
        ("pool/options.rs", "pub struct Size;"),
    ];
    let (modules, folders) = both(&files);
    assert!(modules.is_empty());
    assert_eq!(folders.len(), 1);
    assert_eq!(folders[0].nodes, ["pool and below", "queue and below"]);
}

#[test]
fn the_shortest_way_round_is_told_with_file_and_line() {
    let files = [
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "\nuse crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B(super::a::A);"),
    ];
    let (circles, _) = both(&files);
    let [circle] = circles.as_slice() else { panic!("{circles:?}") };
    let way: Vec<(&Path, usize, &str)> = circle
        .way
        .iter()
        .map(|edge| (Path::new(edge.file.file_name().unwrap()), edge.line, edge.name.as_str()))
        .collect();
    assert_eq!(way, [(Path::new("a.rs"), 2, "crate::b::B"), (Path::new("b.rs"), 1, "super::a::A")]);
}
