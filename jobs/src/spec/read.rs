//! Reading: typed values with their places.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::overrides::apply_override;
use super::value::{Entries, OVERRIDDEN, Value};
use super::{SpecError, SpecErrors};
use crate::words::{excerpt, nearest, shortened};

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

/// Where values come from: the file's name and text, to turn offsets into lines and columns.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) file: String,
    pub(super) text: String,
}

/// The file's name, for what no file has said.
pub(super) const OVERRIDE: &str = "--set";

impl Origin {
    /// An error about what stands at `span`.
    fn error(&self, span: Option<&Range<usize>>, key: String, message: String) -> SpecError {
        let file = if span == Some(&OVERRIDDEN) { OVERRIDE } else { &self.file };
        let place = span.and_then(|span| self.place(span));
        SpecError { file: file.to_owned(), place, key, message, hint: None }
    }

    /// What the parser says, with the line, a caret, and what was probably meant.
    fn syntax_error(&self, error: &toml::de::Error) -> SpecError {
        let span = error.span();
        let told = self.error(span.as_ref(), String::new(), error.message().to_owned());
        let Some((number, column)) = told.place else { return told };
        let line = self.text.lines().nth(number - 1).unwrap_or_default();
        // What is missing at the end of the text is missing behind the last thing in it.
        let (line, column) = match line.trim().is_empty() {
            true => self
                .text
                .lines()
                .rfind(|line| !line.trim().is_empty())
                .map_or((line, column), |last| (last, usize::MAX)),
            false => (line, column),
        };
        let word = span.and_then(|span| self.text.get(span)).unwrap_or_default();
        let mut hints: Vec<String> = excerpt(line, column).into_iter().collect();
        if line.contains(is_curly) {
            hints.push(
                "text stands in straight quotes, \"…\" or '…': curly ones come from word processors".into(),
            );
        } else if error.message().contains("must be quoted") && is_bare(word) {
            hints.push(format!("text stands in quotes: \"{word}\""));
        }
        SpecError { hint: (!hints.is_empty()).then(|| hints.join("\n")), ..told }
    }

    fn place(&self, span: &Range<usize>) -> Option<(usize, usize)> {
        let before = self.text.get(..span.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Some((line, column))
    }
}

/// Quotes that TOML doesn't know.
fn is_curly(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2037}' | '«' | '»' | '\u{ff02}' | '\u{ff07}' | '´')
}

/// A word that lacks nothing but its quotes.
fn is_bare(word: &str) -> bool {
    !word.is_empty()
        && word.chars().count() <= 40
        && !word.contains(|c: char| c.is_whitespace() || "\"'\\[]{}=".contains(c))
}

/// A table of a job file. Keys are *taken*; what is left in the end is unknown.
///
/// ```
/// let text = "kind = \"x\"\n[params]\nfirst = 1\nscond = 2\n[params.more]\nthird = 3\n";
/// let mut job = jobs::spec::JobSpec::parse("x.toml", text, std::path::Path::new("."), &[])?;
/// let params = &mut job.params;
/// assert!(params.has("first") && params.take("first").is_some());
/// assert!(params.take("second").is_none());
/// let more = params.take_table("more")?.ok_or("no table")?;
/// assert_eq!(more.path(), "params.more");
/// assert_eq!(params.error("fourth", "is required").key, "params.fourth");
/// let unknown = params.unknown_keys().to_string();
/// assert!(unknown.contains("scond") && unknown.contains("second"), "{unknown}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Table {
    origin: Arc<Origin>,
    path: String,
    span: Option<Range<usize>>,
    pub(super) entries: BTreeMap<String, Item>,
    // What was asked for, to suggest the right spelling of what was not.
    asked: Vec<String>,
}

