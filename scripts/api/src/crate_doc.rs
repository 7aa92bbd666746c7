//! A crate as rustdoc's JSON tells it.

use std::path::Path;

use anyhow::Context;
use public_api::PublicItem;
use rustdoc_types::{Crate, FORMAT_VERSION, Id, Item, ItemEnum, Type};
use serde::Deserialize;

use crate::snapshot::Version;

/// A crate: its items as rustdoc knows them, and the public ones as lines.
pub(crate) struct CrateDoc {
    pub(crate) docs: Crate,
    pub(crate) items: Vec<PublicItem>,
}

#[derive(Deserialize)]
struct Format {
    format_version: u32,
}

impl CrateDoc {
    /// Reads a crate's JSON; `None`: it is of another format.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Option<Self>> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        if serde_json::from_str::<Format>(&text)?.format_version != FORMAT_VERSION {
            return Ok(None);
        }
        let public = public_api::Builder::from_rustdoc_json(file).omit_blanket_impls(true).build()?;
        Ok(Some(Self { docs: serde_json::from_str(&text)?, items: public.into_items().collect() }))
    }

    /// The version in the crate's Cargo.toml.
    pub(crate) fn version(&self) -> anyhow::Result<Version> {
        self.docs.crate_version.as_deref().context("the crate has no version")?.parse()
    }

    pub(crate) fn item(&self, id: Id) -> Option<&Item> {
        self.docs.index.get(&id)
    }

    fn parent(&self, public: &PublicItem) -> Option<&Item> {
        self.item(public.parent_id()?)
    }

    /// True where an item stands in a block that implements a trait.
    pub(crate) fn is_of_a_trait_impl(&self, public: &PublicItem) -> bool {
        matches!(self.parent(public).map(|item| &item.inner), Some(ItemEnum::Impl(block)) if block.trait_.is_some())
    }

    /// What an item belongs to: the type of its `impl` block, its trait, or the module that shows it.
    pub(crate) fn owner(&self, public: &PublicItem) -> Option<&Item> {
        let parent = self.parent(public)?;
        match &parent.inner {
            ItemEnum::Impl(block) => match &block.for_ {
                Type::ResolvedPath(path) => self.item(path.id),
                _ => Some(parent),
            },
            _ => Some(parent),
        }
    }
}
