//! From a request to a finished run.

use std::fmt::Write as _;
use std::io::Write as _;

use nix::sys::signal::Signal;

use super::exit::Exit;
use super::line::resume_command;
use super::logging::Verbosity;
use super::request::{ReportSettings, RunRequest};
use super::stored::unless_default;
use crate::output::{Format, OutputError};
use crate::pool::{Control, End};
use crate::run::{self, Keep, RunReport};
use crate::signals::Signals;

/// Runs the job to its end without keeping it, writes results and summary, and says how the command ends.
///
/// It owns the process: it holds signals back and puts temporary files into a directory of its own.
///
/// # Errors
/// The run could not begin.
pub fn execute(request: RunRequest) -> anyhow::Result<Exit> {
    execute_kept(request, Keep::Nowhere(run::unstored_id()))
}

/// As [`execute`], for a run that is kept somewhere.
pub(super) fn execute_kept(request: RunRequest, keep: Keep) -> anyhow::Result<Exit> {
    let signals = Signals::block()?;
    protocol::sweep_stale_directories();
    let _directory = protocol::private_directory()?;
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let (control, controlled) = Control::new()?;
    signals.forward(control.clone())?;
    let RunRequest { job, pool, results, report, verbosity, .. } = request;
    let on_screen = results.screen.is_some_and(|screen| screen.format == Format::Text);
    let resume = match &keep {
        Keep::Nowhere(_) => None,
        Keep::New(store, _) | Keep::Incremental(store, ..) | Keep::Again(store, _) => {
            Some(unless_default(store))
        }
    };
    let run = run::Run { name: job.name, kind: job.kind, plan: job.plan, options: pool, results, keep };
    let done = run::run(run, &control, &controlled)?;
    let resume = match resume.filter(|_| done.is_resumable()) {
        None => String::new(),
        Some(store) => {
            let command = resume_command(&done.run_id, store.as_deref());
            format!("go on with: {command}\n")
        }
    };
    conclude(done, &report, on_screen, verbosity, signals.received(), &resume)
}

/// Tells how the run ended.
fn conclude(
    done: RunReport,
    report: &ReportSettings,
    on_screen: bool,
    verbosity: Verbosity,
    signal: Option<Signal>,
    resume: &str,
) -> anyhow::Result<Exit> {
    if verbosity >= Verbosity::Verbose {
        tell(&done.explanation.iter().fold(String::new(), |text, line| text + line + "\n"));
    }
    // Text on the screen ends with the result anyway.
    let result = done.result.as_deref().filter(|_| !on_screen);
    let exit = report.write(&done.summary, &done.failures, result)?;
    if let Some(trouble) = done.trouble {
        if Exit::of(&trouble) != Exit::Ok {
            tell(resume);
        }
        return Err(trouble);
    }
    let mut text = String::new();
    let exit = match &done.end {
        End::Done => exit,
        End::Stopped => {
            let _ = writeln!(text, "interrupted: {}", left_over(done.unfinished));
            if signal == Some(Signal::SIGINT) || signal.is_none() {
                Exit::Interrupted
            } else {
                Exit::Terminated
            }
        }
        End::TooManyFailures => {
            let _ = writeln!(text, "stopped after too many failures: {}", left_over(done.unfinished));
            Exit::TasksFailed
        }
        End::NoWorkers { starts, last } => {
            let tries = if *starts == 1 { "1 start".to_owned() } else { format!("{starts} starts") };
            let _ = writeln!(
                text,
                "error: the run can't go on: no worker stays alive ({tries}); the last: {last}"
            );
            Exit::CannotGoOn
        }
        End::BadInput(why) => {
            let _ = writeln!(text, "error: {why}");
            Exit::Usage
        }
        End::SinkClosed => return Err(OutputError::Closed.into()),
    };
    for path in &done.partial {
        let _ = writeln!(text, "the results so far are in {}", path.display());
    }
    text.push_str(resume);
    // Errors are told even where nothing else is.
    if exit != Exit::Ok || verbosity > Verbosity::Quiet {
        tell(&text);
    }
    Ok(exit)
}

fn left_over(unfinished: u64) -> String {
    match unfinished {
        1 => "1 planned task has no outcome".into(),
        count => format!("{count} planned tasks have no outcome"),
    }
}

/// Nobody listens on a closed standard error, and that is no reason to fail.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
