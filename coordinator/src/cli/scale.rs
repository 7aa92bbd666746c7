//! `coordinator scale JOB`: the job's time on each number of workers, and what follows from it.

use std::fmt::Write as _;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;

use serde_json::{Value, json};

use super::args::ScaleArgs;
use super::exit::{Exit, UsageError};
use super::logging::Verbosity;
use super::text::write_out;
use crate::job::{self, Kinds, Workers};
use crate::output::{AtomicFile, Existing, ResultSettings, check_target, json_for_screen};
use crate::pool::{Control, Controlled, End, LocalWorkers};
use crate::run::{self, Keep, Run};
use crate::scale::{Measurement, Scaling, analyse, order, svg, text};
use crate::signals::Signals;

/// What came of one run.
struct Ran {
    job: String,
    tasks: Option<u64>,
    seconds: f64,
    failed: u64,
    end: End,
}

/// Runs the job on each number of workers, and says how it scales.
///
/// # Errors
/// The job can't be run, or not to its end, or a file can't be written.
pub(super) fn scale(
    args: &ScaleArgs,
    verbosity: Verbosity,
    kinds: Kinds,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    for path in args.svg.iter().chain(&args.csv) {
        check_target(path, Existing::Replace)?;
    }
    // Before anything is started: what is wrong with the job.
    if job::load(&args.job.source(), kinds)?.reads_stdin {
        return Err(UsageError(
            "scale runs a job again and again, and the standard input can be read once".into(),
        )
        .into());
    }
    let signals = Signals::block()?;
    let _directory = protocol::private_directory()?;
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let (control, controlled) = Control::new()?;
    signals.forward(control.clone())?;
    let bench = Bench { args, kinds, control, controlled, verbosity };
    let Some(last) = args.workers.0.last() else { return Ok(Exit::Usage) };
    // Files and code come from the disk once; that is no one's time.
    let warm_up = bench.run(*last, "warm-up")?;
    let (mut measured, mut failed) = (Vec::new(), warm_up.failed);
    let mut end = warm_up.end.clone();
    for (workers, repeat) in order(&args.workers.0, args.repeat) {
        if end != End::Done {
            break;
        }
        let ran = bench.run(workers, &format!("run {repeat} of {}", args.repeat))?;
        failed += ran.failed;
        end = ran.end;
        // A run of no time at all would have an endless speedup.
        let seconds = ran.seconds.max(1e-9);
        measured.push(Measurement { workers: workers.get(), repeat, seconds });
    }
    match end {
        End::Done => {}
        End::Stopped if signals.received() == Some(nix::sys::signal::Signal::SIGTERM) => {
            return Ok(Exit::Terminated);
        }
        End::Stopped => return Ok(Exit::Interrupted),
        End::BadInput(why) => return Err(UsageError(why).into()),
        other => anyhow::bail!("the job could not be run to its end: {other:?}"),
    }
    let cores = Workers::Auto.count().get();
    let Some(scaling) = analyse(&measured, cores) else { return Ok(Exit::Usage) };
    tell(args, &warm_up, &scaling, &measured, out)?;
    Ok(if failed > 0 { Exit::TasksFailed } else { Exit::Ok })
}

/// What all runs have in common.
struct Bench<'a> {
    args: &'a ScaleArgs,
    kinds: Kinds,
    control: Control,
    controlled: Controlled,
    verbosity: Verbosity,
}

impl Bench<'_> {
    /// Plans and runs the job once; its results go nowhere.
    fn run(&self, workers: NonZeroU32, what: &str) -> anyhow::Result<Ran> {
        let mut source = self.args.job.source();
        // Outputs of the run before are its own.
        source.plan.force = true;
        let job = job::load(&source, self.kinds)?;
        let mut options = job.run.pool_options(job.kind);
        options.workers = workers;
        let (name, tasks, order) = (job.name.clone(), job.plan.total, job.run.result_order());
        let run = Run {
            name: job.name,
            kind: job.kind,
            plan: job.plan,
            options,
            order,
            results: ResultSettings { screen: None, file: None, reproducible: false },
            keep: Keep::Nowhere(run::unstored_id()),
            letters: 0,
            announce: None,
            engine: Box::new(LocalWorkers),
        };
        let done = run::run(run, &self.control, &self.controlled, &mut ())?;
        if let Some(trouble) = done.trouble {
            return Err(trouble);
        }
        let seconds = done.summary.wall_seconds;
        if self.verbosity > Verbosity::Quiet {
            let _ = writeln!(std::io::stderr(), "workers: {workers}, {what}: {seconds:.3} s");
        }
        Ok(Ran { job: name, tasks, seconds, failed: done.summary.tasks.failed, end: done.end })
    }
}

/// Prints and writes what was found.
fn tell(
    args: &ScaleArgs,
    ran: &Ran,
    scaling: &Scaling,
    measured: &[Measurement],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if let Some(path) = &args.svg {
        write_file(path, &svg(scaling, &ran.job))?;
    }
    if let Some(path) = &args.csv {
        let mut csv = "workers,repeat,seconds\n".to_owned();
        for one in measured {
            // Writing to text can't fail.
            let _ = writeln!(csv, "{},{},{}", one.workers, one.repeat, one.seconds);
        }
        write_file(path, &csv)?;
    }
    let told = if args.json {
        json_for_screen(format!("{:#}\n", to_json(&ran.job, scaling)))
    } else {
        text(scaling, ran.tasks)
    };
    Ok(write_out(out, &told)?)
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(path, Existing::Replace)?;
    file.write(text.as_bytes())?;
    Ok(file.finish()?)
}

fn to_json(job: &str, scaling: &Scaling) -> Value {
    let rows = scaling.rows.iter().map(|row| {
        json!({
            "workers": row.workers,
            "seconds": row.seconds,
            "least_seconds": row.least,
            "most_seconds": row.most,
            "speedup": row.speedup,
            "efficiency": row.efficiency,
            "karp_flatt": row.karp_flatt,
        })
    });
    let amdahl = scaling.fit.map(|fit| {
        json!({
            "serial_fraction": fit.serial_fraction,
            "standard_error": fit.error,
            "serial_seconds": fit.serial_seconds,
            "parallel_seconds": fit.parallel_seconds,
            "misfit": fit.misfit,
            "fitted_up_to": scaling.fitted,
        })
    });
    json!({
        "job": job,
        "rows": rows.collect::<Vec<_>>(),
        "amdahl": amdahl,
        "recommended_workers": scaling.recommended,
        "too_short": scaling.too_short,
    })
}
