//! Prints the circles of modules in the workspace, with every edge in them: `cargo run -p modules -- [PART OF A NAME]`.

use std::path::Path;

use modules::{Tree, circles, of_folders, of_modules, workspace};

fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for root in workspace(Path::new("."))?.iter().filter(|root| root.name.contains(&wanted)) {
        let tree = Tree::read(&root.file)?;
        for circle in [of_modules(&tree), of_folders(&tree)].iter().flat_map(circles) {
            println!("{}: {circle}  all of its edges:", root.name);
            for edge in &circle.edges {
                println!("    {edge}");
            }
            println!();
        }
    }
    Ok(())
}
