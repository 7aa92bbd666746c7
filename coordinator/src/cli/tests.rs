//! The command as people use it, without its process.

mod help;

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;
use crate::output::{Existing, Format, ScreenSettings};
use crate::pool::Order;
use crate::testing::KINDS;

const JOB: &str =
    "kind = \"echo\"\n[input]\ntexts = [\"a\", \"b\\u001b[2J\"]\n[run]\nworkers = 3\nretries = 0\n";

/// A folder with a job file in it.
fn folder(job: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("job.toml"), job).unwrap();
    folder
}

/// Arguments, with `@` for the folder.
fn parse(folder: &Path, args: &str) -> Result<Cli, clap::Error> {
    let args = args.replace('@', &format!("{}/", folder.display()));
    Cli::read(std::iter::once("coordinator").chain(args.split_whitespace()).map(Into::into))
}

/// What the command prints, or its error and what that means; `@` stands for the folder.
fn answer(folder: &Path, args: &str) -> Result<String, (Exit, String)> {
    let mut out = Vec::new();
    let cli = parse(folder, args).map_err(|error| (Exit::Usage, error.to_string()))?;
    let name = format!("{}/", folder.display());
    match dispatch(cli, KINDS, &mut out) {
        Ok(_) => Ok(String::from_utf8(out).unwrap().replace(&name, "@")),
        Err(error) => Err((Exit::of(&error), error_text(&error, false).replace(&name, "@"))),
    }
}

