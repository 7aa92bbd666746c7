//! CONTRIBUTING.md shows code that is compiled, and files that are there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn contributing() -> String {
    std::fs::read_to_string(project().join("CONTRIBUTING.md")).unwrap()
}

/// Each Rust example with the file that is named above it.
fn examples(text: &str) -> Vec<(&str, &str)> {
    let blocks = text.split("```rust\n").collect::<Vec<_>>();
    let named = blocks.windows(2).map(|pair| {
        let name = pair[0].trim_end().rsplit_once("<!-- ").unwrap().1.strip_suffix(" -->").unwrap();
        (name, pair[1].split_once("```").unwrap().0)
    });
    named.collect()
}

#[test]
fn every_example_is_the_text_of_a_file_that_is_compiled_and_tested() {
    let text = contributing();
    let examples = examples(&text);
    assert_eq!(examples.len(), 2, "a kind and an output format");
    for (name, example) in examples {
        let file = std::fs::read_to_string(project().join(name)).unwrap();
        let shown = file.split("\n#[cfg(test)]\nmod tests").next().unwrap().trim_end();
        assert!(shown.ends_with(example.trim_end()), "CONTRIBUTING.md does not show {name} as it is");
        let module = Path::new(name);
        let parents = [module.with_file_name("mod.rs"), module.with_file_name("lib.rs")];
        let declared = parents.iter().filter_map(|file| std::fs::read_to_string(project().join(file)).ok());
        assert!(
            declared.into_iter().any(|text| text.contains("mod worked_example;")),
            "{name} is not compiled"
        );
    }
}

#[test]
fn every_file_that_it_names_is_there() {
    let text = contributing();
    let words = text.split(['`', '(', ')', ' ', '\n']);
    let files = words.filter(|word| {
        [".rs", ".md", ".sh"].iter().any(|end| word.ends_with(end)) && !word.starts_with("http")
    });
    let mut count = 0;
    for file in files {
        assert!(project().join(file).exists(), "CONTRIBUTING.md names {file}, which is not there");
        count += 1;
    }
    assert!(count > 10);
}
