//! The circles in a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::graph::{Edge, Graph};

/// Nodes that each reach all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// Their names, sorted.
    pub nodes: Vec<String>,
    /// All edges between them.
    pub edges: Vec<Edge>,
    /// A shortest way round.
    pub way: Vec<Edge>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a circle of {}: {}", self.nodes.len(), self.nodes.join(", "))?;
        for edge in &self.way {
            writeln!(f, "  {edge}")?;
        }
        Ok(())
    }
}

/// The circles of a graph, largest first.
pub fn circles(graph: &Graph) -> Vec<Circle> {
    let nodes: BTreeSet<&str> = graph.edges.keys().map(|(from, _)| from.as_str()).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        nodes.iter().map(|node| (*node, reach(graph, node))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut circles = Vec::new();
    for node in nodes {
        if !seen.contains(node) && reaches(node, node) {
            let ring: BTreeSet<&str> =
                reached[node].iter().copied().filter(|other| reaches(other, node)).collect();
            seen.extend(&ring);
            circles.push(circle(graph, &ring));
        }
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.nodes.len()));
    circles
}

/// The edges that begin here.
fn from<'a>(graph: &'a Graph, node: &str) -> impl Iterator<Item = &'a Edge> {
    let first = (node.to_owned(), String::new());
    let node = node.to_owned();
    graph.edges.range(first..).take_while(move |((from, _), _)| *from == node).map(|(_, edge)| edge)
}

/// What can be reached from here over at least one edge.
fn reach<'a>(graph: &'a Graph, node: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&Edge> = from(graph, node).collect();
    while let Some(edge) = left.pop() {
        if reached.insert(edge.to.as_str()) {
            left.extend(from(graph, &edge.to));
        }
    }
    reached
}

fn circle(graph: &Graph, ring: &BTreeSet<&str>) -> Circle {
    let inside = |edge: &&Edge| ring.contains(edge.from.as_str()) && ring.contains(edge.to.as_str());
    let way = ring.iter().map(|start| way_round(graph, ring, start)).min_by_key(Vec::len).unwrap_or_default();
    Circle {
        nodes: ring.iter().map(|node| (*node).to_owned()).collect(),
        edges: graph.edges.values().filter(inside).cloned().collect(),
        way: way.into_iter().cloned().collect(),
    }
}

/// The edges of a shortest way inside the ring from `start` back to it.
fn way_round<'a>(graph: &'a Graph, ring: &BTreeSet<&str>, start: &str) -> Vec<&'a Edge> {
    let mut came: BTreeMap<&str, &Edge> = BTreeMap::new();
    let mut left = VecDeque::from([start.to_owned()]);
    while let Some(node) = left.pop_front() {
        for edge in from(graph, &node).filter(|edge| ring.contains(edge.to.as_str())) {
            if !came.contains_key(edge.to.as_str()) {
                came.insert(&edge.to, edge);
                left.push_back(edge.to.clone());
            }
        }
    }
    let mut way: Vec<&Edge> = Vec::new();
    let mut at = start;
    while let Some(edge) = came.get(at) {
        way.push(edge);
        at = &edge.from;
        if at == start {
            break;
        }
    }
    way.reverse();
    way
}
