//! Takes outcomes where they are wanted, on the writing thread: results, failures, the combined value, the
//! store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use jobs::{BadValue, Combine, Presenter};
use protocol::monotonic_nanos;

use super::record::Recorder;
use super::writer::OutcomeWriter;
use crate::outcome::{AttemptRecord, Failure, Outcome, OutcomeBatch, Reason};
use crate::output::{FailureTally, OutputError, ResultSettings, Results};
use crate::queue::WorkerId;
use crate::report::Letter;
use crate::show::Stdout;

/// Where outcomes go.
pub(super) struct Gather {
    results: Results,
    failures: FailureTally,
    combine: Option<Box<dyn Combine>>,
    recorder: Option<Recorder>,
    // Set by the presenter when a value is not one of the kind's.
    saw_bad_value: Arc<AtomicBool>,
    bad_values: u64,
    effort: Effort,
    // For a report; at most `wanted_letters`.
    letters: Vec<Letter>,
    wanted_letters: usize,
}

/// What the writing thread spent its time on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    /// Writing and combining results.
    pub(super) writing: Duration,
    /// Handing outcomes to the store, and waiting for it.
    pub(super) storing: Duration,
}

/// What came of gathering.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) failures: FailureTally,
    /// The combined value, for kinds that have one.
    pub(super) value: Option<serde_json::Value>,
    /// The same in a line for people.
    pub(super) text: Option<String>,
    pub(super) explanation: Vec<String>,
    /// Files that hold the results of an unfinished run.
    pub(super) partial: Vec<PathBuf>,
    pub(super) trouble: Option<anyhow::Error>,
}

impl Gather {
    /// Opens every output.
    pub(super) fn open(
        settings: &ResultSettings,
        presenter: Box<dyn Presenter>,
        combine: Option<Box<dyn Combine>>,
    ) -> Result<Self, OutputError> {
        let saw_bad_value = Arc::new(AtomicBool::new(false));
        let checked = Checked { presenter, saw_bad_value: saw_bad_value.clone() };
        let results = Results::open_with(settings, Box::new(checked), Box::new(Stdout::new()))?;
        Ok(Self {
            results,
            failures: FailureTally::default(),
            combine,
            recorder: None,
            saw_bad_value,
            bad_values: 0,
            effort: Effort::default(),
            letters: Vec::new(),
            wanted_letters: 0,
        })
    }

    /// From now on outcomes are stored, too.
    pub(super) fn record(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// So many failures are kept with their histories, for a report.
    pub(super) fn keep_letters(&mut self, wanted: usize) {
        self.wanted_letters = wanted;
    }

    /// The failures that were kept.
    pub(super) fn take_letters(&mut self) -> Vec<Letter> {
        std::mem::take(&mut self.letters)
    }

    /// What stores the outcomes, to be told how the run has ended.
    pub(super) fn take_recorder(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Outcomes that their worker called ok and whose values are not the kind's.
    pub(super) fn bad_values(&self) -> u64 {
        self.bad_values
    }

    /// True where values become one result.
    pub(super) fn combines(&self) -> bool {
        self.combine.is_some()
    }

    /// True where a file takes its place in the end.
    pub(super) fn has_file(&self) -> bool {
        self.results.has_file()
    }

    /// What its time was spent on.
    pub(super) fn effort(&self) -> Effort {
        self.effort
    }

    /// The run is complete: outputs become whole.
    pub(super) fn finish(mut self, wants_result: bool) -> Gathered {
        let mut gathered = self.gathered();
        if let Some(combine) = self.combine.as_mut().filter(|_| wants_result) {
            match combine.finish().and_then(|value| Ok((value, combine.text()?))) {
                Ok((value, text)) => {
                    gathered.value = Some(value);
                    gathered.text = Some(text);
                }
                Err(bad) => gathered.trouble = Some(bad.into()),
            }
        }
        let line = gathered.text.as_deref();
        let finished =
            line.map_or(Ok(()), |line| self.results.push_combined(line)).and(self.results.finish());
        gathered.trouble = gathered.trouble.or(finished.err().map(Into::into));
        gathered
    }

    /// The run is not complete: what is written is kept.
    pub(super) fn keep(mut self) -> Gathered {
        let gathered = self.gathered();
        match self.results.keep() {
            Ok(partial) => Gathered { partial, ..gathered },
            Err(error) => Gathered { trouble: Some(error.into()), ..gathered },
        }
    }

    fn gathered(&mut self) -> Gathered {
        Gathered {
            failures: std::mem::take(&mut self.failures),
            explanation: self.combine.as_ref().map(|combine| combine.explain()).unwrap_or_default(),
            ..Gathered::default()
        }
    }

    fn take(&mut self, batch: &OutcomeBatch) -> anyhow::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            let begun = monotonic_nanos();
            recorder.push(batch)?;
            self.effort.storing += since(begun);
        }
        self.failures.add(batch, self.results.presenter());
        self.add_letters(batch);
        let Some(combine) = &mut self.combine else { return Ok(()) };
        for outcome in batch.iter() {
            let Ok(value) = outcome.result else { continue };
            combine.add(outcome.task.0, outcome.payload, value, &worker_name(outcome.worker))?;
        }
        Ok(())
    }

