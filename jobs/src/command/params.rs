//! `[params]`: which program, and how it gets its items.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::setup::{Mode, Setup};
use super::template::Template;
use crate::size;
use crate::spec::{Item, JobSpec, SpecError, SpecErrors, Table};

/// How much of each output is kept where the job doesn't say.
const DEFAULT_OUTPUT: usize = 1 << 20;
/// And at most: values travel in memory.
const MAX_OUTPUT: u64 = 16 << 20;

/// Reads `[params]`; `None` where something is wrong, with what is wrong in `errors`.
pub(super) fn read(job: &mut JobSpec, columns: Option<&[String]>, errors: &mut SpecErrors) -> Option<Setup> {
    // A bare file name has an empty folder, which stands for the current one.
    let base = std::path::absolute(Path::new(".").join(job.base())).unwrap_or_else(|_| job.base().to_owned());
    let params = &mut job.params;
    let mode = mode(params, errors);
    let shell = flag(params, "shell", errors).is_some();
    let max_output = match params.take("max_output") {
        Some(item) => errors.keep(output_size(&item))?,
        None => DEFAULT_OUTPUT,
    };
    let dir = match params.take("dir") {
        Some(item) => errors.keep(directory(&item, &base))?,
        None => base,
    };
    let argv = argv(params, columns, errors)?;
    let argv = check_program(argv, &dir, shell, errors)?;
    let setup = Setup { argv, dir, shell, mode: mode?, columns: columns.map(<[_]>::to_vec), max_output };
    Some(with_item(setup))
}

/// Without a place for it, the item is the last argument.
fn with_item(mut setup: Setup) -> Setup {
    let fed = matches!(setup.mode, Mode::Lines | Mode::Each { stdin: true, .. });
    if !fed && !setup.argv.iter().any(Template::takes_item) {
        setup.argv.extend(Template::parse("{}", None));
    }
    setup
}

/// A key that is true, with its place.
fn flag(params: &mut Table, key: &str, errors: &mut SpecErrors) -> Option<Item> {
    let item = params.take(key)?;
    errors.keep(item.bool())?.then_some(item)
}

fn mode(params: &mut Table, errors: &mut SpecErrors) -> Option<Mode> {
    let (mode, stdin) = (params.take("mode"), flag(params, "stdin", errors));
    let codes = params.take("exit_codes");
    match mode.as_ref().map_or(Ok("each"), Item::text) {
        Ok("each") => {
            let exit_codes = match codes {
                Some(item) => exit_codes(item, errors)?,
                None => vec![0],
            };
            Some(Mode::Each { stdin: stdin.is_some(), exit_codes })
        }
        Ok("lines") => {
            for (item, key) in [(&stdin, "stdin"), (&codes, "exit_codes")] {
                let Some(item) = item else { continue };
                errors.push(item.error(format!("`{key}` has no meaning with mode = \"lines\"")));
            }
            Some(Mode::Lines)
        }
        Ok(_) => {
            errors.0.extend(
                mode.map(|item| item.error(format!("{} is not one of each, lines", item.describe()))),
            );
            None
        }
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn exit_codes(item: Item, errors: &mut SpecErrors) -> Option<Vec<u8>> {
    let none = item.error("is an empty list: nothing would be a success");
    let mut codes = Vec::new();
    for item in errors.keep(item.into_list())? {
        codes.extend(errors.keep(item.number::<u8>()));
    }
    if codes.is_empty() {
        errors.push(none);
    }
    Some(codes)
}

fn output_size(item: &Item) -> Result<usize, SpecError> {
    let text = if item.is_text() { item.text()?.to_owned() } else { item.integer()?.to_owned() };
    match size::bytes(&text) {
        Some(size @ 1..=MAX_OUTPUT) => Ok(usize::try_from(size).unwrap_or(DEFAULT_OUTPUT)),
        Some(_) => Err(item.error(format!("{} is not from 1 byte to 16MiB", item.describe()))),
        None => Err(item.error(format!("{} is not a size; for example 64KiB or 2MiB", item.describe()))),
    }
}

fn directory(item: &Item, base: &Path) -> Result<PathBuf, SpecError> {
    let dir = base.join(item.text()?);
    if dir.is_dir() { Ok(dir) } else { Err(item.error(format!("{} is no directory", dir.display()))) }
}

/// The arguments with their places.
fn argv(
    params: &mut Table,
    columns: Option<&[String]>,
    errors: &mut SpecErrors,
) -> Option<Vec<(Item, Template)>> {
    let hint = || Some("for example: argv = [\"wc\", \"-c\", \"{}\"]".to_owned());
    let Some(list) = params.take("argv") else {
        let error = params.error("argv", "is required: the program and its arguments");
        errors.push(SpecError { hint: hint(), ..error });
        return None;
    };
    let empty = SpecError { hint: hint(), ..list.error("is an empty list: it names no program") };
    let (mut argv, before) = (Vec::new(), errors.0.len());
    for item in errors.keep(list.into_list())? {
        match item.text().and_then(|text| template(&item, text, columns)) {
            Ok(template) => argv.push((item, template)),
            Err(error) => errors.push(error),
        }
    }
    if argv.is_empty() && errors.0.len() == before {
        errors.push(empty);
    }
    (errors.0.len() == before).then_some(argv)
}

fn template(item: &Item, text: &str, columns: Option<&[String]>) -> Result<Template, SpecError> {
    if text.contains('\0') {
        return Err(item.error("holds a zero byte, which no argument can"));
    }
    Template::parse(text, columns).map_err(|missing| SpecError {
        hint: Some(format!(
            "the columns are: {}; write {{{{{}}}}} for the text",
            columns.unwrap_or_default().join(", "),
            missing.0
        )),
        ..item.error(format!("`{{{}}}` is no column of the input", missing.0))
    })
}

/// Looks for the program before anything runs, and names it in full.
fn check_program(
    argv: Vec<(Item, Template)>,
    dir: &Path,
    shell: bool,
    errors: &mut SpecErrors,
) -> Option<Vec<Template>> {
    let (item, program) = argv.first()?;
    if !shell
        && program.is_plain()
        && let Ok(name) = item.text()
        && find(name, dir).is_none()
    {
        let hint = match name.contains('/') {
            true => "a relative path starts at `params.dir`, by default the job file's folder",
            false => "it is looked for along PATH; for a program of your own, write ./NAME",
        };
        let error = item.error(format!("there is no program {name}"));
        errors.push(SpecError { hint: Some(hint.into()), ..error });
        return None;
    }
    Some(argv.into_iter().map(|(_, template)| template).collect())
}

/// Where a program is: as a path from `dir`, or along `PATH`.
pub(super) fn find(name: &str, dir: &Path) -> Option<PathBuf> {
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(dir.join(name)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    // An empty entry, or a relative one, starts where the program runs.
    std::env::split_paths(&path).map(|folder| dir.join(folder).join(name)).find(|path| runs(path))
}
