//! From a path to the module that defines what it names.

use crate::names::Segments;
use crate::tree::Tree;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that this module defines.
    Item(usize),
    /// A module itself.
    Module(usize),
    /// Nothing of this crate.
    Outside,
}

/// `use` may lead in a ring (two modules that open each other), which must end.
const DEEPEST: usize = 16;

impl Tree {
    /// What `path` means in the module `at`.
    pub(crate) fn resolve(&self, at: usize, path: &Segments) -> Found {
        self.follow(at, path, 0)
    }

    fn follow(&self, at: usize, path: &Segments, depth: usize) -> Found {
        if depth > DEEPEST {
            return Found::Outside;
        }
        let mut module = at;
        let mut rest = path.as_slice();
        while let [first, after @ ..] = rest {
            module = match first.as_str() {
                "crate" => 0,
                "self" => module,
                "super" => match self.modules[module].parent {
                    Some(parent) => parent,
                    None => return Found::Outside,
                },
                _ => break,
            };
            rest = after;
        }
        while let [name, after @ ..] = rest {
            match self.look_up(module, name, after.is_empty(), depth) {
                Found::Module(next) => module = next,
                other => return other,
            }
            rest = after;
        }
        Found::Module(module)
    }

    /// What `name` is in this module. A name may be a module and something else at once: in the middle of a path it
    /// is the module, at its end rather the other.
    fn look_up(&self, at: usize, name: &str, last: bool, depth: usize) -> Found {
        let module = &self.modules[at];
        let child = module.children.get(name).map(|child| Found::Module(*child));
        if module.items.contains(name) && (last || child.is_none()) {
            return Found::Item(at);
        }
        if let Some(child) = child
            && !last
        {
            return child;
        }
        let imports = module.names.imports.iter().filter(|(known, _)| known == name);
        // `use x::x;` would find itself by its own first segment.
        let imports = imports.map(|(_, path)| match path.as_slice() {
            [first, ..] if first == name && child.is_none() => Found::Outside,
            _ => self.follow(at, path, depth + 1),
        });
        let globs = module.names.globs.iter().map(|glob| match self.follow(at, &glob.path, depth + 1) {
            Found::Module(opened) if opened != at => self.look_up(opened, name, last, depth + 1),
            // The variants of an enum: that it is opened is an edge already.
            _ => Found::Outside,
        });
        let mut found = child.unwrap_or(Found::Outside);
        for candidate in imports.chain(globs) {
            match candidate {
                Found::Item(_) => return candidate,
                Found::Module(_) => found = candidate,
                Found::Outside => {}
            }
        }
        found
    }

    /// The modules around this one, the root first and itself last.
    pub(crate) fn ancestors(&self, id: usize) -> Vec<usize> {
        let mut way: Vec<usize> = std::iter::successors(Some(id), |id| self.modules[*id].parent).collect();
        way.reverse();
        way
    }
}
