//! What a kind of work promises to the rest of the system.

use std::path::PathBuf;

use protocol::{Handler, Payloads, TaskError};

use crate::spec::{JobSpec, SpecErrors};

/// A way of working.
///
/// One value describes the kind for ever; what belongs to one job lives in the [`Plan`] (in the coordinator)
/// and in the [`Handler`] (in each worker).
///
/// ```
/// use jobs::spec::{JobSpec, SpecErrors};
/// use jobs::{BadValue, Key, Kind, Plan, PlanOptions, Presenter, Section};
/// use protocol::{Handler, TaskError};
/// # use jobs::{PlanError, Tasks};
/// # use protocol::{Payloads, Task};
///
/// /// Squares the numbers from 0 on.
/// struct Squares;
///
/// const BELOW: Key = Key {
///     section: Section::Input,
///     name: "below",
///     kind: "integer",
///     default: None,
///     about: "where to end",
///     example: "10",
/// };
///
/// impl Kind for Squares {
///     fn name(&self) -> &'static str {
///         "squares"
///     }
///
///     fn about(&self) -> &'static str {
///         "squares the numbers from 0 on"
///     }
///
///     fn keys(&self) -> &'static [Key] {
///         &[BELOW]
///     }
///
///     fn example(&self) -> &'static str {
///         "kind = \"squares\"\n\n[input]\nbelow = 10\n"
///     }
///
///     fn plan(&self, job: &mut JobSpec, _: &PlanOptions) -> Result<Plan, SpecErrors> {
///         let below = job.input.take("below").ok_or_else(|| job.input.error("below", "is required"))?;
///         let below = below.number()?;
///         let tasks = Box::new(Numbers(0..below)); // implements `Tasks`
///         Ok(Plan { tasks, total: Some(below), setup: Vec::new(), combine: None, inputs: Vec::new() })
///     }
///
///     fn handler(&self, _setup: &[u8]) -> Result<Box<dyn Handler>, TaskError> {
///         Ok(Box::new(Squares)) // implements `Handler`, too
///     }
///
///     fn presenter(&self, _setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue> {
///         Ok(Box::new(Squares)) // and `Presenter`
///     }
/// }
/// # struct Numbers(std::ops::Range<u64>);
/// # impl Tasks for Numbers {
/// #     fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
/// #         let before = into.len();
/// #         self.0.by_ref().take(max).for_each(|n| into.push(&n.to_le_bytes()));
/// #         Ok(into.len() > before)
/// #     }
/// # }
/// # impl Handler for Squares {
/// #     fn run(&mut self, _: &Task<'_>, _: &mut Vec<u8>) -> Result<(), TaskError> {
/// #         Ok(())
/// #     }
/// # }
/// # impl Presenter for Squares {
/// #     fn columns(&self) -> &[&'static str] {
/// #         &[]
/// #     }
/// #     fn input(&self, _: &[u8], _: &mut String) -> Result<(), BadValue> {
/// #         Ok(())
/// #     }
/// #     fn value(&self, _: &[u8], _: &[u8], _: &mut String) -> Result<(), BadValue> {
/// #         Ok(())
/// #     }
/// #     fn text(&self, _: &[u8], _: &[u8], _: &mut String) -> Result<(), BadValue> {
/// #         Ok(())
/// #     }
/// # }
///
/// // What it does not say, it leaves at the usual:
/// assert!(Squares.deterministic() && !Squares.hidden());
/// assert!(Squares.lines().is_none() && !Squares.reads_one_input_each() && !Squares.starts_processes());
/// assert!(Squares.same_work(b"", b"") && Squares.outputs(b"")?.is_none());
/// # Ok::<(), BadValue>(())
/// ```
pub trait Kind: Send + Sync {
    /// What a job file calls it.
    fn name(&self) -> &'static str;

    /// What it does, in one line without a full stop.
    fn about(&self) -> &'static str;

    /// Every key it reads, for help, documentation, completion and spelling suggestions.
    fn keys(&self) -> &'static [Key];

    /// A job file that runs as it is.
    fn example(&self) -> &'static str;

    /// Kinds for tests and rehearsals are listed only by `kinds --all`.
    fn hidden(&self) -> bool {
        false
    }

