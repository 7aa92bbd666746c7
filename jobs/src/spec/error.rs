//! What is wrong with a job file, with the place and a way out.

use std::fmt;

use crate::words::{printable, printable_lines};

/// One thing that is wrong with a job file.
///
/// Prints as ``jobs/primes.toml:7:12: `input.numbers[2]`: "12x" is not an integer``, with the hint on a
/// line of its own where there is one. What comes from the file is printed with escapes for whatever would command a
/// terminal.
///
/// ```
/// use jobs::spec::SpecError;
///
/// let error = SpecError {
///     file: "primes.toml".into(),
///     place: Some((7, 12)),
///     key: "input.numbers[2]".into(),
///     message: "\"12x\" is not an integer".into(),
///     hint: None,
/// };
/// assert_eq!(error.to_string(), "primes.toml:7:12: `input.numbers[2]`: \"12x\" is not an integer");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The file's name as the user gave it, or `--set` for an override.
    pub file: String,
    /// Line and column, from 1 (columns count characters), where a place in the text is known.
    pub place: Option<(usize, usize)>,
    /// The key's path, for example `input.numbers[2]`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, without the place.
    pub message: String,
    /// What to do about it; may have several lines.
    pub hint: Option<String>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.file))?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", printable(&self.key))?;
        }
        f.write_str(&printable(&self.message))?;
        if let Some(hint) = &self.hint {
            for line in printable_lines(hint).lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

/// Everything that is wrong with a job file; never empty when returned as an error.
///
/// ```
/// use jobs::spec::{JobSpec, SpecErrors};
///
/// let text = "kind = \"primes\"\n[input]\nnumbers = [2, \"12x\", 3]\n";
/// let mut job = JobSpec::parse("primes.toml", text, std::path::Path::new("."), &[])?;
/// let mut errors = SpecErrors::default();
/// errors.push(job.input.error("range", "stands beside `numbers`"));
/// let mut numbers = Vec::new();
/// for item in job.input.take("numbers").ok_or("no numbers")?.into_list()? {
///     numbers.extend(errors.keep(item.number::<u64>()));
///     if errors.are_enough() {
///         break;
///     }
/// }
/// assert_eq!((numbers.as_slice(), errors.0.len()), ([2, 3].as_slice(), 2));
/// assert!(errors.0.len() < SpecErrors::ENOUGH);
/// errors.append(job.unknown_keys());
/// assert!(errors.into_result().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpecErrors(pub Vec<SpecError>);

impl SpecErrors {
    /// `Ok` where nothing was found.
    ///
    /// # Errors
    /// Itself, where something was found.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// So many are enough: who reads a long list may stop.
    pub const ENOUGH: usize = 20;

    /// True where there are [`ENOUGH`](Self::ENOUGH).
    pub fn are_enough(&self) -> bool {
        self.0.len() >= Self::ENOUGH
    }

    /// Adds one more.
    pub fn push(&mut self, error: SpecError) {
        self.0.push(error);
    }

    /// Adds all of another list.
    pub fn append(&mut self, errors: Self) {
        self.0.extend(errors.0);
    }

    /// Takes a result apart: keeps the error, hands out the value.
    pub fn keep<T>(&mut self, result: Result<T, SpecError>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }
}

impl From<SpecError> for SpecErrors {
    fn from(error: SpecError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecErrors {}
impl std::error::Error for SpecError {}
