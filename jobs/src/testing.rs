//! A job without processes: what the tests of all kinds share.

use std::path::Path;

use protocol::{Context, Payloads, Task, TaskId};
use serde_json::Value;

use crate::spec::{JobSpec, SpecErrors};
use crate::{Combine, Kind, Plan, PlanOptions, Presenter};

/// How one task ended, as people and programs read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) input: String,
    pub(crate) json: String,
    pub(crate) text: String,
}

/// A job file with the name `job.toml` in the folder `base`, planned.
pub(crate) fn plan_in(base: &Path, toml: &str) -> Result<(&'static dyn Kind, Plan), SpecErrors> {
    let mut job = JobSpec::parse("job.toml", toml, base, &[])?;
    let kind = crate::find(job.kind.text()?).expect("a known kind");
    let plan = kind.plan(&mut job, &PlanOptions::default());
    let unknown = job.unknown_keys();
    match plan {
        Ok(plan) => unknown.into_result().map(|()| (kind, plan)),
        Err(mut errors) => {
            errors.append(unknown);
            Err(errors)
        }
    }
}

/// All payloads of a plan, asked for a few at a time.
pub(crate) fn payloads(plan: &mut Plan) -> Payloads {
    let mut payloads = Payloads::new();
    while plan.tasks.next(7, &mut payloads).expect("a good input") {}
    payloads
}

/// Plans a job, runs its tasks in order and combines their values.
pub(crate) fn run_in(base: &Path, toml: &str) -> (Vec<Done>, Option<Box<dyn Combine>>) {
    let (kind, mut plan) = plan_in(base, toml).unwrap_or_else(|errors| panic!("{errors}"));
    let mut handler = kind.handler(&plan.setup).expect("a handler");
    let presenter = kind.presenter(&plan.setup).expect("a presenter");
    let payloads = payloads(&mut plan);
    assert!(plan.total.is_none_or(|total| total == payloads.len() as u64), "the total was foretold");
    let mut done = Vec::new();
    for (id, payload) in (0..).zip(payloads.iter()) {
        let context = Context { worker: "worker-1", link: None };
        let mut value = Vec::new();
        let task = Task { id: TaskId(id), attempt: 1, payload, context };
        handler.run(&task, &mut value).expect("a value");
        done.push(present(presenter.as_ref(), payload, &value));
        if let Some(combine) = &mut plan.combine {
            combine.add(id, payload, &value, "worker-1").expect("a value that combines");
        }
    }
    (done, plan.combine)
}

fn present(presenter: &dyn Presenter, payload: &[u8], value: &[u8]) -> Done {
    let (mut input, mut json, mut text) = (String::new(), String::new(), String::new());
    presenter.input(payload, &mut input).expect("a good payload");
    presenter.value(payload, value, &mut json).expect("a good value");
    presenter.text(payload, value, &mut text).expect("a good value");
    let object: Value = serde_json::from_str(&json).expect("JSON");
    let keys: Vec<_> = object.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, presenter.columns(), "the columns are the keys");
    Done { input, json, text }
}

/// As [`run_in`], for jobs without files.
pub(crate) fn run(toml: &str) -> (Vec<Done>, Option<Box<dyn Combine>>) {
    run_in(Path::new("."), toml)
}

/// What is wrong with a job.
pub(crate) fn errors_in(base: &Path, toml: &str) -> String {
    plan_in(base, toml).err().expect("a refusal").to_string()
}

/// As [`errors_in`], for jobs without files.
pub(crate) fn errors(toml: &str) -> String {
    errors_in(Path::new("."), toml)
}
