//! Times this build against other ways to run tasks, or against another build of it, its sides in turns, and prints the
//! medians as a table in Markdown. `scripts/bench.sh` installs what it compares with, and runs it.

mod build;
mod comparison;
mod figures;
mod jobs;
mod peers;
mod processes;
mod programs;
mod rounds;
mod suites;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::build::Build;
use crate::comparison::Comparison;
use crate::jobs::Place;
use crate::peers::Peers;
use crate::suites::{Bench, Suite};

const EXAMPLES: &str = "\
Examples:
  scripts/bench.sh                            the pool, five rounds: some minutes beside the build
  scripts/bench.sh --only trip                one comparison
  scripts/bench.sh jobs store --rounds 3      the kinds, and what keeping a run costs
  scripts/bench.sh --list                     what there is
  scripts/bench.sh --quick                    small; with BENCH_PROFILE=dev a mere trial of the program
  scripts/bench.sh --against ../old/target/release    this build and that one, in turns

Exit codes:
    0  everything was measured, and no goal is missed
    1  a side failed, or a goal is missed";

/// Times this build against other ways to run tasks, or against another build, in turns
#[derive(Debug, Parser)]
#[command(name = "scripts/bench.sh", after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// What is compared
    #[arg(value_enum, value_name = "SUITE", default_values_t = [Suite::Pool])]
    suites: Vec<Suite>,

    /// How often every side runs [default: 5; 7 with --against]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// Multiplies the numbers of tasks
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    scale: f64,

    /// Only comparisons with this in their name
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,

    /// One round of a fiftieth, to try the program
    #[arg(long)]
    quick: bool,

    /// Only say what would be compared
    #[arg(long)]
    list: bool,

    /// Hold this build against another one instead of peers: a folder with `coordinator` and `bench_pool` in it (a
    /// `target/release`), or another `coordinator` alone
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,

    /// The size of each array that jobs read, in MB; the table has 5/8 of it
    #[arg(long, value_name = "MB", default_value_t = 1600)]
    megabytes: u64,

    /// How many runs the store has when it is listed
    #[arg(long, value_name = "N", default_value_t = 1000)]
    runs: u64,

    /// The folder below target/ with this build's programs
    #[arg(long, value_name = "NAME", default_value = "release")]
    built: String,
}

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> anyhow::Result<bool> {
    let root = std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?.canonicalize()?;
    let scale = if arguments.quick { 0.02 } else { arguments.scale };
    let bench = Bench {
        place: Place::new(&root)?,
        peers: Peers::find(&root, &arguments.built),
        scale,
        megabytes: if arguments.quick { 16 } else { arguments.megabytes },
        runs: if arguments.quick { 10 } else { arguments.runs },
        root,
    };
    let builds = match arguments.list {
        true => None,
        false => Some(builds(arguments, &bench.root)?),
    };
    let comparisons = arguments.suites.iter().flat_map(|suite| suite.comparisons(&bench));
    let comparisons = comparisons.flat_map(|each| match &builds {
        Some((this, Some(other))) => each.of_builds(this, other),
        _ => vec![each],
    });
    let comparisons = comparisons.filter(|each| each.name.contains(&arguments.only));
    let Some((this, other)) = &builds else {
        comparisons.for_each(|each| println!("{}: {}", each.name, names(&each)));
        return Ok(true);
    };
    let default = if other.is_some() { 7 } else { 5 };
    let rounds = if arguments.quick { 1 } else { arguments.rounds.unwrap_or(default) };
    println!("{}.\n", head(&bench.peers));
    println!(
        "{} build, medians of {rounds}, {scale} of the tasks, load at the beginning {}.\n",
        arguments.built,
        load()
    );
    println!("{}", table::HEAD);
    let mut well = true;
    for comparison in comparisons {
        let measured = rounds::play(&comparison, rounds, this);
        let (lines, all_well) = table::rows(&comparison, &measured);
        lines.iter().for_each(|line| println!("{line}"));
        well &= all_well;
    }
    bench.place.tidy()?;
    Ok(well)
}

/// This build, and the one that it is held against.
fn builds(arguments: &Arguments, root: &Path) -> anyhow::Result<(Build, Option<Build>)> {
    let this = Build::in_folder("this", &root.join("target").join(&arguments.built))?;
    let other = arguments.against.as_ref().map(|path| Build::at("that", path)).transpose();
    Ok((this, other.context("--against")?))
}

fn names(comparison: &Comparison<'_>) -> String {
    comparison.sides.iter().map(|side| side.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The machine, and what is on it.
fn head(peers: &Peers) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("?", |(_, model)| model.trim());
    let release = read("/proc/sys/kernel/osrelease");
    let release: Vec<&str> = release.trim().split('.').take(2).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} × {model}, Linux {}, {}", release.join("."), peers.versions())
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
        let arguments = Arguments::parse_from(["bench", "jobs", "store", "--rounds", "3"]);
        assert_eq!((arguments.suites, arguments.rounds), (vec![Suite::Jobs, Suite::Store], Some(3)));
        assert_eq!(Arguments::parse_from(["bench"]).suites, [Suite::Pool]);
    }

    #[test]
    fn every_comparison_has_a_name_of_its_own_and_sides_to_compare() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let bench = Bench {
            place: Place::new(&root).unwrap(),
            peers: Peers::find(&root, "release"),
            scale: 1.0,
            megabytes: 16,
            runs: 10,
            root,
        };
        let suites = [Suite::Pool, Suite::Jobs, Suite::Store, Suite::Kernels];
        let all: Vec<_> = suites.into_iter().flat_map(|suite| suite.comparisons(&bench)).collect();
        let mut known: Vec<&str> = all.iter().map(|each| each.name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), all.len());
        for comparison in &all {
            assert!(!comparison.sides.is_empty() && !comparison.metrics.is_empty(), "{}", comparison.name);
        }
        let build = |name: &str| Build { name: name.into(), coordinator: PathBuf::new(), bench_pool: None };
        let (this, that) = (build("this"), build("that"));
        let builds = all.into_iter().flat_map(|each| each.of_builds(&this, &that));
        assert!(builds.map(|each| assert_eq!(each.sides.len(), 2, "{}", each.name)).count() > 40);
    }
}
