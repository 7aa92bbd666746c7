//! Runs a job file in this process, task after task, without coordinator and workers: for comparing what a
//! kind computes with other programs.
//!
//! `cargo run -p unhurt-jobs --example run_in_process -- JOB.toml` prints one JSON object a task.

use std::path::Path;
use std::process::ExitCode;

use jobs::PlanOptions;
use jobs::spec::JobSpec;
use protocol::{Context, Payloads, Task, TaskId};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: run_in_process JOB.toml");
        return ExitCode::from(2);
    };
    match run(Path::new(&path)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all tasks went well.
fn run(path: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    let base = path.parent().unwrap_or(Path::new("."));
    let mut job = JobSpec::parse(&path.to_string_lossy(), &std::fs::read_to_string(path)?, base, &[])?;
    let kind = jobs::find(job.kind.text()?).ok_or("no such kind")?;
    let mut plan = kind.plan(&mut job, &PlanOptions { force: true, items: None })?;
    job.unknown_keys().into_result()?;
    let (mut handler, presenter) = (kind.handler(&plan.setup)?, kind.presenter(&plan.setup)?);

    let (mut payloads, mut value, mut well) = (Payloads::new(), Vec::new(), true);
    while plan.tasks.next(1000, &mut payloads)? {
        for (id, payload) in (0..).map(TaskId).zip(payloads.iter()) {
            let context = Context { worker: "worker-1", link: None };
            value.clear();
            match handler.run(&Task { id, attempt: 1, payload, context }, &mut value) {
                Ok(()) => {
                    let mut json = String::new();
                    presenter.value(payload, &value, &mut json)?;
                    println!("{json}");
                }
                Err(error) => {
                    well = false;
                    println!("{}", serde_json::json!({ "error": error.to_string() }));
                }
            }
        }
        payloads.clear();
    }
    Ok(well)
}
