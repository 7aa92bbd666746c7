//! The modules of one crate as its files declare them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta};

use crate::names::{self, Names};

/// One module: a file, or a block inside one.
#[derive(Debug, Default)]
pub struct Module {
    /// Its path from the root of the crate: `queue::dispatch`; the root's is `crate`.
    pub path: String,
    /// The file that its text stands in.
    pub file: PathBuf,
    /// Whether only tests have it (`#[cfg(test)]`, on it or around it).
    pub test: bool,
    pub(crate) parent: Option<usize>,
    pub(crate) children: HashMap<String, usize>,
    /// What it defines itself, but for modules.
    pub(crate) items: HashSet<String>,
    /// The macros among that, which the modules inside it see too.
    pub(crate) macros: HashSet<String>,
    pub(crate) names: Names,
}

/// All modules of one crate; the first is its root.
#[derive(Debug, Default)]
pub struct Tree {
    /// The modules; every index in this crate is one into these.
    pub modules: Vec<Module>,
}

impl Tree {
    /// Reads the crate whose root is this file.
    pub fn read(root: &Path) -> anyhow::Result<Tree> {
        let mut tree = Tree::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.file("crate".to_owned(), root, folder, None)?;
        Ok(tree)
    }

    /// Adds the module that is a file of its own. `folder` is where its children's files lie.
    fn file(
        &mut self,
        path: String,
        file: &Path,
        folder: PathBuf,
        parent: Option<usize>,
    ) -> anyhow::Result<usize> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let parsed = syn::parse_file(&text).with_context(|| format!("{} is no Rust", file.display()))?;
        self.module(path, file, &folder, parent, &parsed.items)
    }

    fn module(
        &mut self,
        path: String,
        file: &Path,
        folder: &Path,
        parent: Option<usize>,
        items: &[Item],
    ) -> anyhow::Result<usize> {
        let own = self.modules.len();
        let names = names::of(items);
        let defined = items.iter().filter_map(defined).collect();
        let macros = items.iter().filter_map(macro_rules).collect();
        let file_of = file.to_owned();
        let module =
            Module { path, file: file_of, parent, items: defined, macros, names, ..Module::default() };
        self.modules.push(module);
        for item in items {
            let Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let path = match self.modules[own].path.as_str() {
                "crate" => name.clone(),
                path => format!("{path}::{name}"),
            };
            let id = match &child.content {
                Some((_, items)) => self.module(path, file, &folder.join(&name), Some(own), items)?,
                None => {
                    let (file, folder) = find(file, folder, &name, &child.attrs)?;
                    self.file(path, &file, folder, Some(own))?
                }
            };
            let test = child.attrs.iter().any(is_test) || self.modules[own].test;
            for module in &mut self.modules[id..] {
                module.test |= test;
            }
            self.modules[own].children.insert(name, id);
        }
        Ok(own)
    }
}

/// The file of `mod name;`, and where its children lie.
fn find(
    from: &Path,
    folder: &Path,
    name: &str,
    attributes: &[Attribute],
) -> anyhow::Result<(PathBuf, PathBuf)> {
    if let Some(path) = attributes.iter().find_map(path_attribute) {
        let file = from.parent().unwrap_or(Path::new("")).join(path);
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        return Ok((file, folder));
    }
    let below = folder.join(name);
    for file in [folder.join(format!("{name}.rs")), below.join("mod.rs")] {
        if file.is_file() {
            return Ok((file, below));
        }
    }
    bail!("{}: `mod {name};` has no file in {}", from.display(), folder.display())
}

/// What `#[path = "…"]` says.
fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("path").then(|| text.value())
}

/// Whether this is `#[cfg(test)]`.
fn is_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// The name that an item gives to this module.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn macro_rules(item: &Item) -> Option<String> {
    let Item::Macro(item) = item else { return None };
    Some(item.ident.as_ref()?.to_string())
}