fn request(folder: &Path, args: &str) -> RunRequest {
    let Command::Run(args) = parse(folder, args).unwrap().command else { panic!("not `run`") };
    RunRequest::prepare(&args, Verbosity::Normal, KINDS).map_err(|error| panic!("{error}")).unwrap()
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn no_arguments_print_help_and_a_misspelt_word_gets_a_suggestion() {
    let here = Path::new(".");
    let error = parse(here, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    assert!(error.use_stderr());
    assert!(parse(here, "chekc job.toml").unwrap_err().to_string().contains("'check'"));
    assert!(parse(here, "run job.toml --worker 3").unwrap_err().to_string().contains("--workers"));
    assert!(parse(here, "run job.toml --order imput").unwrap_err().to_string().contains("'input'"));
}

#[test]
fn every_help_teaches_with_examples_and_exit_codes() {
    let mut command = Cli::command();
    command.build();
    for command in std::iter::once(&mut command.clone()).chain(command.get_subcommands_mut()) {
        let name = command.get_name().to_owned();
        if name == "help" {
            continue;
        }
        let help = command.render_long_help().to_string();
        assert!(
            help.contains("Examples:\n  coordinator ") && help.contains("Exit codes:\n    0"),
            "{name}: {help}"
        );
    }
}

#[test]
fn a_bad_value_of_a_flag_is_refused_with_the_reason() {
    for (args, part) in [
        ("run j -w 0", "invalid value '0' for '--workers <N|auto>': too small: at least 1"),
        (
            "run j --timeout 30x",
            "invalid value '30x' for '--timeout <TIME>': not a length of time; for example 30s",
        ),
        ("run j --memory 1G", "ambiguous: write 1GiB (powers of 1024) or 1GB (powers of 1000)"),
        ("run j -w -3", "invalid value '-3' for '--workers <N|auto>': too small: it can't be negative"),
        ("run j --retries -1", "invalid value '-1' for '--retries <N>': too small: it can't be negative"),
        ("run j --timeout -3", "invalid value '-3' for '--timeout <TIME>'"),
        ("scale j --workers -3", "invalid value '-3'"),
        ("runs list -n -3", "invalid value '-3'"),
        ("run j --set input", "it should be KEY=VALUE"),
        ("run j --retry-on signal,sneeze", "invalid value 'sneeze'"),
        ("run j --fail-fast --max-failures 3", "cannot be used with"),
        ("run j -q -v", "cannot be used with"),
    ] {
        let message = parse(Path::new("."), args).unwrap_err().to_string();
        assert!(message.contains(part), "{args}: {message}");
    }
}

#[test]
fn check_tells_what_a_job_would_do() {
    let folder = folder(JOB);
    let expected = "\
job             job (@job.toml)
kind            echo: gives back what it gets
tasks           2
                0: a
                1: b\\u{1b}[2J
workers         3
order           input
batch           auto
retries         none
limits          none
grace           10s
results         the standard output (text)
";
    assert_eq!(answer(folder.path(), "check @job.toml").unwrap(), expected);
    assert_eq!(answer(folder.path(), "run @job.toml --dry-run").unwrap(), expected);
}

#[test]
fn check_tells_every_error_and_exits_with_2() {
    let folder = folder("kind = \"echo\"\ninput.texts = [1]\nrun.workers = 0\n");
    let (exit, text) = answer(folder.path(), "check @job.toml").unwrap_err();
    assert_eq!(exit, Exit::Usage);
    let expected = "error: @job.toml:2:16: `input.texts[0]`: 1 is not text in quotes\n\
                    error: @job.toml:3:15: `run.workers`: 0 is too small: at least 1\n";
    assert_eq!(text, expected);
}

#[test]
fn a_bad_item_among_the_first_tasks_is_a_job_error() {
    let folder = folder("kind = \"echo\"\ninput.texts = [\"bad\"]\n");
    let (exit, text) = answer(folder.path(), "check @job.toml").unwrap_err();
    assert_eq!((exit, text.as_str()), (Exit::Usage, "error: texts.txt:1: bad\n"));
}

#[test]
fn a_missing_job_and_a_directory_exit_with_2() {
    let folder = folder(JOB);
    let (exit, text) = answer(folder.path(), "run @jab.toml").unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert_eq!(text, "error: @jab.toml: there is no such file\n  did you mean `@job.toml`?\n");
    let (exit, text) = answer(folder.path(), "run @").unwrap_err();
    assert_eq!((exit, text.as_str()), (Exit::Usage, "error: @: is a directory, not a job file\n"));
}

#[test]
fn flags_win_over_the_job_file() {
    let folder = folder(JOB);
    let from_file = request(folder.path(), "run @job.toml");
    assert_eq!((from_file.pool.workers.get(), from_file.pool.retries), (3, 0));
    let from_flags = request(
        folder.path(),
        "run @job.toml -w 4 --order completion --timeout 1m30s --fail-fast --grace 0 --batch 8 \
         --retry-on error,signal --memory 64MiB --worker-program /bin/false --priority -2",
    );
    let pool = from_flags.pool;
    assert_eq!(pool.workers, NonZeroU32::new(4).unwrap());
    assert_eq!((from_flags.order, pool.timeout), (Order::Completion, Some(Duration::from_secs(90))));
    assert_eq!((pool.max_failures, pool.grace), (Some(0), Duration::ZERO));
    assert_eq!((pool.limits.memory, pool.retry_on.len()), (Some(64 << 20), 2));
    assert_eq!(pool.worker_program.as_deref(), Some(Path::new("/bin/false")));
    assert_eq!((from_flags.priority, pool.retries), (-2, 0));
}

#[test]
fn results_go_to_the_screen_or_to_the_file_or_to_both_on_request() {
    let folder = folder(&format!("{JOB}[output]\npath = \"r.csv\"\n"));
    let text = Some(ScreenSettings { format: Format::Text, worker: false, colour: false });
    let results = request(folder.path(), "run @job.toml").results;
    assert_eq!(results.screen, None);
    let file = results.file.unwrap();
    assert_eq!(
        (file.path, file.format, file.existing),
        (folder.path().join("r.csv"), Format::Csv, Existing::Refuse)
    );
    let results = request(folder.path(), "run @job.toml --output @x.jsonl --force").results;
    let file = results.file.unwrap();
    assert_eq!((file.path, file.format), (folder.path().join("x.jsonl"), Format::Jsonl));
    assert_eq!(file.existing, Existing::Replace);
    let results = request(folder.path(), "run @job.toml --format text --color never").results;
    assert!(results.file.is_some());
    assert_eq!(results.screen.map(|screen| screen.format), text.map(|screen| screen.format));
    let results = request(folder.path(), "run @job.toml --output -").results;
    assert!(results.file.is_none() && results.screen.is_some());
}

#[test]
fn a_target_that_can_not_be_written_is_told_before_anything_runs() {
    let folder = folder(JOB);
    fs::write(folder.path().join("old.csv"), "").unwrap();
    for (args, expected) in [
        ("--output @old.csv", "error: @old.csv: exists already; --force replaces it\n"),
        (
            "--output @no/new.csv",
            "error: @no/new.csv: the folder @no does not exist; make it first: mkdir -p @no\n",
        ),
        ("--output @r.txt", "error: --output @r.txt: it ends in neither .jsonl nor .csv\n"),
        ("--summary-json @job.toml", "error: --summary-json @job.toml: that is the job file\n"),
        (
            "--output @a.jsonl --summary-json @a.jsonl",
            "error: --summary-json @a.jsonl: that is the file for the results\n",
        ),
        (
            "--summary-json @no/s.json",
            "error: @no/s.json: the folder @no does not exist; make it first: mkdir -p @no\n",
        ),
    ] {
        let (exit, text) = answer(folder.path(), &format!("run @job.toml {args}")).unwrap_err();
        assert_eq!((exit, text.as_str()), (Exit::Usage, expected), "{args}");
    }
    assert!(answer(folder.path(), "run @job.toml --dry-run --force --output @old.csv").is_ok());
}

#[test]
fn reproducible_results_need_the_order_of_the_input() {
    let folder = folder(JOB);
    let (exit, text) = answer(folder.path(), "run @job.toml --reproducible --order completion").unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert!(text.ends_with("; add --order input\n"), "{text}");
}

#[test]
fn kinds_lists_shows_and_gives_examples() {
    let here = Path::new(".");
    let listed = answer(here, "kinds").unwrap();
    assert!(listed.starts_with("echo  gives back what it gets\n\n`coordinator kinds NAME`"), "{listed}");
    assert_eq!(answer(here, "kinds --all").unwrap().lines().count(), listed.lines().count() + 1);
    let shown = answer(here, "kinds echo").unwrap();
    let part = "  input.texts (list of texts; required)\n      what to echo; for \
                example [\"a\", \"b\"]\n  params.loud (true or false; default: false)\n";
    assert!(shown.contains(part), "{shown}");
    let (exit, text) = answer(here, "kinds eco").unwrap_err();
    assert_eq!(
        (exit, text.as_str()),
        (Exit::Usage, "error: \"eco\" is not a known kind\n  did you mean `echo`?\n")
    );
    assert!(parse(here, "kinds --example").is_err());
}

#[test]
fn the_example_of_a_kind_runs_as_it_is() {
    let example = answer(Path::new("."), "kinds echo --example").unwrap();
    let folder = folder(&example);
    assert!(answer(folder.path(), "check @job.toml").is_ok());
}

#[test]
fn a_reader_that_has_gone_is_an_orderly_end() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let cli = parse(Path::new("."), "kinds").unwrap();
    assert_eq!(Exit::of(&dispatch(cli, KINDS, &mut Gone).unwrap_err()), Exit::Ok);
}

#[test]
fn the_command_closes_its_memory_to_other_processes_of_its_user() {
    super::keep_to_oneself();
    assert_eq!(nix::sys::prctl::get_dumpable(), Ok(false));
}
