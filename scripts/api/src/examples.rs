//! Which public items have no example.
//!
//! The rule: an item is shown by a compiled code block in its own documentation, or by one that uses its name in the
//! documentation of what it belongs to (the type, the trait, the module). Fields and variants are shown by any
//! example of their type; implementations of traits and what is only re-exported need none of their own.

use public_api::PublicItem;
use rustdoc_types::{Item, ItemEnum};

use crate::crate_doc::CrateDoc;

/// The items without an example.
pub(crate) fn missing(krate: &CrateDoc) -> Vec<String> {
    let bare = krate.items.iter().filter(|public| {
        let item = krate.item(public.id());
        item.is_some_and(|item| needs_example(krate, public, item) && !is_shown(krate, public, item))
    });
    bare.map(ToString::to_string).collect()
}

fn needs_example(krate: &CrateDoc, public: &PublicItem, item: &Item) -> bool {
    let part_or_block = matches!(
        item.inner,
        ItemEnum::StructField(_) | ItemEnum::Variant(_) | ItemEnum::Impl(_) | ItemEnum::Use(_)
    );
    !part_or_block && !krate.is_of_a_trait_impl(public)
}

fn is_shown(krate: &CrateDoc, public: &PublicItem, item: &Item) -> bool {
    if examples(item).next().is_some() {
        return true;
    }
    let (Some(owner), Some(name)) = (krate.owner(public), &item.name) else { return false };
    examples(owner).any(|example| uses(&example, name))
}

/// The code blocks that `cargo test --doc` compiles, without their hidden lines.
fn examples(item: &Item) -> impl Iterator<Item = String> {
    let blocks = item.docs.as_deref().unwrap_or_default().split("```").skip(1).step_by(2);
    blocks.filter_map(|block| {
        let (tags, code) = block.split_once('\n')?;
        let compiled = tags.split([',', ' ']).all(|tag| {
            matches!(tag, "" | "rust" | "no_run" | "should_panic" | "standalone_crate")
                || tag.starts_with("edition")
        });
        let shown = code.lines().filter(|line| *line != "#" && !line.starts_with("# "));
        compiled.then(|| shown.collect::<Vec<_>>().join("\n"))
    })
}

/// True where `name` stands in the code as a word.
fn uses(code: &str, name: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}
