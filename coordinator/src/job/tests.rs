//! What people get wrong in job files, and what they are told.

use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::outcome::Reason;
use crate::pool::{BatchSize, Order};
use crate::testing::KINDS;

fn load_text(text: &str, overrides: &[(&str, &str)]) -> Result<Job, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    fs::write(&path, text).unwrap();
    let overrides = overrides.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let source = JobSource { path, overrides, plan: PlanOptions::default() };
    let folder_name = format!("{}/", folder.path().display());
    load(&source, KINDS).map_err(|errors| errors.to_string().replace(&folder_name, ""))
}

fn errors(text: &str) -> String {
    load_text(text, &[]).map(|job| job.name).unwrap_err()
}

const INPUT: &str = "kind = \"echo\"\ninput.texts = [\"a\"]\n";

#[test]
fn every_setting_is_read() {
    let text = format!(
        "{INPUT}name = \"n\"\n[run]\nworkers = 3\norder = \"completion\"\nretries = 5\nretry_on = [\"error\", \"error\"]\n\
         timeout = \"1h30m\"\nsoft_timeout = 1.5\nbatch = 7\nmemory = \"1GiB\"\ncpu_seconds = 60\n\
         open_files = 64\nfile_size = \"1MB\"\npriority = -3\nmax_tasks_per_worker = 100\n\
         max_memory_growth = \"100MiB\"\nmax_failures = 9\nfail_fast = false\ngrace = 0\n\
         [output]\npath = \"out/r.csv\"\n"
    );
    let job = load_text(&text, &[]).map_err(|errors| panic!("{errors}")).unwrap();
    let options = job.run.pool_options(job.kind);
    assert_eq!(job.name, "n");
    assert_eq!(options.workers.get(), 3);
    assert_eq!(job.run.result_order(), Order::Completion);
    assert_eq!((options.retries, options.retry_on), (5, vec![Reason::Error]));
    assert_eq!(options.timeout, Some(Duration::from_secs(5_400)));
    assert_eq!(options.soft_timeout, Some(Duration::from_millis(1_500)));
    assert_eq!(options.batch, BatchSize::Fixed(NonZeroU32::new(7).unwrap()));
    assert_eq!((options.limits.memory, options.limits.cpu_seconds), (Some(1 << 30), Some(60)));
    assert_eq!((options.limits.open_files, options.limits.file_size), (Some(64), Some(1_000_000)));
    assert_eq!(job.run.priority, Some(-3));
    assert_eq!(options.max_tasks_per_worker.map(std::num::NonZeroU64::get), Some(100));
    assert_eq!((options.max_memory_growth, options.max_failures), (Some(100 << 20), Some(9)));
    assert_eq!(options.grace, Duration::ZERO);
    let output = job.output.unwrap();
    assert!(output.path.ends_with("out/r.csv") && output.path.is_absolute());
    assert_eq!(output.format, Format::Csv);
}

#[test]
fn a_job_file_may_leave_everything_out() {
    let job = load_text(INPUT, &[]).map_err(|errors| panic!("{errors}")).unwrap();
    let options = job.run.pool_options(job.kind);
    assert_eq!(job.name, "job");
    assert_eq!(options.workers, Workers::Auto.count());
    assert_eq!((job.run.result_order(), options.retries, options.timeout), (Order::Input, 2, None));
    assert_eq!(job.plan.total, Some(1));
}

#[test]
fn a_flag_wins_over_the_job_file_and_the_job_file_over_the_default() {
    let flags = RunSettings { retries: Some(0), ..RunSettings::default() };
    let file = RunSettings { retries: Some(7), grace: Some(Duration::ZERO), ..RunSettings::default() };
    let merged = flags.or(file);
    assert_eq!((merged.retries, merged.grace, merged.timeout), (Some(0), Some(Duration::ZERO), None));
}

#[test]
fn errors_are_tried_again_only_where_that_can_help() {
    let plain = RunSettings::default().pool_options(find_kind("echo", KINDS).unwrap()).retry_on;
    assert!(!plain.contains(&Reason::Error) && !plain.contains(&Reason::Panic));
    assert!(plain.contains(&Reason::Signal));
    let dice = RunSettings::default().pool_options(find_kind("dice", KINDS).unwrap()).retry_on;
    assert!(dice.contains(&Reason::Error) && dice.contains(&Reason::Panic));
}