/// A value of a job file with its place and its path.
///
/// ```
/// let text = "kind = \"x\"\n[params]\nlist = [7, \"12\"]\nratio = 0.5\nfast = true\nsize = { wide = 3 }\n";
/// let mut job = jobs::spec::JobSpec::parse("x.toml", text, std::path::Path::new("."), &[])?;
/// assert!(job.kind.is_text() && job.kind.text()? == "x");
/// let mut take = |key| job.params.take(key).ok_or("it is not there");
///
/// let list = take("list")?;
/// assert_eq!((list.len(), list.is_empty(), list.describe().as_str()), (2, false, "a list"));
/// for item in list.into_list()? {
///     println!("{}, {} digits", item.number::<u32>()?, item.integer()?.len());
///     assert_ne!(item.is_integer(), item.is_text());
/// }
/// let (ratio, fast) = (take("ratio")?, take("fast")?);
/// assert!(ratio.is_float() && fast.is_bool());
/// assert_eq!((ratio.float()?, fast.bool()?), (0.5, true));
/// assert_eq!(ratio.error("is too small").to_string(), "x.toml:4:9: `params.ratio`: is too small");
/// assert!(take("size")?.into_table()?.has("wide"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Item {
    origin: Arc<Origin>,
    path: String,
    pub(super) span: Option<Range<usize>>,
    // Where the key stands, for complaints about the key and not its value.
    pub(super) key_span: Option<Range<usize>>,
    pub(super) value: Value,
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

impl Table {
    /// Takes a key's value out, where it is there.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        self.entries.remove(key)
    }

    /// Takes a table out, where it is there.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn take_table(&mut self, key: &str) -> Result<Option<Table>, SpecError> {
        self.take(key).map(Item::into_table).transpose()
    }

    /// True where the key is there and not yet taken.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The table's path: `input`, `params.step[2]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error about a key of this table that is not there (or, with an empty key, about the table).
    pub fn error(&self, key: &str, message: impl Into<String>) -> SpecError {
        self.origin.error(self.span.as_ref(), join(&self.path, key), message.into())
    }

    /// The keys that nobody took, each with the nearest spelling that somebody asked for.
    pub fn unknown_keys(&self) -> SpecErrors {
        let describe = |(key, item): (&String, &Item)| {
            let hint = match nearest(key, &self.asked) {
                Some(asked) => Some(format!("did you mean `{asked}`?")),
                None if self.asked.is_empty() => None,
                None => Some(format!("known here: {}", self.asked.join(", "))),
            };
            let message = "is not a known key".to_owned();
            SpecError { hint, ..self.origin.error(item.key_span.as_ref(), item.path.clone(), message) }
        };
        SpecErrors(self.entries.iter().take(SpecErrors::ENOUGH).map(describe).collect())
    }
}

impl Item {
    /// An error about this value.
    pub fn error(&self, message: impl Into<String>) -> SpecError {
        self.origin.error(self.span.as_ref(), self.path.clone(), message.into())
    }

    fn wrong_type(&self, wanted: &str) -> SpecError {
        self.error(format!("{} is not {wanted}", self.describe()))
    }

    /// The value in a few characters, for messages.
    pub fn describe(&self) -> String {
        let text = match &self.value {
            Value::Text(text) => format!("{text:?}"),
            Value::Integer(text) | Value::Date(text) => text.clone(),
            Value::Float(float) => format!("{float:?}"),
            Value::Bool(bool) => bool.to_string(),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
        };
        if text.chars().count() > 60 {
            return format!("{}…", text.chars().take(60).collect::<String>());
        }
        text
    }

    /// The value as text.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self) -> Result<&str, SpecError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_type("text in quotes")),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// It is something else.
    pub fn bool(&self) -> Result<bool, SpecError> {
        match self.value {
            Value::Bool(bool) => Ok(bool),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// An integer of any size in decimal digits, with a leading `-` where negative; given as an integer or
    /// as text.
    ///
    /// # Errors
    /// It is neither.
    pub fn integer(&self) -> Result<&str, SpecError> {
        let (Value::Integer(text) | Value::Text(text)) = &self.value else {
            return Err(self.wrong_type("an integer"));
        };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong_type("an integer"));
        }
        Ok(text)
    }

    /// An integer that fits `T`, given as an integer or as text.
    ///
    /// # Errors
    /// It is something else, or does not fit.
    pub fn number<T: std::str::FromStr>(&self) -> Result<T, SpecError> {
        let text = self.integer()?;
        text.parse().map_err(|_| {
            let sign = if text.starts_with('-') { "small" } else { "large" };
            self.error(format!("{} is too {sign}", self.describe()))
        })
    }

    /// A finite or infinite number with a fraction, or an integer.
    ///
    /// # Errors
    /// It is neither.
    pub fn float(&self) -> Result<f64, SpecError> {
        match &self.value {
            Value::Float(float) => Ok(*float),
            Value::Integer(text) => text.parse().map_err(|_| self.wrong_type("a number")),
            _ => Err(self.wrong_type("a number")),
        }
    }

