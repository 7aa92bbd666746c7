//! Every path that the text of one module names, without those of the modules inside it.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// A path as it is written: `["super", "Queue"]`.
pub(crate) type Segments = Vec<String>;

/// A path and the line that it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) path: Segments,
    pub(crate) line: usize,
}

/// What a module names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Everything that it names, those in `use` too.
    pub(crate) paths: Vec<Named>,
    /// What a `use` brings into its scope, under which name.
    pub(crate) imports: Vec<(String, Segments)>,
    /// The paths of `use path::*`.
    pub(crate) globs: Vec<Named>,
    /// The macros that it calls without a path.
    pub(crate) macros: Vec<Named>,
}

/// Collects what the items name.
pub(crate) fn of(items: &[Item]) -> Names {
    let mut names = Names::default();
    for item in items {
        names.visit_item(item);
    }
    names
}

impl Names {
    fn add_use(&mut self, tree: &UseTree, prefix: &Segments, line: usize) {
        let with = |name: &syn::Ident| prefix.iter().cloned().chain([name.to_string()]).collect::<Segments>();
        match tree {
            UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident), line),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, prefix, line);
                }
            }
            UseTree::Glob(_) => self.globs.push(Named { path: prefix.clone(), line }),
            UseTree::Name(name) if name.ident == "self" => {
                let last = prefix.last().cloned().unwrap_or_default();
                self.import(last, prefix.clone(), line);
            }
            UseTree::Name(name) => self.import(name.ident.to_string(), with(&name.ident), line),
            UseTree::Rename(name) if name.ident == "self" => {
                self.import(name.rename.to_string(), prefix.clone(), line);
            }
            UseTree::Rename(name) => self.import(name.rename.to_string(), with(&name.ident), line),
        }
    }

    fn import(&mut self, name: String, path: Segments, line: usize) {
        self.paths.push(Named { path: path.clone(), line });
        self.imports.push((name, path));
    }

    /// Looks for paths among tokens that have no syntax yet: macros and attributes.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) if punct.as_char() == '$' => self.flush(&mut path, line),
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.flush(&mut path, line);
                    }
                    if path.is_empty() {
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.flush(&mut path, line);
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        TokenTree::Literal(literal) => self.add_text(&literal),
                        _ => {}
                    }
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Segments, line: usize) {
        if !path.is_empty() {
            self.paths.push(Named { path: std::mem::take(path), line });
        }
    }

    /// A path in quotes, as `#[serde(with = "crate::x")]` has it.
    fn add_text(&mut self, literal: &proc_macro2::Literal) {
        let text = literal.to_string();
        let text = text.trim_matches('"');
        if ["crate::", "super::", "self::"].iter().any(|start| text.starts_with(start))
            && let Ok(path) = syn::parse_str::<syn::Path>(text)
        {
            self.add_path(&path, literal.span().start().line);
        }
    }

    fn add_path(&mut self, path: &syn::Path, line: usize) {
        // `::name` is a crate, never one of ours.
        if path.leading_colon.is_none() {
            let path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.paths.push(Named { path, line });
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    /// Another module.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.add_use(&item.tree, &Segments::new(), item.use_token.span.start().line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path, line_of(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        let line = line_of(&found.path);
        match found.path.get_ident() {
            Some(name) => self.macros.push(Named { path: vec![name.to_string()], line }),
            None => self.add_path(&found.path, line),
        }
        self.add_tokens(found.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    /// `pub(in path)` names an ancestor without using anything of it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn line_of(path: &syn::Path) -> usize {
    path.segments.first().map_or(0, |segment| segment.ident.span().start().line)
}
