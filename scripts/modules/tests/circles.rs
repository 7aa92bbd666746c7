//! No circle of modules in the workspace (docs/architecture.md says what that is).

use std::path::Path;

use modules::{Tree, circles, of_folders, of_modules, workspace};

#[test]
fn no_modules_go_in_a_circle() {
    let workspace = workspace(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(workspace.iter().any(|root| root.name.contains("lib protocol")), "{workspace:?}");
    let mut found = String::new();
    for root in workspace {
        let tree = Tree::read(&root.file).unwrap();
        for circle in [of_modules(&tree), of_folders(&tree)].iter().flat_map(circles) {
            found += &format!("{}: {circle}\n", root.name);
        }
    }
    assert!(found.is_empty(), "\n{found}`cargo run -p modules` tells every edge of it");
}
