//! What is left of a run.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The processes whose temporary directory lies in `place`, as `pid state: command line`: the command, its
/// workers and all that those have started. Zombies have no environment left, and are told by their parents
/// not having collected them; a finished command has no children.
pub fn processes_of(place: &Path) -> Vec<String> {
    let marker: Vec<u8> = [b"TMPDIR=".as_slice(), place.as_os_str().as_bytes()].concat();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        if !environment.windows(marker.len()).any(|window| window == marker) {
            continue;
        }
        // A process that ends while it is looked at is not left.
        let Ok(status) = std::fs::read_to_string(path.join("stat")) else { continue };
        let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?');
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if state != 'Z' && state != 'X' {
            found.push(format!("{} {state}: {line}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

/// The process ids of the workers among them.
pub fn workers_of(place: &Path) -> Vec<i32> {
    let is_worker = |line: &String| line.contains("__worker");
    let pid = |line: String| line.split(' ').next().and_then(|pid| pid.parse().ok());
    processes_of(place).into_iter().filter(is_worker).filter_map(pid).collect()
}