    /// True where the value is an integer (and not text).
    pub fn is_integer(&self) -> bool {
        matches!(self.value, Value::Integer(_))
    }

    /// True where the value is a number with a fraction.
    pub fn is_float(&self) -> bool {
        matches!(self.value, Value::Float(_))
    }

    /// True where the value is true or false.
    pub fn is_bool(&self) -> bool {
        matches!(self.value, Value::Bool(_))
    }

    /// True where the value is text.
    pub fn is_text(&self) -> bool {
        matches!(self.value, Value::Text(_))
    }

    /// How many elements a list has; 0 for anything else.
    pub fn len(&self) -> usize {
        if let Value::List(list) = &self.value { list.len() } else { 0 }
    }

    /// True for a list without elements.
    pub fn is_empty(&self) -> bool {
        matches!(&self.value, Value::List(list) if list.is_empty())
    }

    /// A list's elements in order.
    ///
    /// # Errors
    /// It is no list.
    pub fn into_list(self) -> Result<impl Iterator<Item = Item>, SpecError> {
        let wrong = SpecError { hint: self.as_list(), ..self.wrong_type("a list") };
        let Self { origin, path, value: Value::List(list), .. } = self else {
            return Err(wrong);
        };
        Ok(list.into_iter().enumerate().map(move |(index, (value, span))| Item {
            origin: origin.clone(),
            path: format!("{path}[{index}]"),
            key_span: None,
            span: Some(span),
            value,
        }))
    }

    /// What the value looks like as a list, where it would make one.
    fn as_list(&self) -> Option<String> {
        const SHOWN: usize = 3;
        let key = self.path.rsplit('.').next().unwrap_or_default();
        let elements = match &self.value {
            Value::Text(text) => {
                let parts: Vec<&str> =
                    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
                let numbers = parts.iter().all(|part| part.parse::<f64>().is_ok_and(f64::is_finite));
                let element = |part: &&str| match numbers {
                    true => (*part).to_owned(),
                    false => format!("{:?}", shortened(part, 30)),
                };
                let mut elements: Vec<_> = parts.iter().take(SHOWN).map(element).collect();
                elements.extend((parts.len() > SHOWN).then(|| "…".to_owned()));
                elements.join(", ")
            }
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) => self.describe(),
            Value::Date(_) | Value::List(_) | Value::Table(_) => return None,
        };
        Some(format!("a list stands in brackets: {key} = [{elements}]"))
    }

    /// A table, whose keys can then be taken.
    ///
    /// # Errors
    /// It is no table.
    pub fn into_table(self) -> Result<Table, SpecError> {
        let wrong = self.wrong_type("a table");
        let Self { origin, path, span, value: Value::Table(entries), .. } = self else {
            return Err(wrong);
        };
        Ok(table_of(&origin, path, span, entries))
    }
}

fn table_of(origin: &Arc<Origin>, path: String, span: Option<Range<usize>>, entries: Entries) -> Table {
    let entries = entries
        .into_iter()
        .map(|(key, key_span, value, span)| {
            let item = Item {
                origin: origin.clone(),
                path: join(&path, &key),
                span: Some(span),
                key_span: Some(key_span),
                value,
            };
            (key, item)
        })
        .collect();
    Table { origin: origin.clone(), path, span, entries, asked: Vec::new() }
}

pub(super) fn parse_table(origin: &Arc<Origin>) -> Result<Table, SpecErrors> {
    let (root, errors) = DeTable::parse_recoverable(&origin.text);
    if !errors.is_empty() {
        let mut told = SpecErrors::default();
        for error in &errors {
            let error = origin.syntax_error(error);
            // What follows in the same line is mostly the first one's doing.
            let line = |error: &SpecError| error.place.map(|(line, _)| line);
            if told.0.last().is_none_or(|last| line(last) != line(&error)) {
                told.push(error);
            }
            if told.are_enough() {
                break;
            }
        }
        return Err(told);
    }
    match Value::from_toml(&DeValue::Table(root.into_inner())) {
        Value::Table(entries) => Ok(table_of(origin, String::new(), None, entries)),
        _ => Ok(table_of(origin, String::new(), None, Vec::new())),
    }
}

fn join(path: &str, key: &str) -> String {
    match (path.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (_, true) => path.to_owned(),
        _ => format!("{path}.{key}"),
    }
}
