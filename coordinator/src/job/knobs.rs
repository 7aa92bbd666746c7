//! The knobs of a run, each written once: its name, its type, its parser, its flag and its key.
//!
//! From this table come the fields of [`RunSettings`] and how the ones that win are merged over the others, the flags
//! with their help, the keys of `[run]` that are read, and the words about them in `kinds`, the documentation and the
//! schema. A new knob is one entry here; [`RunSettings::pool_options`](super::RunSettings::pool_options) takes the
//! settings apart field by field, so that one which nothing reads does not compile.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::entry::Entry;
use super::how::{How, List, Named, One, Program, Reader, Switch};
use super::units::parse_duration;
use super::values::{self, Workers};
use crate::outcome::Reason;
use crate::pool::{BatchSize, Order};

/// Under which heading of the help a flag stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heading {
    Workers,
    Limits,
    Failures,
}

impl Heading {
    /// In the order of the help.
    const ALL: [Self; 3] = [Self::Workers, Self::Limits, Self::Failures];

    fn title(self) -> &'static str {
        match self {
            Self::Workers => "Workers",
            Self::Limits => "Limits (TIME: 30s, 1.5s, 500ms, 1h30m; SIZE: 512MB, 1GiB)",
            Self::Failures => "Failures",
        }
    }
}

/// Makes everything of the table. An entry:
///
/// ```text
/// /// The field's documentation.
/// name: Type = how it is read,
///     flag(heading [-letter], name of the value, help),
///     key(type in words, default, meaning, example);      // unless it is a flag only
/// ```
macro_rules! knobs {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $how:expr,
            flag($heading:ident $(-$letter:literal)?, $value:expr, $help:literal)
            $(, key($kind:literal, $default:expr, $about:literal, $example:literal))?;
    )*) => {
        /// How to run a job, as far as somebody has said so: `None` leaves it to whoever is asked next.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct RunSettings {
            $($(#[$doc])* pub $name: Option<$type>,)*
        }

        /// The keys of `[run]`; each has a flag of the same name, which wins.
        pub const RUN: &[Entry] = &[$($(Entry {
            path: ("run", stringify!($name)),
            kind: $kind,
            default: $default,
            about: $about,
            example: $example,
        },)?)*];

        impl RunSettings {
            /// These settings where they say something, and `lower` where they don't.
            pub fn or(self, lower: Self) -> Self {
                Self { $($name: self.$name.or(lower.$name),)* }
            }

            /// Takes every key of `[run]`.
            pub(super) fn take_keys(reader: &mut Reader<'_>) -> Self {
                Self { $($name: ($how).take(reader, stringify!($name)),)* }
            }

            /// What the flags say, each for itself.
            fn of_flags(matches: &ArgMatches) -> Self {
                Self { $($name: ($how).flag(matches, stringify!($name)),)* }
            }
        }

        /// Every flag with its heading.
        fn flags() -> Vec<(Heading, Arg)> {
            vec![$({
                const NAME: &str = stringify!($name);
                const DASHED: [u8; NAME.len()] = dashed(NAME);
                const LONG: &str = match std::str::from_utf8(&DASHED) {
                    Ok(long) => long,
                    Err(_) => NAME,
                };
                let arg = flag(NAME, LONG, $value, $help);
                $(let arg = arg.short($letter);)?
                (Heading::$heading, ($how).arg(arg))
            },)*]
        }
    };
}

