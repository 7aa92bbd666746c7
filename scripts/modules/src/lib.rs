//! Computes which module of a crate names items of which others, and finds the circles in that.
//!
//! A *node* is a module: a file, or a `mod x { … }` inside one. An *edge* leads from a module to the module that
//! **defines** an item that the first one names: in `use` and `pub use`, in a type, an expression, a pattern, an
//! attribute, inside a macro. Names are followed through `use` and `pub use` to the definition, so a re-export moves
//! nothing. Three things are no edge: `mod x;` (a declaration), a name that stops at a module (`use crate::store;`
//! alone), and a method call (methods have no path). A glob counts as naming the module that it opens. A *circle* is
//! a set of nodes each of which reaches all others: none of them can be read, moved or tested without the others.
//!
//! A second graph looks at folders, where two may depend on each other although none of their files do: inside each
//! module its nodes are the module's own text and each child with all that is below it.
//!
//! Cargo sees to it that crates make no circle, so each is looked at alone.

mod circles;
mod crates;
mod graph;
mod names;
mod resolve;
mod tree;

pub use circles::{Circle, circles};
pub use crates::{CrateRoot, workspace};
pub use graph::{Edge, Graph, of_folders, of_modules};
pub use tree::{Module, Tree};
