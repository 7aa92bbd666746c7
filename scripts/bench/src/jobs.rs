//! Runs of the command, each in a folder of its own, with their summaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::build::Build;
use crate::programs::{self, Ran, command, run};

/// Where a run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store<'a> {
    /// Nowhere.
    None,
    /// In a store that is made for it.
    New,
    /// In this one.
    At(&'a Path),
}

/// A place for the files of benchmarks, below `target/`.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
}

/// A job that is to be run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) text: &'a str,
    pub(crate) flags: &'a [&'a str],
    pub(crate) store: Store<'a>,
    pub(crate) workers: usize,
    /// Nothing but errors is said.
    pub(crate) quiet: bool,
}

impl<'a> Job<'a> {
    /// A job on two workers in a new store.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, flags: &[], store: Store::New, workers: 2, quiet: true }
    }

    pub(crate) fn flags(self, flags: &'a [&'a str]) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn store(self, store: Store<'a>) -> Self {
        Self { store, ..self }
    }

    pub(crate) fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }
}

impl Place {
    /// Makes it.
    pub(crate) fn new(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/bench-data");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Removes what earlier rounds have put aside.
    pub(crate) fn tidy(&self) -> std::io::Result<()> {
        let aside = self.at("aside");
        if aside.exists() { fs::remove_dir_all(aside) } else { Ok(()) }
    }

    /// A file or folder in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command that runs a job; whatever an earlier run left is gone.
    pub(crate) fn command(&self, build: &Build, job: Job<'_>) -> anyhow::Result<Command> {
        let folder = self.at("run");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("job.toml"), job.text)?;
        let mut command = command([&build.coordinator]);
        command.arg("run").arg(folder.join("job.toml"));
        command.args(job.quiet.then_some("--quiet")).args(["--workers", &job.workers.to_string(), "--store"]);
        match job.store {
            Store::None => command.arg("none"),
            Store::New => command.arg(folder.join("runs.db")),
            Store::At(path) => command.arg(path),
        };
        command.arg("--summary-json").arg(folder.join("summary.json")).args(job.flags);
        Ok(command)
    }

    /// Runs a job; all its tasks must end well, and be `tasks` in number where that is known.
    pub(crate) fn run(
        &self,
        build: &Build,
        job: Job<'_>,
        tasks: Option<u64>,
    ) -> anyhow::Result<(Ran, Value)> {
        let ran = run(self.command(build, job)?, b"")?;
        Ok((ran, self.summary(tasks)?))
    }

    /// The same on a terminal, its results dropped; how long it took, in seconds.
    pub(crate) fn run_on_terminal(
        &self,
        build: &Build,
        job: Job<'_>,
        tasks: Option<u64>,
    ) -> anyhow::Result<f64> {
        let wall = programs::on_terminal(self.command(build, Job { quiet: false, ..job })?)?;
        self.summary(tasks)?;
        Ok(wall)
    }

    fn summary(&self, tasks: Option<u64>) -> anyhow::Result<Value> {
        let text = fs::read_to_string(self.at("run/summary.json"))?;
        let summary: Value = serde_json::from_str(&text).context("a summary")?;
        let (ok, failed) = (&summary["tasks"]["ok"], &summary["tasks"]["failed"]);
        ensure!(
            failed.as_u64() == Some(0) && tasks.is_none_or(|tasks| ok.as_u64() == Some(tasks)),
            "{ok} tasks are ok and {failed} failed"
        );
        Ok(summary)
    }
}