knobs! {
    /// How many workers.
    workers: Workers = One(values::workers),
        flag(Workers -'w', Some("N|auto"), "How many worker processes; auto: one for each usable CPU"),
        key("\"auto\", or integer", Some("\"auto\""),
            "how many worker processes; auto: one for each usable CPU", "4");

    /// The order in which results leave.
    order: Order = Named(values::order, &values::ORDERS),
        flag(Workers, Some("ORDER"), "The order of the results: that of the input, or as they come"),
        key("\"input\" or \"completion\"", Some("\"input\""),
            "the order of the results: that of the input, or as they come", "\"completion\"");

    /// Attempts after the first.
    retries: u32 = One(values::whole::<u32>),
        flag(Failures, Some("N"), "How many times a task is tried again"),
        key("integer", Some("2"), "how many times a task is tried again", "0");

    /// The reasons after which a task is tried again.
    retry_on: Vec<Reason> = List(values::retry_reason, &values::RETRY_REASONS),
        flag(Failures, Some("REASON,…"), "After which failures a task is tried again"),
        key("list of texts", Some("all but error and panic; those too, where the kind is not deterministic"),
            "after which failures a task is tried again: error, panic, signal, exit, timeout, memory, protocol",
            "[\"signal\", \"timeout\"]");

    /// The hard limit on one attempt.
    timeout: Duration = One(values::time_limit),
        flag(Limits, Some("TIME"),
            "Kill a worker whose task takes longer, and count the task as failed for this attempt"),
        key("time", Some("none"),
            "a worker whose task takes longer is killed, and the attempt counts as failed", "\"30s\"");

    /// The soft limit on one attempt.
    soft_timeout: Duration = One(values::time_limit),
        flag(Limits, Some("TIME"), "Warn about a task that takes longer, and mark its result"),
        key("time", Some("none"), "a task that takes longer is warned about and marked `slow`", "\"5s\"");

    /// Tasks a message.
    batch: BatchSize = One(values::batch),
        flag(Workers, Some("N|auto"),
            "How many tasks are sent to a worker at once; auto: a few milliseconds of work"),
        key("\"auto\", or integer", Some("\"auto\""),
            "how many tasks are sent to a worker at once; auto: a few milliseconds of work", "16");

    /// Address space of a worker, in bytes.
    memory: u64 = One(values::memory),
        flag(Limits, Some("SIZE"), "Address space of each worker"),
        key("size", Some("none"), "address space of each worker", "\"1GiB\"");

    /// Processor time of a worker, in seconds.
    cpu_seconds: u64 = One(values::cpu_seconds),
        flag(Limits, Some("N"), "Processor time of each worker, in seconds"),
        key("integer", Some("none"), "processor time of each worker, over all its tasks", "600");

    /// Open files of a worker.
    open_files: u64 = One(values::open_files),
        flag(Limits, Some("N"), "Open files of each worker"),
        key("integer", Some("none"), "open files of each worker, 16 or more", "256");

    /// The size of a file that a worker writes, in bytes.
    file_size: u64 = One(values::size),
        flag(Limits, Some("SIZE"), "Size of each file that a worker writes"),
        key("size", Some("none"), "size of each file that a worker writes", "\"100MB\"");

    /// The priority of the job's tasks; higher goes first.
    priority: i32 = One(values::priority),
        flag(Workers, Some("N"), "The job's priority; higher goes first"),
        key("integer", Some("0"), "the job's priority; higher goes first", "10");

    /// A worker is replaced after this many tasks.
    max_tasks_per_worker: NonZeroU64 = One(values::whole::<NonZeroU64>),
        flag(Workers, Some("N"), "Replace a worker after this many tasks"),
        key("integer", Some("none"), "a worker is replaced after this many tasks", "10000");

    /// A worker is replaced once its memory has grown by this many bytes.
    max_memory_growth: u64 = One(values::size),
        flag(Workers, Some("SIZE"), "Replace a worker once its memory has grown by this much"),
        key("size", Some("none"), "a worker is replaced once its memory has grown by this much", "\"200MiB\"");

    /// The run ends once more than this many tasks have failed.
    max_failures: u64 = One(values::whole::<u64>),
        flag(Failures, Some("N"), "Stop once more than this many tasks have failed for good"),
        key("integer", Some("none"), "the run stops once more than this many tasks have failed for good", "10");

    /// Another word for `max_failures = 0`: once all flags or all keys have been read, it has become that.
    fail_fast: bool = Switch,
        flag(Failures, None, "Stop at the first task that failed for good"),
        key("true or false", Some("false"), "the same as max_failures = 0", "true");

    /// How long running tasks may go on after a request to stop.
    grace: Duration = One(parse_duration),
        flag(Failures, Some("TIME"), "How long running tasks may go on after Ctrl-C"),
        key("time", Some("\"10s\""), "how long running tasks may go on after Ctrl-C", "\"1m\"");

    /// A program to run instead of this one.
    worker_program: PathBuf = Program,
        flag(Workers, Some("PATH"), "Run this program as a worker; it has to speak the protocol");
}

/// `max-failures` for `max_failures`.
const fn dashed<const N: usize>(name: &str) -> [u8; N] {
    let (name, mut dashed, mut at) = (name.as_bytes(), [0; N], 0);
    while at < N {
        dashed[at] = if name[at] == b'_' { b'-' } else { name[at] };
        at += 1;
    }
    dashed
}

/// `--max-failures <N>` for the field `max_failures`.
fn flag(name: &'static str, long: &'static str, value: Option<&'static str>, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(long).help(help);
    match value {
        Some(value) => arg.value_name(value),
        None => arg,
    }
}

impl RunSettings {
    /// `fail_fast` becomes what it means.
    pub(super) fn fail_fast_resolved(mut self) -> Self {
        if self.fail_fast.take() == Some(true) {
            self.max_failures = Some(0);
        }
        self
    }
}

/// The flags of a run as settings; what no flag says is left to the job file.
#[derive(Debug, Clone, Default)]
pub struct RunFlags(
    /// What they say.
    pub RunSettings,
);

impl Args for RunFlags {
    fn augment_args(command: Command) -> Command {
        let mut flags = flags();
        // In the help, the shorter word comes first.
        if let Some(at) = flags.iter().position(|(_, arg)| arg.get_id() == "fail_fast") {
            flags.swap(at.saturating_sub(1), at);
        }
        let of = |heading| flags.iter().filter(move |(its, _)| *its == heading);
        Heading::ALL.into_iter().flat_map(of).fold(command, |command, (heading, arg)| {
            let arg = arg.clone().help_heading(heading.title());
            command.arg(match arg.get_id().as_str() {
                "fail_fast" => arg.conflicts_with("max_failures"),
                "priority" => arg.allow_negative_numbers(true),
                _ => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self(RunSettings::of_flags(matches).fail_fast_resolved()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let flags = Self::from_arg_matches(matches)?.0;
        self.0 = flags.or(std::mem::take(&mut self.0));
        Ok(())
    }
}
