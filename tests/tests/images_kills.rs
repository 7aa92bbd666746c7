//! Workers of the images kind, killed between any two steps of their writing: every output is whole, and nothing
//! else is left.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;

use nix::errno::Errno;
use tests::{Place, run_with_worker_killed};

const IMAGES: u8 = 3;

/// A job that inverts small images.
fn job(place: &Place) -> String {
    fs::create_dir(place.path().join("in")).unwrap();
    for image in 0..IMAGES {
        let text = format!("P2 2 1 255 {image} 200\n");
        place.write(&format!("in/{image}.pgm"), text);
    }
    let text = "kind = \"images\"\n[input]\nglob = \"in/*.pgm\"\n[run]\nworkers = 2\nretries = 1\n\
                [[params.step]]\nop = \"invert\"\n[output]\ndir = \"out\"\nformat = \"pnm\"\n";
    place.write("job.toml", text).display().to_string()
}

/// All files in `out`, in order.
fn outputs(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(place.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Kills a worker before each of the workers' writes in turn, and compares what is there at the end with what a
/// calm run leaves. `prepare` makes what is there before.
fn kill_before_each_write(arguments: &[&str], at_least: u64, prepare: impl Fn(&Place)) {
    let calm = Place::in_memory();
    let calm_job = job(&calm);
    calm.run(&["run", &calm_job, "--store", "none", "-q"]).expect_code(0);
    let expected = outputs(&calm);
    assert_eq!(expected.len(), usize::from(IMAGES));
    for fatal in 1.. {
        let place = Place::in_memory();
        let job = job(&place);
        prepare(&place);
        let run = [&["run", &job, "--store", "none", "-q"], arguments].concat();
        let traced = match run_with_worker_killed(&place, &run, fatal) {
            Err(error @ (Errno::EPERM | Errno::EACCES | Errno::ENOSYS)) => {
                eprintln!("SKIPPED: this process may not trace another: {error}");
                assert!(std::env::var("CI").is_err(), "in CI a skip is a failure");
                return;
            }
            traced => traced.unwrap(),
        };
        assert_eq!(traced.code, Some(0), "{}", traced.stderr);
        assert_eq!(outputs(&place), expected, "a worker was killed before write {fatal}");
        if traced.writes < fatal {
            assert!(traced.writes >= at_least, "{} writes", traced.writes);
            return;
        }
    }
}

#[test]
fn a_worker_killed_while_it_makes_a_file_leaves_nothing() {
    // Each file is written and named.
    kill_before_each_write(&[], 2 * u64::from(IMAGES), |_| {});
}

#[test]
fn a_worker_killed_while_it_replaces_a_file_leaves_nothing() {
    // Each file is cut, written and renamed.
    kill_before_each_write(&["--force"], 3 * u64::from(IMAGES), |place| {
        fs::create_dir(place.path().join("out")).unwrap();
        for image in 0..IMAGES {
            place.write(&format!("out/{image}.pnm"), "something else");
        }
    });
}