    /// What each line holds where the items may come line by line ([`PlanOptions::items`]), in a word or two:
    /// `numbers`; `None` for kinds whose input is no list.
    fn lines(&self) -> Option<&'static str> {
        None
    }

    /// True where running a task twice gives the same value, so that repeating a plain `error` is pointless.
    fn deterministic(&self) -> bool {
        true
    }

    /// True where tasks may leave processes behind: a guard then sees to it that none outlives the run, even
    /// where the coordinator is killed.
    fn starts_processes(&self) -> bool {
        false
    }

    /// True where task n reads the n-th of the plan's [`inputs`](Plan::inputs) and no other file, so that an
    /// incremental run can tell task by task what has changed.
    fn reads_one_input_each(&self) -> bool {
        false
    }

    /// True where a worker with either setup does the same work: the two differ at most in what it may replace.
    fn same_work(&self, one: &[u8], other: &[u8]) -> bool {
        one == other
    }

    /// Names the files that the tasks of a job write; `None` where they write none.
    ///
    /// # Errors
    /// The setup is not one of this kind's.
    fn outputs(&self, _setup: &[u8]) -> Result<Option<Box<dyn Outputs>>, BadValue> {
        Ok(None)
    }

    /// Reads the kind's own keys and returns the tasks, lazily. Nothing is run, nothing is written.
    ///
    /// # Errors
    /// Everything that is wrong with the kind's keys, not only the first thing.
    fn plan(&self, job: &mut JobSpec, options: &PlanOptions) -> Result<Plan, SpecErrors>;

    /// Makes the thing that runs tasks; called once in each worker with the plan's setup.
    ///
    /// # Errors
    /// A sentence for people: this worker can't run this job.
    fn handler(&self, setup: &[u8]) -> Result<Box<dyn Handler>, TaskError>;

    /// Makes the thing that turns payloads and values into what people and programs read.
    ///
    /// It needs nothing but the setup, so that stored results can be shown without planning again.
    ///
    /// # Errors
    /// The setup is not one of this kind's.
    fn presenter(&self, setup: &[u8]) -> Result<Box<dyn Presenter>, BadValue>;
}

/// What planning may depend on beside the job file.
///
/// ```
/// use jobs::{ItemsFrom, PlanOptions};
///
/// let options = PlanOptions { items: Some(ItemsFrom::Stdin), ..PlanOptions::default() };
/// assert!(!options.force);
/// ```
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Replace existing outputs.
    pub force: bool,
    /// Items to take instead of those of the job file, one a line; only for kinds with [`Kind::lines`].
    pub items: Option<ItemsFrom>,
}

/// Where items come from, one a line.
///
/// ```
/// use jobs::ItemsFrom;
///
/// let items = ItemsFrom::File("numbers.txt".into());
/// assert_ne!(items, ItemsFrom::Stdin);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemsFrom {
    /// The standard input, which can be read once.
    Stdin,
    /// A regular file or a named pipe.
    File(PathBuf),
}

/// A job, split into tasks.
///
/// ```
/// use jobs::PlanOptions;
/// use jobs::spec::JobSpec;
/// use protocol::Payloads;
///
/// let text = "kind = \"primes\"\n[input]\nnumbers = [2, 36, 101]\n";
/// let mut job = JobSpec::parse("primes.toml", text, std::path::Path::new("."), &[])?;
/// let primes = jobs::find("primes").ok_or("no such kind")?;
/// let mut plan = primes.plan(&mut job, &PlanOptions::default())?;
/// let mut payloads = Payloads::new();
/// while plan.tasks.next(1000, &mut payloads)? {}
/// assert_eq!((plan.total, payloads.len()), (Some(3), 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Plan {
    /// The tasks, in input order.
    pub tasks: Box<dyn Tasks>,
    /// How many there are, where that is known before they are made.
    pub total: Option<u64>,
    /// What every worker of this job must know; handed to [`Kind::handler`] and [`Kind::presenter`].
    /// At most 48 KiB.
    pub setup: Setup,
    /// How values become one result, for kinds that have one.
    pub combine: Option<Box<dyn Combine>>,
    /// The files that the tasks are made from or read: a run is not resumed with others. What a pattern found
    /// is listed file by file.
    pub inputs: Vec<PathBuf>,
}

/// The kind's own bytes that every worker of a job is given at its start.
///
/// ```
/// let setup: jobs::Setup = Vec::new();
/// assert!(setup.len() <= protocol::MAX_SETUP);
/// ```
pub type Setup = Vec<u8>;