#[test]
fn all_errors_are_told_at_once_in_the_order_of_the_file() {
    let text = "kind = \"echo\"\n[input]\ntexts = [\"a\", 7]\n[run]\nworkers = 0\nretrys = 1\norder = \"imput\"\n\
                retry_on = [\"signal\", \"sneeze\"]\ntimeout = \"30x\"\n[output]\npath = \"r.txt\"\n";
    let expected = "\
job.toml:3:15: `input.texts[1]`: 7 is not text in quotes
job.toml:5:11: `run.workers`: 0 is too small: at least 1
job.toml:6:1: `run.retrys`: is not a known key
  did you mean `retries`?
job.toml:7:9: `run.order`: \"imput\" is not an order (did you mean `input`?); known: input, completion
job.toml:8:23: `run.retry_on[1]`: \"sneeze\" is not a reason that a task can be tried again after; \
known: error, panic, signal, exit, timeout, memory, protocol
job.toml:9:11: `run.timeout`: \"30x\" is not a length of time; for example 30s, 1.5s, 500ms, 1h30m, \
or a number of seconds
job.toml:11:8: `output.path`: \"r.txt\" ends in neither .jsonl nor .csv";
    assert_eq!(errors(text), expected);
}

#[test]
fn an_unknown_kind_gets_a_suggestion() {
    let text = errors("kind = \"ecko\"\n[run]\nworker = 1\n");
    let expected = "job.toml:1:8: `kind`: \"ecko\" is not a known kind\n  did you mean `echo`?\n\
                    job.toml:3:1: `run.worker`: is not a known key\n  did you mean `workers`?";
    assert_eq!(text, expected);
    // Hidden kinds can be asked for, but are not advertised.
    assert!(errors("kind = \"mandelbrot\"\n").ends_with("\n  known: echo"));
}

#[test]
fn a_key_that_a_failed_plan_did_not_ask_for_is_not_called_unknown() {
    let text = errors("kind = \"echo\"\n[input]\ntexts = 1\n[params]\nloud = true\nlouder = true\n");
    assert!(!text.contains("`params.loud`:"), "{text}");
    assert!(text.contains("`params.louder`: is not a known key"), "{text}");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let text = errors(&format!("{INPUT}[run]\ntimeout = \"1s\"\nsoft_timeout = \"2s\"\n"));
    assert!(
        text.contains("job.toml:5:16: `run.soft_timeout`: \"2s\" is not shorter than `run.timeout`"),
        "{text}"
    );
    let text = errors(&format!("{INPUT}[run]\nfail_fast = true\nmax_failures = 2\n"));
    assert!(text.contains("`run.fail_fast`: contradicts `run.max_failures`"), "{text}");
}

#[test]
fn fail_fast_is_no_failure_allowed() {
    let job = load_text(&format!("{INPUT}run.fail_fast = true\n"), &[]).map_err(|e| panic!("{e}")).unwrap();
    assert_eq!(job.run.max_failures, Some(0));
}

#[test]
fn values_of_the_wrong_type_are_told_what_they_should_be() {
    let text =
        errors(&format!("{INPUT}[run]\nworkers = [1]\ntimeout = true\nfail_fast = 1\nretries = 1.5\n"));
    assert!(text.contains("`run.workers`: a list is not a number of workers"), "{text}");
    assert!(text.contains("`run.timeout`: true is not a length of time"), "{text}");
    assert!(text.contains("`run.fail_fast`: 1 is not true or false"), "{text}");
    assert!(text.contains("`run.retries`: 1.5 is not a whole number"), "{text}");
}

#[test]
fn an_override_replaces_what_the_file_says() {
    let overrides = [("input.texts", "[\"x\", \"y\"]"), ("run.retries", "0")];
    let job = load_text(INPUT, &overrides).map_err(|errors| panic!("{errors}")).unwrap();
    assert_eq!((job.plan.total, job.run.retries), (Some(2), Some(0)));
    let text = load_text(INPUT, &[("run.retries", "-1")]).map(|job| job.name).unwrap_err();
    assert!(text.contains("`run.retries`: -1 is too small: it can't be negative"), "{text}");
}

#[test]
fn an_empty_file_and_nonsense_are_told_with_their_place() {
    assert!(errors("").contains("job.toml: `kind`: is required"));
    assert!(errors("kind = \"echo\"\n[run\n").starts_with("job.toml:2:"));
    assert!(errors("\0").starts_with("job.toml:1:"));
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    assert!(load_text(&format!("\u{feff}{INPUT}"), &[]).is_ok());
}
