//! Which files a job is about, and what their outputs are called.
//!
//! The list is made before the first task, so that two images that would overwrite each other are refused
//! before anything runs; it costs about two paths of memory for each image.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use super::setup::Output;
use crate::lines::{Lines, Readable, refuse};
use crate::spec::{Item, JobSpec, SpecError, SpecErrors};
use crate::{ItemsFrom, PlanError};

/// The longest path on Linux, in bytes.
const LONGEST_PATH: usize = 4096;

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Relative to the job file's folder, or absolute.
    pub(super) path: PathBuf,
    /// Its output's path below the output folder, without extension.
    pub(super) stem: PathBuf,
    // For comparisons: absolute, without symbolic links in the pattern's fixed part.
    real: PathBuf,
}

/// Reads `[input]`, or the `items` that take its place, and finds its files, sorted by path; notes in `errors`
/// what is wrong.
pub(super) fn find(
    job: &mut JobSpec,
    items: Option<&ItemsFrom>,
    output: Option<&Output>,
    errors: &mut SpecErrors,
) -> Vec<Input> {
    let (glob, files) = (job.input.take("glob"), job.input.take("files"));
    let result = match (glob, files) {
        _ if items.is_some() => items.map_or(Ok(Vec::new()), lines),
        (Some(glob), None) => {
            let skip = output.and_then(|output| output.dir.canonicalize().ok());
            patterns(glob, job.base(), skip.as_deref())
        }
        (None, Some(files)) => listed(files, job.base()),
        (None, None) => {
            let hint = Some(r#"for example: glob = "photos/**/*.jpg""#.into());
            Err(SpecError { hint, ..job.input.error("glob", "or `files` is required") }.into())
        }
        (Some(_), Some(files)) => Err(files.error("can't stand beside `glob`").into()),
    };
    match result {
        Ok(mut inputs) => {
            inputs.sort_by(|one, other| one.path.cmp(&other.path));
            inputs.dedup_by(|one, other| one.path == other.path);
            inputs
        }
        Err(more) => {
            errors.0.extend(more.0);
            Vec::new()
        }
    }
}

fn patterns(glob: Item, base: &Path, skip: Option<&Path>) -> Result<Vec<Input>, SpecErrors> {
    let items: Vec<Item> = if glob.is_text() { vec![glob] } else { glob.into_list()?.collect() };
    let (mut inputs, mut errors) = (Vec::new(), SpecErrors::default());
    for item in items {
        let found = Pattern::read(&item).and_then(|pattern| pattern.walk(&item, base, skip));
        match found {
            Ok(found) if found.is_empty() && item.text().is_ok_and(|text| base.join(text).is_dir()) => {
                errors.push(SpecError {
                    hint: Some("for what is in it: FOLDER/*, with all that is below it: FOLDER/**/*".into()),
                    ..item.error(format!("{} is a folder, and not a pattern for files", item.describe()))
                });
            }
            Ok(found) if found.is_empty() => errors.push(SpecError {
                hint: Some(format!(
                    "it starts from {}; `*` stays within a folder, `**` spans folders, and letters' case counts",
                    base.display()
                )),
                ..item.error(format!("{} matches no file", item.describe()))
            }),
            Ok(found) => inputs.extend(found),
            Err(error) => errors.push(error),
        }
    }
    errors.into_result().map(|()| inputs)
}

/// A pattern, parted before the first component that is more than a name.
struct Pattern {
    root: PathBuf,
    rest: GlobMatcher,
    // Components of `rest`, where none of them spans folders.
    depth: Option<usize>,
}

impl Pattern {
    fn read(item: &Item) -> Result<Self, SpecError> {
        let text = item.text()?;
        let components: Vec<_> = Path::new(text).components().collect();
        let special = |component: &Component<'_>| {
            component.as_os_str().as_bytes().iter().any(|byte| b"*?[{\\".contains(byte))
        };
        // The last component is a file's name, pattern or not.
        let fixed = components.iter().position(special).unwrap_or(components.len().saturating_sub(1));
        let (root, rest) = components.split_at(fixed);
        let rest: PathBuf = rest.iter().collect();
        let rest = rest.to_string_lossy();
        let glob = GlobBuilder::new(&rest).literal_separator(true).build();
        let glob = glob.map_err(|error| item.error(format!("is no pattern: {}", error.kind())))?;
        let depth = (!rest.contains("**") && !rest.contains('{')).then(|| rest.split('/').count());
        Ok(Self { root: root.iter().collect(), rest: glob.compile_matcher(), depth })
    }

    /// All files that match, without those below `skip`.
    fn walk(&self, item: &Item, base: &Path, skip: Option<&Path>) -> Result<Vec<Input>, SpecError> {
        let folder = base.join(&self.root);
        let Ok(real) = folder.canonicalize() else { return Ok(Vec::new()) };
        // An output folder around the inputs is no reason to have none.
        let skip = skip.filter(|skip| *skip != real && skip.starts_with(&real));
        let walk = WalkDir::new(&real).min_depth(1).max_depth(self.depth.unwrap_or(usize::MAX)).into_iter();
        let mut inputs = Vec::new();
        for entry in walk.filter_entry(|entry| Some(entry.path()) != skip) {
            let entry = entry.map_err(|error| item.error(format!("can't be searched: {error}")))?;
            let Ok(below) = entry.path().strip_prefix(&real) else { continue };
            // A link to a file is one; links to folders are not followed, so that no walk goes in circles.
            if self.rest.is_match(below) && entry.path().is_file() {
                inputs.push(Input {
                    path: self.root.join(below),
                    stem: below.with_extension(""),
                    real: entry.path().to_owned(),
                });
            }
        }
        Ok(inputs)
    }
}

