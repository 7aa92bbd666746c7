//! Which files a job is about, and what their outputs are called.
//!
//! The list is made before the first task, so that two images that would overwrite each other are refused
//! before anything runs; it costs about two paths of memory for each image.

use std::collections::{HashMap, HashSet};
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
    // For comparisons: absolute, without symbolic links; of a pattern's finds, without those in its fixed part.
    real: PathBuf,
}

/// Reads `[input]`, or the `items` that take its place, and finds its files; notes in `errors` what is wrong. What
/// patterns find is sorted by path, each file once; what is named one by one keeps its order and its doubles.
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
        Ok(inputs) => inputs,
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
                    shown(base)
                )),
                ..item.error(format!("{} matches no file", item.describe()))
            }),
            Ok(found) => inputs.extend(found),
            Err(error) => errors.push(error),
        }
    }
    errors.into_result()?;
    inputs.sort_by(|one, other| one.path.cmp(&other.path));
    let mut seen = HashSet::with_capacity(inputs.len());
    inputs.retain(|input| seen.insert(input.real.clone()));
    Ok(inputs)
}

/// A folder's path as the system takes it: an empty one is the current folder.
fn folder_of(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// A folder's name for messages.
fn shown(base: &Path) -> String {
    if base.as_os_str().is_empty() { "the current folder".to_owned() } else { base.display().to_string() }
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
        let Ok(real) = folder_of(&folder).canonicalize() else { return Ok(Vec::new()) };
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
                stem: PathBuf::new(),
                real: base.join(text).canonicalize().unwrap_or_else(|_| base.join(text)),
            }),
            Err(error) => errors.push(error),
        }
        if errors.are_enough() {
            break;
        }
    }
    errors.into_result()?;
    name_below_shared_folder(&mut inputs, base);
    Ok(inputs)
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
                stem: PathBuf::new(),
                real: path.canonicalize().unwrap_or_else(|_| path.clone()),
                path,
            }),
            _ => errors.push(fail(lines.error(format_args!("{} is no file", named.display())))),
        }
        if errors.are_enough() {
            break;
        }
    }
    errors.into_result()?;
    name_below_shared_folder(&mut inputs, Path::new("/"));
    Ok(inputs)
}

/// Gives inputs that are named one by one their outputs' names: what they are called below the deepest folder that
/// has them all, as a pattern's finds are called below its fixed part. `a/b.jpg` alone becomes `b`.
fn name_below_shared_folder(inputs: &mut [Input], base: &Path) {
    let plain: Vec<PathBuf> = inputs.iter().map(|input| without_detours(&base.join(&input.path))).collect();
    let folders = plain.iter().filter_map(|path| path.parent());
    let shared = folders.map(Path::to_owned).reduce(|shared, folder| {
        let same = shared.components().zip(folder.components()).take_while(|(one, other)| one == other);
        same.map(|(component, _)| component).collect()
    });
    let shared = shared.unwrap_or_default();
    for (input, path) in inputs.iter_mut().zip(&plain) {
        input.stem = path.strip_prefix(&shared).unwrap_or(path).with_extension("");
    }
}

/// `path`, absolute, without `.` and `..`, by its letters alone.
fn without_detours(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder_of(path)).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    plain
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
            errors.push(SpecError {
                hint: Some(way_out(first, input).to_owned()),
                ..job.output.error("dir", both(first, input, &path))
            });
        }
        if errors.0.len() == 10 {
            break;
        }
    }
    errors
}

/// Says that two inputs have one output.
fn both(first: &Input, second: &Input, output: &Path) -> String {
    let (one, other) = (first.path.display(), second.path.display());
    let to = output.display();
    match (first.path == second.path, first.real == second.real) {
        (true, _) => format!("{one} is named twice, and would be written to {to} twice"),
        (_, true) => format!("{one} and {other} are one file, and would both be written to {to}"),
        _ => format!("{one} and {other} would both be written to {to}"),
    }
}

fn way_out(first: &Input, second: &Input) -> &'static str {
    if first.real == second.real {
        return "name it once; a job without `output.dir` may look at an image as often as it likes";
    }
    "their names differ by extension or pattern only: run them as two jobs"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_named_below_the_folder_that_all_files_share() {
        for (paths, stems) in [
            (&["input/x.jpg"][..], &["x"][..]),
            (&["./a.jpg"], &["a"]),
            (&["../x/b.jpg"], &["b"]),
            (&["/t/c.png", "/t/d/e.f.png"], &["c", "d/e.f"]),
            (&["in/b/x.jpg", "in/./a/../a/x.jpg"], &["b/x", "a/x"]),
            (&["a.jpg", "more/b.png"], &["a", "more/b"]),
        ] {
            let input = |path: &&str| Input { path: path.into(), stem: PathBuf::new(), real: path.into() };
            let mut inputs: Vec<Input> = paths.iter().map(input).collect();
            name_below_shared_folder(&mut inputs, Path::new(""));
            let found: Vec<&Path> = inputs.iter().map(|input| input.stem.as_path()).collect();
            assert_eq!(found, stems.iter().map(Path::new).collect::<Vec<_>>(), "{paths:?}");
        }
    }
}
