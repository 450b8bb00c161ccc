//! What depends on what inside one document, kept small: hashes of references, one buffer of names.
//!
//! In: references, names and edges as a document states them. Out: the shortest way from what the document
//! describes to one component. Must not know: any format.

use std::collections::hash_map::DefaultHasher;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};

/// Edges and nodes kept of one document: some 16 bytes each.
const MOST: usize = 8_000_000;

/// The dependencies of one document. Cycles, dangling and repeated references are all allowed.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Where the name of each node stands in `names`.
    nodes: HashMap<u64, (u32, u32)>,
    names: String,
    edges: Vec<(u64, u64)>,
    roots: Vec<u64>,
    twice: u64,
    full: bool,
}

/// The way from the product to a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Names from the product to the component, both included.
    pub names: Vec<String>,
    /// Other components that lead to it directly.
    pub more: usize,
}

impl Graph {
    /// The key of a reference. Two documents never share a graph, so only the text counts.
    #[must_use]
    pub fn key(reference: &str) -> u64 {
        // Keyed with constants: the same input gives the same report.
        let mut hasher = DefaultHasher::new();
        reference.hash(&mut hasher);
        hasher.finish()
    }

    /// A component with the name and version to show; the first stay.
    pub fn node(&mut self, reference: u64, name: &str, version: Option<&str>) {
        if self.nodes.len() >= MOST || self.names.len() > (u32::MAX as usize) / 2 {
            self.full = true;
            return;
        }
        let names = &mut self.names;
        let entry = self.nodes.entry(reference);
        self.twice += u64::from(matches!(entry, Entry::Occupied(_)));
        entry.or_insert_with(|| {
            let from = names.len();
            names.push_str(super::cut(name, 256));
            if let Some(version) = version {
                names.push(' ');
                names.push_str(super::cut(version, 64));
            }
            (u32::try_from(from).unwrap_or(0), u32::try_from(names.len()).unwrap_or(0))
        });
    }

    /// `from` depends on `to`, or holds it.
    pub fn edge(&mut self, from: u64, to: u64) {
        if self.edges.len() >= MOST {
            self.full = true;
        } else if from != to {
            self.edges.push((from, to));
        }
    }

    /// What the document describes: ways begin here.
    pub fn root(&mut self, reference: u64) {
        self.roots.push(reference);
    }

    /// True when not everything could be kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// References that stand for several nodes, and edges to what is no node.
    #[must_use]
    pub fn faults(&self) -> (u64, u64) {
        let known = |node: &u64| self.nodes.contains_key(node) || self.roots.contains(node);
        let dangling = if self.full { 0 } else { self.edges.iter().filter(|(_, to)| !known(to)).count() as u64 };
        (self.twice, dangling)
    }

    /// Edges stated.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.edges.len()
    }

    fn name(&self, node: u64) -> String {
        let (from, to) = self.nodes.get(&node).copied().unwrap_or_default();
        self.names.get(from as usize..to as usize).unwrap_or_default().to_owned()
    }

    /// The shortest way to each of the wanted components that has one.
    #[must_use]
    pub fn routes(&self, wanted: &HashSet<u64>) -> HashMap<u64, Route> {
        if wanted.is_empty() || self.edges.is_empty() {
            return HashMap::new();
        }
        let mut edges = self.edges.clone();
        edges.sort_unstable();
        edges.dedup();
        let after = |node: u64| {
            let from = edges.partition_point(|(f, _)| *f < node);
            edges.iter().skip(from).take_while(move |(f, _)| *f == node).map(|(_, to)| *to)
        };
        let roots = if self.roots.is_empty() {
            // Without a stated root, whatever nothing depends on.
            let targets: HashSet<u64> = edges.iter().map(|(_, to)| *to).collect();
            let mut free: Vec<u64> = edges.iter().map(|(from, _)| *from).filter(|f| !targets.contains(f)).collect();
            free.dedup();
            free
        } else {
            self.roots.clone()
        };
        let mut before: HashMap<u64, u64> = HashMap::new();
        let mut queue: VecDeque<u64> = VecDeque::new();
        for root in roots {
            if before.insert(root, root).is_none() {
                queue.push_back(root);
            }
        }
        let mut parents: HashMap<u64, usize> = HashMap::new();
        while let Some(node) = queue.pop_front() {
            for next in after(node) {
                if wanted.contains(&next) {
                    *parents.entry(next).or_default() += 1;
                }
                before.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    node
                });
            }
        }
        let way = |end: u64| {
            let mut names = Vec::new();
            let mut at = end;
            // A way visits no node twice, so it ends; real ones are short, and so is what is shown.
            while names.len() < 64 {
                names.push(self.name(at));
                match before.get(&at) {
                    Some(previous) if *previous != at => at = *previous,
                    _ => break,
                }
            }
            names.reverse();
            Route { names, more: parents.get(&end).copied().unwrap_or(0).saturating_sub(1) }
        };
        wanted
            .iter()
            .filter(|w| before.contains_key(w))
            .map(|w| (*w, way(*w)))
            .filter(|(_, r)| r.names.len() > 1)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in edges {
            for node in [from, to] {
                graph.node(Graph::key(node), node, None);
            }
            graph.edge(Graph::key(from), Graph::key(to));
        }
        graph
    }

    fn way(graph: &Graph, to: &str) -> Option<(String, usize)> {
        let key = Graph::key(to);
        graph.routes(&HashSet::from([key])).remove(&key).map(|r| (r.names.join(">"), r.more))
    }

    #[test]
    fn the_shortest_way_is_shown_and_the_others_are_counted() {
        let mut g = graph(&[("app", "a"), ("a", "b"), ("b", "engine"), ("app", "c"), ("c", "engine")]);
        g.root(Graph::key("app"));
        assert_eq!(way(&g, "engine"), Some(("app>c>engine".to_owned(), 1)));
        assert_eq!(way(&g, "app"), None);
        assert_eq!(way(&g, "nowhere"), None);
    }

    #[test]
    fn cycles_end_and_a_missing_root_is_found() {
        assert_eq!(way(&graph(&[("app", "a"), ("a", "b"), ("b", "a")]), "b"), Some(("app>a>b".to_owned(), 0)));
        let mut g = graph(&[("a", "b"), ("b", "a")]);
        assert_eq!(way(&g, "b"), None, "nothing to begin at");
        g.root(Graph::key("a"));
        assert_eq!(way(&g, "b"), Some(("a>b".to_owned(), 0)));
    }
}
