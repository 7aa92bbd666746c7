//! The two graphs of a crate: of its modules, and of its folders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::names::Segments;
use crate::resolve::Found;
use crate::tree::Tree;

/// One module names an item of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The module that names it.
    pub from: String,
    /// The module that defines it.
    pub to: String,
    /// Where the first such name stands.
    pub file: PathBuf,
    /// The line of it.
    pub line: usize,
    /// The name as it is written there.
    pub name: String,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edge { from, to, file, line, name } = self;
        write!(f, "{}:{line}: {from} -> {to} ({name})", file.display())
    }
}

/// Edges by their ends; for each pair of nodes the first name that makes it one.
#[derive(Debug, Default)]
pub struct Graph {
    pub(crate) edges: BTreeMap<(String, String), Edge>,
}

impl Graph {
    /// Its edges, in the order of their ends.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.values()
    }

    fn add(&mut self, edge: Edge) {
        self.edges.entry((edge.from.clone(), edge.to.clone())).or_insert(edge);
    }
}

/// The graph whose nodes are modules.
pub fn of_modules(tree: &Tree) -> Graph {
    let mut graph = Graph::default();
    for (from, to, edge) in edges(tree) {
        if from != to {
            graph.add(edge);
        }
    }
    graph
}

/// The graph whose nodes are, inside each module, that module's own text (`store itself`) and each module below it
/// with all that is in it (`store::pack and below`). Tests don't count here: those of one folder may use another.
pub fn of_folders(tree: &Tree) -> Graph {
    let mut graph = Graph::default();
    for (from, to, edge) in edges(tree) {
        if from == to || tree.modules[from].test {
            continue;
        }
        let (from, to) = (tree.ancestors(from), tree.ancestors(to));
        let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        let node = |way: &[usize]| match way.get(shared) {
            Some(child) => format!("{} and below", tree.modules[*child].path),
            None => format!("{} itself", tree.modules[way[shared - 1]].path),
        };
        graph.add(Edge { from: node(&from), to: node(&to), ..edge });
    }
    graph
}

/// Every name in the crate that leads to a module, as the modules that it leads from and to.
fn edges(tree: &Tree) -> Vec<(usize, usize, Edge)> {
    let mut edges = Vec::new();
    for (id, module) in tree.modules.iter().enumerate() {
        let mut add = |to: usize, line: usize, name: String| {
            let (from, end) = (module.path.clone(), tree.modules[to].path.clone());
            edges.push((id, to, Edge { from, to: end, file: module.file.clone(), line, name }));
        };
        for named in &module.names.paths {
            if let Found::Item(to) = tree.resolve(id, &named.path) {
                add(to, named.line, named.path.join("::"));
            }
        }
        for named in &module.names.globs {
            if let Found::Item(to) | Found::Module(to) = tree.resolve(id, &named.path) {
                add(to, named.line, format!("{}::*", named.path.join("::")));
            }
        }
        for named in &module.names.macros {
            if let Some(to) = macro_of(tree, id, &named.path) {
                add(to, named.line, format!("{}!", named.path.join("::")));
            }
        }
    }
    edges
}

/// The module whose macro this is: imported, or defined here or around here.
fn macro_of(tree: &Tree, at: usize, path: &Segments) -> Option<usize> {
    match tree.resolve(at, path) {
        Found::Item(to) => Some(to),
        _ => tree.ancestors(at).into_iter().rev().find(|id| tree.modules[*id].macros.contains(&path[0])),
    }
}