    fn add_letters(&mut self, batch: &OutcomeBatch) {
        if self.letters.len() >= self.wanted_letters {
            return;
        }
        for outcome in batch.iter() {
            let Err(failure) = outcome.result else { continue };
            if self.letters.len() < self.wanted_letters {
                let mut input = String::new();
                let known = self.results.presenter().input(outcome.payload, &mut input).is_ok();
                let (task, input) = (outcome.task.0, known.then_some(input));
                self.letters.push(Letter { task, input, failure: failure.clone() });
            }
        }
    }

    /// The batch as it should have been: what is not one of the kind's values is a failure.
    fn corrected(&mut self, batch: &OutcomeBatch) -> OutcomeBatch {
        let mut corrected = OutcomeBatch::new();
        let mut scratch = String::new();
        for outcome in batch.iter() {
            scratch.clear();
            let Ok(value) = outcome.result else {
                corrected.push(outcome);
                continue;
            };
            match self.results.presenter().value(outcome.payload, value, &mut scratch) {
                Ok(()) => corrected.push(outcome),
                Err(bad) => {
                    self.bad_values += 1;
                    corrected.push(Outcome { result: Err(&bad_value(&outcome, bad)), ..outcome });
                }
            }
        }
        corrected
    }
}

impl OutcomeWriter for Gather {
    fn write(&mut self, batch: &OutcomeBatch) -> anyhow::Result<()> {
        let (begun, stored) = (monotonic_nanos(), self.effort.storing);
        let written = self.write_and_take(batch);
        let storing = self.effort.storing.saturating_sub(stored);
        self.effort.writing += since(begun).saturating_sub(storing);
        written
    }
}

impl Gather {
    fn write_and_take(&mut self, batch: &OutcomeBatch) -> anyhow::Result<()> {
        // Results are formatted once, and that is where values are checked: a second look costs only runs
        // with a worker that lies.
        self.results.write(batch)?;
        if !self.saw_bad_value.swap(false, Relaxed) {
            return self.take(batch);
        }
        let corrected = self.corrected(batch);
        self.saw_bad_value.store(false, Relaxed);
        self.take(&corrected)
    }
}

fn since(begun: u64) -> Duration {
    Duration::from_nanos(monotonic_nanos().saturating_sub(begun))
}

/// What a value that is not the kind's means: its worker broke the protocol.
fn bad_value(outcome: &Outcome<'_>, bad: BadValue) -> Failure {
    let (attempt, worker) = (outcome.attempts, outcome.worker);
    let mut record = AttemptRecord::new(attempt, worker, Reason::Protocol, bad.0.clone());
    record.micros = outcome.micros;
    Failure::new(Reason::Protocol, bad.0, vec![record])
}

fn worker_name(number: u32) -> String {
    number.checked_sub(1).map_or_else(String::new, |index| WorkerId(index).to_string())
}

/// A presenter that remembers having seen a value that is not the kind's.
struct Checked {
    presenter: Box<dyn Presenter>,
    saw_bad_value: Arc<AtomicBool>,
}

impl Checked {
    fn note(&self, result: Result<(), BadValue>) -> Result<(), BadValue> {
        if result.is_err() {
            self.saw_bad_value.store(true, Relaxed);
        }
        result
    }
}

impl Presenter for Checked {
    fn columns(&self) -> &[&'static str] {
        self.presenter.columns()
    }

    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
        self.presenter.input(payload, text)
    }

    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
        self.note(self.presenter.value(payload, value, json))
    }

    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
        self.note(self.presenter.text(payload, value, line))
    }
}