/// A lazy, ordered supply of payloads. Memory must not grow with the number of tasks.
///
/// ```
/// use jobs::{PlanError, Tasks};
/// use protocol::Payloads;
///
/// struct Numbers(std::ops::Range<u64>);
///
/// impl Tasks for Numbers {
///     fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError> {
///         let before = into.len();
///         self.0.by_ref().take(max).for_each(|n| into.push(&n.to_le_bytes()));
///         Ok(into.len() > before)
///     }
/// }
///
/// let (mut tasks, mut payloads) = (Numbers(0..5), Payloads::new());
/// while tasks.next(2, &mut payloads)? {}
/// assert_eq!(payloads.len(), 5);
/// # Ok::<(), PlanError>(())
/// ```
pub trait Tasks: Send {
    /// Appends at most `max` payloads to `into` and returns `true`, or returns `false` where there are no
    /// more. May block (it has a thread of its own); should return early with what it has rather than wait
    /// long for more.
    ///
    /// # Errors
    /// Where a lazily read input turns out to be bad: where, what, and what to do.
    fn next(&mut self, max: usize, into: &mut Payloads) -> Result<bool, PlanError>;
}

/// An input that turned out to be bad while tasks were being made from it.
///
/// ```
/// let error = jobs::PlanError("numbers.txt:7: \"12x\" is not an integer".into());
/// assert_eq!(error.to_string(), "numbers.txt:7: \"12x\" is not an integer");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

/// A payload or value that is not one of this kind's: some worker's or some file's mistake, never a reason
/// to panic.
///
/// ```
/// let primes = jobs::find("primes").expect("it is registered");
/// let bad: jobs::BadValue = match primes.presenter(b"nonsense") {
///     Err(bad) => bad,
///     Ok(_) => jobs::BadValue("it took nonsense for a setup".into()),
/// };
/// println!("{bad}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadValue(pub String);

/// Names the files that tasks write, so that an incremental run can see whether they are still there.
///
/// ```
/// use std::path::PathBuf;
///
/// use jobs::{BadValue, Outputs};
///
/// /// Each payload is a file's name, and its task writes a thumbnail.
/// struct Thumbnails;
///
/// impl Outputs for Thumbnails {
///     fn files(&self, payload: &[u8]) -> Result<Vec<PathBuf>, BadValue> {
///         let name = std::str::from_utf8(payload).map_err(|_| BadValue("a name is text".into()))?;
///         Ok(vec![PathBuf::from(name).with_extension("thumbnail.png")])
///     }
/// }
///
/// assert_eq!(Thumbnails.files(b"cat.jpg")?, [PathBuf::from("cat.thumbnail.png")]);
/// # Ok::<(), BadValue>(())
/// ```
pub trait Outputs: Send {
    /// Every file that a task with this payload leaves when it ends well.
    ///
    /// # Errors
    /// The payload is not one of this kind's.
    fn files(&self, payload: &[u8]) -> Result<Vec<PathBuf>, BadValue>;
}

/// Turns payloads and values into what people and programs read.
///
/// ```
/// use jobs::{BadValue, Presenter};
///
/// /// Shows numbers and their squares.
/// struct Squares;
///
/// fn number(bytes: &[u8]) -> Result<u64, BadValue> {
///     bytes.try_into().map(u64::from_le_bytes).map_err(|_| BadValue("a number has eight bytes".into()))
/// }
///
/// impl Presenter for Squares {
///     fn columns(&self) -> &[&'static str] {
///         &["square"]
///     }
///
///     fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue> {
///         *text += &number(payload)?.to_string();
///         Ok(())
///     }
///
///     fn value(&self, _payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue> {
///         *json += &format!("{{\"square\":{}}}", number(value)?);
///         Ok(())
///     }
///
///     fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue> {
///         *line += &format!("{}² is {}", number(payload)?, number(value)?);
///         Ok(())
///     }
/// }
///
/// let mut line = String::new();
/// Squares.text(&7_u64.to_le_bytes(), &49_u64.to_le_bytes(), &mut line)?;
/// assert_eq!(line, "7² is 49");
/// assert!(Squares.check(&7_u64.to_le_bytes(), b"no number").is_err());
/// # Ok::<(), BadValue>(())
/// ```
pub trait Presenter: Send {
    /// The value's fields, in order, for CSV columns (`value.prime`) and documentation.
    fn columns(&self) -> &[&'static str];

    /// Appends what the user gave for this task, as plain text (`2`, `photos/cat.jpg`).
    ///
    /// # Errors
    /// The payload is not one of this kind's.
    fn input(&self, payload: &[u8], text: &mut String) -> Result<(), BadValue>;

    /// Appends the value as one JSON object whose keys are [`columns`](Self::columns), in that order.
    /// A value comes from a worker that may have gone wrong: check it.
    ///
    /// # Errors
    /// The value is not one of this kind's.
    fn value(&self, payload: &[u8], value: &[u8], json: &mut String) -> Result<(), BadValue>;

    /// Appends one line for people, without a line break: `9999999 is not prime (3)`.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    fn text(&self, payload: &[u8], value: &[u8], line: &mut String) -> Result<(), BadValue>;

    /// Checks a value as [`value`](Self::value) does, which this asks unless there is a quicker way: every value is
    /// checked when it comes, before it is stored, and written when its turn has come.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    fn check(&self, payload: &[u8], value: &[u8]) -> Result<(), BadValue> {
        self.value(payload, value, &mut String::new())
    }

