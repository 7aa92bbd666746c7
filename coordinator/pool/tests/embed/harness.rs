//! As much of a test harness as `cargo test` and `cargo nextest` ask for.

use std::path::Path;

/// A name and what to run.
pub(crate) type Test = (&'static str, fn());

/// Lists the tests, or runs those that the arguments name: as whole names after `--exact`, else as parts of them.
pub(crate) fn main(tests: &[&[Test]]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let all = tests.iter().flat_map(|tests| tests.iter());
    if has("--list") {
        // No test is ignored.
        all.filter(|_| !has("--ignored")).for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| match has("--exact") {
        true => names.iter().any(|wanted| *wanted == name),
        false => names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str())),
    };
    for (name, test) in all.filter(|(name, _)| is_wanted(name)) {
        test();
        println!("test {name} ... ok");
    }
}

/// Waits for something that will happen; fails after a minute, which is for ever.
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if happened() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("waited a minute for: {what}");
}

/// True where this process is there.
pub(crate) fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
