//! A crate's public API as lines of text, written so that every change that may break a user takes a line away.
//!
//! Adding can break, too: a variant of an exhaustive enum, a field of a struct that users may make, a method that
//! implementors of a trait must write. So the line of the enum, struct or trait lists those.

use public_api::PublicItem;
use rustdoc_types::{Attribute, Id, Item, ItemEnum, StructKind, VariantKind};

use crate::crate_doc::CrateDoc;

/// Traits whose implementations are nobody's promise.
const NO_PROMISE: [&str; 6] =
    ["Freeze", "RefUnwindSafe", "StructuralPartialEq", "Unpin", "UnsafeUnpin", "UnwindSafe"];

/// The public API, a line an item.
pub(crate) fn lines(krate: &CrateDoc) -> Vec<String> {
    krate.items.iter().filter_map(|item| line(krate, item)).collect()
}

fn line(krate: &CrateDoc, public: &PublicItem) -> Option<String> {
    // What is not in the index belongs to another crate, and is only shown.
    let Some(item) = krate.item(public.id()) else { return Some(public.to_string()) };
    match &item.inner {
        // The `impl` line says it all.
        ItemEnum::Function(_) if krate.is_of_a_trait_impl(public) => None,
        ItemEnum::Impl(block) => {
            let name = block.trait_.as_ref().map(|path| path.path.rsplit("::").next().unwrap_or_default());
            let promised = name.is_none_or(|name| !NO_PROMISE.contains(&name));
            promised.then(|| public.to_string())
        }
        _ => Some(format!("{public}{}", promise(krate, item))),
    }
}

/// What users may rely on to be all there is.
fn promise(krate: &CrateDoc, item: &Item) -> String {
    if item.attrs.contains(&Attribute::NonExhaustive) {
        return String::new();
    }
    let names = |ids: &[Id]| {
        let names: Vec<&str> =
            ids.iter().filter_map(|id| krate.item(*id)).filter_map(|item| item.name.as_deref()).collect();
        names.join(", ")
    };
    match &item.inner {
        ItemEnum::Enum(definition) => format!(" {{ {} }}", names(&definition.variants)),
        ItemEnum::Struct(definition) => match &definition.kind {
            StructKind::Plain { fields, has_stripped_fields: false } => format!(" {{ {} }}", names(fields)),
            _ => String::new(),
        },
        ItemEnum::Variant(variant) => match &variant.kind {
            VariantKind::Struct { fields, has_stripped_fields: false } => format!(" {{ {} }}", names(fields)),
            _ => String::new(),
        },
        ItemEnum::Trait(definition) => {
            let required = |id: &&Id| krate.item(**id).is_some_and(is_required);
            let required: Vec<Id> = definition.items.iter().filter(required).copied().collect();
            if required.is_empty() { String::new() } else { format!(" requires {}", names(&required)) }
        }
        _ => String::new(),
    }
}

fn is_required(item: &Item) -> bool {
    match &item.inner {
        ItemEnum::Function(function) => !function.has_body,
        ItemEnum::AssocType { type_, .. } => type_.is_none(),
        ItemEnum::AssocConst { value, .. } => value.is_none(),
        _ => false,
    }
}
