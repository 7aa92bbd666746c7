//! Looks at processes from outside, through /proc. Whatever is gone meanwhile counts for nothing.

use std::collections::{HashMap, HashSet};
use std::fs;

/// The ids of a process and of all its descendants, zombies left out.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents: HashMap<u32, u32> = numbers("/proc")
        .filter_map(|pid| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect();
    descendants(root, &parents)
}

/// The parent of a process, as its `stat` has it; none of a zombie, which has neither memory nor threads.
fn parent(stat: &str) -> Option<u32> {
    // The name before it may have parentheses and spaces of its own.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    (fields.next()? != "Z").then_some(())?;
    fields.next()?.parse().ok()
}

fn descendants(root: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut found = HashSet::from([root]);
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            let mut found: Vec<u32> = found.into_iter().collect();
            found.sort_unstable();
            return found;
        }
        found.extend(more);
    }
}

/// Bytes of memory; what several processes share is divided by their number.
pub(crate) fn proportional_memory(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    lines_of(&rollup, |name| name == "Pss") * 1024
}

/// Seconds of processor time, and context switches, of all threads since their start.
pub(crate) fn activity(pids: &[u32]) -> (f64, f64) {
    let (mut nanos, mut switches) = (0, 0);
    for pid in pids {
        for thread in numbers(&format!("/proc/{pid}/task")) {
            let read = |file: &str| {
                fs::read_to_string(format!("/proc/{pid}/task/{thread}/{file}")).unwrap_or_default()
            };
            let ran = read("schedstat");
            nanos += ran.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0_u64);
            switches += lines_of(&read("status"), |name| name.ends_with("ctxt_switches"));
        }
    }
    (nanos as f64 / 1e9, switches as f64)
}

/// The sum of the first numbers of lines `name: number …` with such names.
fn lines_of(text: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let number = |rest: &str| rest.split_whitespace().next()?.parse::<u64>().ok();
    let lines = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| wanted(name));
    lines.filter_map(|(_, rest)| number(rest)).sum()
}

fn numbers(folder: &str) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name_and_a_zombie_has_none() {
        assert_eq!(parent("7 (a (b) c) S 3 7 7"), Some(3));
        assert_eq!(parent("7 (a) Z 3 7 7"), None);
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn descendants_are_found_over_generations() {
        let parents = HashMap::from([(2, 1), (3, 2), (4, 3), (9, 8)]);
        assert_eq!(descendants(2, &parents), [2, 3, 4]);
        assert_eq!(descendants(5, &parents), [5]);
    }

    #[test]
    fn numbers_of_lines_are_added_up() {
        let text = "Rss:  9 kB\nPss:  4 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n";
        assert_eq!(lines_of(text, |name| name == "Pss"), 4);
        assert_eq!(lines_of(text, |name| name.ends_with("ctxt_switches")), 7);
    }

    #[test]
    fn we_are_in_our_own_tree_and_have_memory() {
        let own = std::process::id();
        assert!(tree(own).contains(&own));
        assert!(proportional_memory(own) > 0);
    }
}
