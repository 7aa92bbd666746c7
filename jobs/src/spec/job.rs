//! A whole job file: its kind, its name and its tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::overrides::apply_override;
use super::read::{Item, Origin, Table, parse_table, table_of};
use super::value::Value;
use super::{SpecError, SpecErrors};

/// A parsed job file.
///
/// ```
/// use std::path::Path;
///
/// use jobs::spec::JobSpec;
///
/// let text = "kind = \"primes\"\n[input]\nfile = \"numbers.txt\"\n";
/// let set = [("params.factor".to_owned(), "true".to_owned())];
/// let mut job = JobSpec::parse("jobs/primes.toml", text, Path::new("jobs"), &set)?;
/// assert_eq!((job.name.as_str(), job.base()), ("primes", Path::new("jobs")));
/// let file = job.input.take("file").ok_or("no file")?;
/// assert_eq!(job.resolve(file.text()?), Path::new("jobs/numbers.txt"));
/// assert_eq!(job.unknown_keys().0.len(), 1, "nobody took `params.factor`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JobSpec {
    /// The kind's name and its place.
    pub kind: Item,
    /// What the job is called: `name`, or the file's stem.
    pub name: String,
    /// `[input]`.
    pub input: Table,
    /// `[params]`.
    pub params: Table,
    /// `[run]`.
    pub run: Table,
    /// `[output]`.
    pub output: Table,
    base: PathBuf,
    // What is wrong with the file as a whole.
    top: SpecErrors,
    // The tables that are none: what they lack is not worth a word.
    broken: Vec<&'static str>,
    // Without one, `kind` is an empty text.
    has_kind: bool,
}

impl JobSpec {
    /// Parses `text`; `file` is its name for messages, `base` the folder that relative paths start from.
    /// Each override is a dotted key and a TOML value (`input.numbers`, `[7]`), and replaces or adds it.
    ///
    ///
    /// # Errors
    /// Everything that is wrong with the file as a whole: syntax, a missing or misplaced `kind`, unknown
    /// tables.
    pub fn parse(
        file: &str,
        text: &str,
        base: &Path,
        overrides: &[(String, String)],
    ) -> Result<Self, SpecErrors> {
        let job = Self::parse_any(file, text, base, overrides)?;
        if job.top.0.is_empty() { Ok(job) } else { Err(job.top) }
    }

    /// As [`parse`](Self::parse), but what is wrong with the file as a whole is told by
    /// [`unknown_keys`](Self::unknown_keys), so that all else that is wrong with it can be told, too.
    ///
    /// # Errors
    /// The syntax is wrong.
    #[doc(hidden)]
    pub fn parse_any(
        file: &str,
        text: &str,
        base: &Path,
        overrides: &[(String, String)],
    ) -> Result<Self, SpecErrors> {
        let origin = Arc::new(Origin { file: file.to_owned(), text: text.to_owned() });
        let mut root = parse_table(&origin)?;
        let mut top = SpecErrors::default();
        for (key, value) in overrides {
            top.keep(apply_override(&mut root, key, value));
        }
        let stem = Path::new(file).file_stem().map_or_else(|| "job".into(), |stem| stem.to_string_lossy());
        let name = root.take("name").and_then(|item| top.keep(item.text().map(str::to_owned)));
        let mut broken = Vec::new();
        let mut section = |name: &'static str| {
            let table = root.take_table(name).unwrap_or_else(|error| {
                top.push(error);
                broken.push(name);
                None
            });
            table.unwrap_or_else(|| table_of(&origin, name.to_owned(), None, Vec::new()))
        };
        let (input, params, run, output) =
            (section("input"), section("params"), section("run"), section("output"));
        let kind = root.take("kind");
        if let Some(kind) = &kind {
            top.keep(kind.text().map(drop));
        } else {
            top.push(SpecError {
                hint: Some("for example: kind = \"primes\"; `coordinator kinds` lists them".into()),
                ..root.error("kind", "is required: the kind of work this job is")
            });
        }
        top.append(root.unknown_keys());
        let has_kind = kind.is_some();
        let kind = kind.unwrap_or_else(|| Item {
            origin: origin.clone(),
            path: "kind".into(),
            span: None,
            key_span: None,
            value: Value::Text(String::new()),
        });
        let name = name.unwrap_or_else(|| stem.into_owned());
        Ok(Self { kind, name, input, params, run, output, base: base.to_owned(), top, broken, has_kind })
    }

    /// False where no kind is named.
    #[doc(hidden)]
    pub fn has_kind(&self) -> bool {
        self.has_kind
    }

    /// True for an error about what a table lacks that is none at all.
    #[doc(hidden)]
    pub fn is_idle(&self, error: &SpecError) -> bool {
        let about = |table: &&str| {
            error.key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        error.place.is_none() && self.broken.iter().any(|table| about(&&**table))
    }

    /// A path of the job file, relative to the job file's folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The folder that relative paths start from.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The keys that nobody took, in all tables, each with the nearest spelling that somebody asked for.
    pub fn unknown_keys(&self) -> SpecErrors {
        let tables = [&self.input, &self.params, &self.run, &self.output];
        let keys = tables.into_iter().flat_map(|table| table.unknown_keys().0);
        SpecErrors(self.top.0.iter().cloned().chain(keys).collect())
    }
}