fn listed(files: Item, base: &Path) -> Result<Vec<Input>, SpecErrors> {
    let (mut inputs, mut errors) = (Vec::new(), SpecErrors::default());
    if files.is_empty() {
        return Err(files.error("is empty: there is nothing to do").into());
    }
    for item in files.into_list()? {
        match item.text() {
            Ok(text) if !base.join(text).is_file() => {
                errors.push(item.error(format!("{} is no file", item.describe())));
            }
            Ok(text) => inputs.push(Input {
                path: text.into(),
                stem: below_base(Path::new(text)).with_extension(""),
                real: base.join(text).canonicalize().unwrap_or_else(|_| base.join(text)),
            }),
            Err(error) => errors.push(error),
        }
    }
    errors.into_result().map(|()| inputs)
}

/// Files that are named one a line; relative ones start at the current folder, as their names come from there.
/// All of them are read before anything runs, for the same reason as above.
fn lines(items: &ItemsFrom) -> Result<Vec<Input>, SpecErrors> {
    let (mut inputs, mut errors) = (Vec::new(), SpecErrors::default());
    let readable = Readable::find(items).map_err(|problem| refuse(items, &problem))?;
    let mut lines = Lines::new(readable, LONGEST_PATH);
    let fail = |error: PlanError| SpecError {
        file: "--input".into(),
        place: None,
        key: String::new(),
        message: error.0,
        hint: None,
    };
    while lines.advance().map_err(fail)? {
        let named = Path::new(OsStr::from_bytes(lines.line()));
        if named.as_os_str().is_empty() {
            continue;
        }
        match std::path::absolute(named) {
            Ok(path) if path.is_file() => inputs.push(Input {
                stem: below_base(named).with_extension(""),
                real: path.canonicalize().unwrap_or_else(|_| path.clone()),
                path,
            }),
            _ => errors.push(fail(lines.error(format_args!("{} is no file", named.display())))),
        }
        if errors.are_enough() {
            break;
        }
    }
    errors.into_result().map(|()| inputs)
}

/// The path itself where it leads down only, else the file's name.
fn below_base(path: &Path) -> PathBuf {
    let down = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if path.components().all(down) {
        return path.components().filter(|component| *component != Component::CurDir).collect();
    }
    path.file_name().unwrap_or(OsStr::new("image")).into()
}

/// Refuses outputs that would overwrite one another, or an input.
pub(super) fn check_collisions(inputs: &[Input], output: &Output, tiled: bool, job: &JobSpec) -> SpecErrors {
    let mut errors = SpecErrors::default();
    let dir = output.dir.canonicalize().unwrap_or_else(|_| output.dir.clone());
    let extension = output.format.extension();
    let originals: HashMap<&Path, &Input> =
        inputs.iter().map(|input| (input.real.as_path(), input)).collect();
    let mut taken: HashMap<&Path, &Input> = HashMap::with_capacity(inputs.len());
    for input in inputs {
        let name = [input.stem.as_os_str().as_bytes(), b".", extension.as_bytes()].concat();
        let path = dir.join(OsStr::from_bytes(&name));
        // Tiles have longer names; where they would lie among inputs of their format is close enough.
        let among =
            tiled && path.parent() == input.real.parent() && path.extension() == input.real.extension();
        let overwritten = originals.get(path.as_path()).copied().or(among.then_some(input));
        let hint = Some("give outputs a folder or a format of their own".to_owned());
        if let Some(original) = overwritten {
            let (one, other) = (input.path.display(), original.path.display());
            let message = format!("the output of {one} could overwrite the input {other}");
            errors.push(SpecError { hint, ..job.output.error("dir", message) });
        } else if let Some(first) = taken.insert(&input.stem, input) {
            let (one, other) = (first.path.display(), input.path.display());
            let message = format!("{one} and {other} would both be written to {}", path.display());
            let hint =
                Some("their names differ by extension or pattern only: run them as two jobs".to_owned());
            errors.push(SpecError { hint, ..job.output.error("dir", message) });
        }
        if errors.0.len() == 10 {
            break;
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_lead_elsewhere_are_kept_alone() {
        for (path, below) in
            [("a/b.jpg", "a/b.jpg"), ("./a.jpg", "a.jpg"), ("../x/b.jpg", "b.jpg"), ("/t/c.png", "c.png")]
        {
            assert_eq!(below_base(Path::new(path)), Path::new(below), "{path}");
        }
    }
}