    /// Appends what is done for a task with this number and payload, where its input alone does not tell: the command
    /// that is run. `check` shows it.
    ///
    /// # Errors
    /// As for [`input`](Self::input).
    #[doc(hidden)]
    fn action(&self, _task: u64, _payload: &[u8], _line: &mut String) -> Result<(), BadValue> {
        Ok(())
    }
}

/// Combines values into one result that depends on the input only: not on the number of workers, nor on
/// batches, nor on the order in which outcomes arrive.
///
/// ```
/// use jobs::{BadValue, Combine};
///
/// struct Sum(u64);
///
/// fn number(bytes: &[u8]) -> Result<u64, BadValue> {
///     bytes.try_into().map(u64::from_le_bytes).map_err(|_| BadValue("a number has eight bytes".into()))
/// }
///
/// impl Combine for Sum {
///     fn add(&mut self, _task: u64, _payload: &[u8], value: &[u8], _worker: &str) -> Result<(), BadValue> {
///         self.0 += number(value)?;
///         Ok(())
///     }
///
///     fn finish(&mut self) -> Result<serde_json::Value, BadValue> {
///         Ok(self.0.into())
///     }
/// }
///
/// let mut sum = Sum(0);
/// sum.add(1, b"", &7_u64.to_le_bytes(), "worker-2")?;
/// sum.add(0, b"", &5_u64.to_le_bytes(), "worker-1")?;
/// assert_eq!(sum.text()?, "12");
/// assert!(sum.explain().is_empty());
/// # Ok::<(), BadValue>(())
/// ```
pub trait Combine: Send {
    /// Takes the value of one task. Values arrive in any order, each task at most once; `worker` says who
    /// made it.
    ///
    /// # Errors
    /// The value is not one of this kind's.
    fn add(&mut self, task: u64, payload: &[u8], value: &[u8], worker: &str) -> Result<(), BadValue>;

    /// The result as JSON, once all tasks are in. It is not asked for where a task has failed.
    ///
    /// # Errors
    /// Tasks are missing, or the values contradict each other.
    fn finish(&mut self) -> Result<serde_json::Value, BadValue>;

    /// The result in a line for people; the same as the JSON by default.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    fn text(&mut self) -> Result<String, BadValue> {
        Ok(self.finish()?.to_string())
    }

    /// Lines that tell who combined what, for `-v`.
    fn explain(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A key that a kind reads.
///
/// ```
/// use jobs::{Key, Section};
///
/// const BELOW: Key = Key {
///     section: Section::Input,
///     name: "below",
///     kind: "integer",
///     default: None,
///     about: "where to end",
///     example: "10",
/// };
/// assert!(BELOW.default.is_none(), "it is required");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Which table it stands in.
    pub section: Section,
    /// Its name; `step.op` for the key `op` of each `[[params.step]]`.
    pub name: &'static str,
    /// Its type, in words: `list of integers`, `true or false`.
    pub kind: &'static str,
    /// What holds where it is absent; `None`: it is required, alone or as one of several, or `about` says when.
    pub default: Option<&'static str>,
    /// What it means, in one line.
    pub about: &'static str,
    /// A value as it would stand in a job file.
    pub example: &'static str,
}

/// A table of the job file that belongs, at least in part, to the kind.
///
/// ```
/// let primes = jobs::find("primes").expect("it is registered");
/// let params = primes.keys().iter().filter(|key| key.section == jobs::Section::Params);
/// assert!(params.map(|key| key.name).any(|name| name == "factor"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[input]`: the items.
    Input,
    /// `[params]`: how to work on them.
    Params,
    /// `[output]`: where the kind's own files go.
    Output,
}
