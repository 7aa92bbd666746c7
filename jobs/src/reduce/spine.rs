//! A binary tree that is built from the left, one leaf at a time, and keeps only its right edge.

/// The edge: complete subtrees, each higher than the next.
///
/// The shape depends on nothing but the number of leaves: the left child of every node is the largest
/// complete tree that leaves something for the right one. Where slices that start and end at multiples of a
/// power of two are built apart, and their roots put together by the same rule, it is the same tree.
#[derive(Debug)]
pub(super) struct Spine<T> {
    // Invariant: heights decrease strictly.
    edge: Vec<(u32, T)>,
}

impl<T> Spine<T> {
    /// No leaves.
    pub(super) fn new() -> Self {
        Self { edge: Vec::new() }
    }

    /// Adds the next leaf. `merge` takes a left and a right child.
    pub(super) fn push(&mut self, leaf: T, merge: impl Fn(T, T) -> Option<T>) -> Option<()> {
        let (mut height, mut node) = (0, leaf);
        while let Some((_, left)) = self.edge.pop_if(|(above, _)| *above == height) {
            node = merge(left, node)?;
            height += 1;
        }
        self.edge.push((height, node));
        Some(())
    }

    /// The root, or `None` where there are no leaves (or `merge` failed).
    pub(super) fn finish(mut self, merge: impl Fn(T, T) -> Option<T>) -> Option<T> {
        let (_, mut root) = self.edge.pop()?;
        while let Some((_, left)) = self.edge.pop() {
            root = merge(left, root)?;
        }
        Some(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(leaves: std::ops::Range<usize>) -> Option<String> {
        let merge = |left: String, right: String| Some(format!("({left} {right})"));
        let mut spine = Spine::new();
        for leaf in leaves {
            spine.push(leaf.to_string(), merge)?;
        }
        spine.finish(merge)
    }

    #[test]
    fn the_left_child_is_the_largest_complete_tree() {
        assert_eq!(shape(0..0), None);
        assert_eq!(shape(0..1).unwrap(), "0");
        assert_eq!(shape(0..3).unwrap(), "((0 1) 2)");
        assert_eq!(shape(0..7).unwrap(), "(((0 1) (2 3)) ((4 5) 6))");
    }

    #[test]
    fn slices_at_powers_of_two_make_the_same_tree() {
        let (left, right) = (shape(0..4).unwrap(), shape(4..7).unwrap());
        assert_eq!(shape(0..7).unwrap(), format!("({left} {right})"));
    }
}
