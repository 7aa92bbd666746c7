//! The coordinator's memory does not grow with the number of tasks.
//!
//! `MEMORY_TASKS` makes it longer (the default is what a test run can wait for).

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write;

use tests::Place;

/// The peak of resident memory while the command runs, in KiB.
fn peak_of(place: &Place, job: &str) -> u64 {
    let started = place.start(&["run", job, "--output", "out.jsonl", "--force", "-q"]);
    let status = format!("/proc/{}/status", started.child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
        peak = line.trim().trim_end_matches(" kB").parse().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    started.finish().expect_code(0);
    place.check_nothing_is_left();
    peak
}

fn tasks() -> u64 {
    std::env::var("MEMORY_TASKS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

#[test]
fn a_million_numbers_from_a_file_stay_below_64_mib_alone() {
    let place = Place::new();
    let mut text = String::new();
    for number in 0..tasks() {
        writeln!(text, "{}", number * 7919).unwrap();
    }
    place.write("numbers.txt", text);
    let job = place.write("job.toml", "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n");
    let peak = peak_of(&place, &job.display().to_string());
    println!("peak: {peak} KiB");
    assert!(peak > 0 && peak < 64 * 1024, "{peak} KiB");
}

#[test]
fn a_long_range_stays_below_64_mib_alone() {
    let place = Place::new();
    let text = format!("kind = \"primes\"\n[input]\nrange = {{ from = 0, to = {} }}\n", tasks());
    let job = place.write("job.toml", text);
    let peak = peak_of(&place, &job.display().to_string());
    println!("peak: {peak} KiB");
    assert!(peak > 0 && peak < 64 * 1024, "{peak} KiB");
}
