//! Takes outcomes where they are wanted, on the writing thread: the store, failures, results, the combined value.
//!
//! As they come, outcomes are checked, counted and handed to the store. Results and the combined value get them in the
//! order that was asked for: that costs the store no waiting, and a result that waits is safe already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jobs::{BadValue, Combine, Presenter};
use protocol::monotonic_nanos;

use super::order::{InOrder, Portion};
use super::record::Recorder;
use super::writer::OutcomeWriter;
use crate::outcome::{AttemptRecord, Failure, Outcome, OutcomeBatch, Reason, SharedBatch};
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
    // Outcomes that wait for older ones; none where results are wanted as they come.
    order: Option<InOrder>,
    // Nobody reads the results any more, and the run is to stop.
    silent: bool,
    bad_values: u64,
    effort: Effort,
    // For a report, by their tasks; at most `wanted_letters`.
    letters: BTreeMap<u64, Letter>,
    wanted_letters: usize,
}

/// What the writing thread spent its time on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    /// Writing and combining results.
    pub(super) writing: Duration,
    /// Handing outcomes to the store, and waiting for it.
    pub(super) storing: Duration,
    /// Combining values; a part of `writing`.
    pub(super) combining: Duration,
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
        let results = Results::open_with(settings, presenter, Box::new(Stdout::new()))?;
        Ok(Self {
            results,
            failures: FailureTally::default(),
            combine,
            recorder: None,
            order: None,
            silent: false,
            bad_values: 0,
            effort: Effort::default(),
            letters: BTreeMap::new(),
            wanted_letters: 0,
        })
    }

    /// Results leave in the order of the input; what memory is not to hold waits for its turn in a file in this
    /// folder.
    pub(super) fn order(&mut self, folder: PathBuf) {
        self.order = Some(InOrder::new(folder));
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
        std::mem::take(&mut self.letters).into_values().collect()
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

    /// Nothing more will come: what still waits for older outcomes leaves without them.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn let_go(&mut self) -> anyhow::Result<()> {
        while let Some(order) = &mut self.order {
            let portion = order.take_rest()?;
            if portion.is_empty() {
                break;
            }
            self.leave(&portion)?;
        }
        Ok(())
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

    /// Outcomes have come: they are safe before anything else becomes of them.
    fn take_in(&mut self, batch: &SharedBatch) -> anyhow::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            let begun = monotonic_nanos();
            let stored = recorder.push(batch);
            self.effort.storing += since(begun);
            stored?;
        }
        self.failures.add(batch, self.results.presenter());
        self.add_letters(batch);
        Ok(())
    }

    /// Outcomes leave, in the order that is wanted.
    fn leave(&mut self, portion: &Portion) -> anyhow::Result<()> {
        if !self.silent {
            let written = self.results.write_all(|| portion.iter());
            self.unless_stopped(written)?;
        }
        self.combine(portion.iter())
    }

    /// A reader that is gone when the run is to stop is no reason to store no more.
    fn unless_stopped(&mut self, written: Result<(), OutputError>) -> Result<(), OutputError> {
        match written {
            Err(OutputError::Stopped { .. }) => {
                self.silent = true;
                Ok(())
            }
            written => written,
        }
    }

    fn combine<'a>(&mut self, outcomes: impl Iterator<Item = Outcome<'a>>) -> anyhow::Result<()> {
        let Some(combine) = &mut self.combine else { return Ok(()) };
        let begun = monotonic_nanos();
        for outcome in outcomes {
            let Ok(value) = outcome.result else { continue };
            combine.add(outcome.task.0, outcome.payload, value, &worker_name(outcome.worker))?;
        }
        self.effort.combining += since(begun);
        Ok(())
    }

    /// Keeps the first failures, by their tasks: whatever the order in which they come, the same.
    fn add_letters(&mut self, batch: &OutcomeBatch) {
        if self.wanted_letters == 0 {
            return;
        }
        for outcome in batch.iter() {
            let (Err(failure), task) = (outcome.result, outcome.task.0) else { continue };
            let last = self.letters.last_key_value().map(|(last, _)| *last);
            if self.letters.len() >= self.wanted_letters && last < Some(task) {
                continue;
            }
            let mut input = String::new();
            let known = self.results.presenter().input(outcome.payload, &mut input).is_ok();
            self.letters
                .insert(task, Letter { task, input: known.then_some(input), failure: failure.clone() });
            if self.letters.len() > self.wanted_letters {
                self.letters.pop_last();
            }
        }
    }

    /// The batch as it should have been: what is not one of the kind's values is a failure.
    fn corrected(&mut self, batch: SharedBatch) -> SharedBatch {
        let presenter = self.results.presenter();
        let check = |outcome: &Outcome<'_>| match outcome.result {
            Ok(value) => presenter.check(outcome.payload, value),
            Err(_) => Ok(()),
        };
        if batch.iter().all(|outcome| check(&outcome).is_ok()) {
            return batch;
        }
        let mut corrected = OutcomeBatch::new();
        for outcome in batch.iter() {
            match check(&outcome) {
                Ok(()) => corrected.push(outcome),
                Err(bad) => {
                    self.bad_values += 1;
                    corrected.push(Outcome { result: Err(&bad_value(&outcome, bad)), ..outcome });
                }
            }
        }
        corrected.into()
    }

    fn write_batch(&mut self, batch: SharedBatch) -> anyhow::Result<()> {
        let batch = self.corrected(batch);
        self.take_in(&batch)?;
        if let Some(order) = &mut self.order {
            return Ok(order.add(batch)?);
        }
        if !self.silent {
            let written = self.results.write(&batch);
            self.unless_stopped(written)?;
        }
        self.combine(batch.iter())
    }

    /// Does something for the outputs, and notes how long that took.
    fn timed<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let (begun, stored) = (monotonic_nanos(), self.effort.storing);
        let done = work(self);
        let storing = self.effort.storing.saturating_sub(stored);
        self.effort.writing += since(begun).saturating_sub(storing);
        done
    }
}

impl OutcomeWriter for Gather {
    fn write(&mut self, batch: SharedBatch) -> anyhow::Result<()> {
        self.timed(|gather| gather.write_batch(batch))
    }

    fn go_on(&mut self) -> anyhow::Result<bool> {
        self.timed(|gather| {
            let Some(order) = &mut gather.order else { return Ok(false) };
            let portion = order.take()?;
            gather.leave(&portion)?;
            Ok(!portion.is_empty())
        })
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
