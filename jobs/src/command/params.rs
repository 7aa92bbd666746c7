//! `[params]`: which program, and how it gets its items.

use std::path::{Path, PathBuf};

use super::program::find;
use super::script::{self, Unsafe};
use super::setup::{Mode, Setup};
use super::template::{Columns, NoPlace, Template};
use crate::size;
use crate::spec::{Item, JobSpec, SpecError, SpecErrors, Table};

/// How much of each output is kept where the job doesn't say.
const DEFAULT_OUTPUT: usize = 1 << 20;
/// And at most: values travel in memory.
const MAX_OUTPUT: u64 = 16 << 20;

/// Reads `[params]`; `None` where something is wrong, with what is wrong in `errors`. `columns` are those of a table;
/// `readable`: the input could be read.
pub(super) fn read(
    job: &mut JobSpec,
    columns: Option<&[String]>,
    readable: bool,
    errors: &mut SpecErrors,
) -> Option<Setup> {
    // A bare file name has an empty folder, which stands for the current one.
    let base = std::path::absolute(Path::new(".").join(job.base())).unwrap_or_else(|_| job.base().to_owned());
    let params = &mut job.params;
    let mode = mode(params, errors);
    let shell = flag(params, "shell", errors).is_some();
    // Every key is read before anything is refused, so that all errors are told at once.
    let max_output = match params.take("max_output") {
        Some(item) => errors.keep(output_size(&item)),
        None => Some(DEFAULT_OUTPUT),
    };
    let dir = match params.take("dir") {
        Some(item) => errors.keep(directory(&item, &base)),
        None => Some(base),
    };
    let places = if readable { Columns::Known(columns.unwrap_or_default()) } else { Columns::Unknown };
    let argv = argv(params, places, errors)?;
    let (Some(mode), Some(dir), Some(max_output)) = (mode, dir, max_output) else { return None };
    let argv = complete(argv, &mode, &dir, shell, errors)?;
    Some(Setup { argv, dir, shell, mode, columns: columns.map(<[_]>::to_vec), max_output })
}

/// Checks what the arguments mean together, and adds the item where they have no place for it.
fn complete(
    argv: Arguments,
    mode: &Mode,
    dir: &Path,
    shell: bool,
    errors: &mut SpecErrors,
) -> Option<Vec<Template>> {
    if *mode == Mode::Lines {
        errors.keep(refuse_places(&argv))?;
    }
    if !shell {
        errors.keep(check_program(&argv, dir))?;
    }
    let Arguments { list, items, mut templates } = argv;
    let fed = matches!(mode, Mode::Lines | Mode::Each { stdin: true, .. });
    if !fed && !templates.iter().any(Template::takes_item) {
        templates.push(Template::item());
    }
    if shell && let Err(wrong) = script::check(&mut templates) {
        errors.push(refuse_quoted(&list, &items, wrong));
        return None;
    }
    Some(templates)
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

/// `argv`, read.
struct Arguments {
    list: Item,
    // Invariant: as many as there are templates.
    items: Vec<Item>,
    templates: Vec<Template>,
}

/// The arguments with their places.
fn argv(params: &mut Table, columns: Columns<'_>, errors: &mut SpecErrors) -> Option<Arguments> {
    let hint = || Some("for example: argv = [\"wc\", \"-c\", \"{}\"]".to_owned());
    let Some(list) = params.take("argv") else {
        let error = params.error("argv", "is required: the program and its arguments");
        errors.push(SpecError { hint: hint(), ..error });
        return None;
    };
    if let Ok(line) = list.text() {
        let example = words(line).unwrap_or_else(|| "[\"wc\", \"-c\", \"{}\"]".to_owned());
        let hint = Some(format!("the program and each argument are elements of a list: argv = {example}"));
        errors.push(SpecError { hint, ..list.error(format!("{} is not a list", list.describe())) });
        return None;
    }
    let (mut items, mut templates, before) = (Vec::new(), Vec::new(), errors.0.len());
    for item in errors.keep(list.clone().into_list())? {
        match item.text().and_then(|text| template(&item, text, columns)) {
            Ok(template) => {
                items.push(item);
                templates.push(template);
            }
            Err(error) => errors.push(error),
        }
    }
    if templates.is_empty() && errors.0.len() == before {
        errors.push(SpecError { hint: hint(), ..list.error("is an empty list: it names no program") });
    }
    (errors.0.len() == before).then_some(Arguments { list, items, templates })
}

/// The words of a command line as a list; `None` for one that only a shell can take apart.
fn words(line: &str) -> Option<String> {
    if line.trim().is_empty() || line.contains(|char: char| "\"'\\$`|&;<>()*?[]~#\n".contains(char)) {
        return None;
    }
    let words: Vec<_> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
    Some(format!("[{}]", words.join(", ")))
}

fn template(item: &Item, text: &str, columns: Columns<'_>) -> Result<Template, SpecError> {
    if text.contains('\0') {
        return Err(item.error("holds a zero byte, which no argument can"));
    }
    Template::parse(text, columns).map_err(|NoPlace(name)| {
        let known = match columns {
            Columns::Known(columns @ [_, ..]) => format!("the columns are: {}; ", columns.join(", ")),
            _ => String::new(),
        };
        let what = if known.is_empty() { "is no place for anything" } else { "is no column of the input" };
        let path = match name.starts_with(['.', '/']) {
            true => "; a part of a path is the shell's to find, with shell = true: x={}; echo \"${x%.*}\"",
            false => "",
        };
        SpecError {
            hint: Some(format!(
                "{known}{{}} is the item, {{#}} the task's number; write {{{{{name}}}}} for the text {{{name}}}{path}"
            )),
            ..item.error(format!("`{{{name}}}` {what}"))
        }
    })
}

/// One program a worker answers for many items: its arguments can't hold any of them.
fn refuse_places(argv: &Arguments) -> Result<(), SpecError> {
    let placed = argv.items.iter().zip(&argv.templates).find(|(_, template)| template.has_places());
    let Some((item, _)) = placed else { return Ok(()) };
    Err(SpecError {
        hint: Some("write {{}} for the text {}".into()),
        ..item.error(
            "has a place for an item, and mode = \"lines\" starts the program once for many: it finds each on its \
             standard input",
        )
    })
}

/// In a script's own quotes the shell would read what an item holds.
fn refuse_quoted(list: &Item, items: &[Item], wrong: Unsafe) -> SpecError {
    let Unsafe { argument, context } = wrong;
    let (item, what) = match items.get(argument) {
        Some(item) => (item, "a place"),
        None => (list, "the end, where the item goes as there is no place for it,"),
    };
    SpecError {
        hint: Some(
            "where nothing is quoted, items are quoted for you; give it a name there: x={}; echo \"$x\""
                .into(),
        ),
        ..item.error(format!("{what} stands {context}: the shell would read the item as script, and run it"))
    }
}

/// Looks for the program before anything runs.
fn check_program(argv: &Arguments, dir: &Path) -> Result<(), SpecError> {
    let (Some(item), Some(program)) = (argv.items.first(), argv.templates.first()) else { return Ok(()) };
    let name: String = program.text().collect();
    let found = if program.is_plain() { find(&name, dir).map(drop) } else { Ok(()) };
    let spaced = name.contains(char::is_whitespace);
    let (message, hint) = match found {
        // With a place in it, the name is known only when the item is.
        Ok(()) if !program.is_plain() && spaced => ("names the program, spaces included".to_owned(), None),
        Ok(()) => return Ok(()),
        Err(problem) => (problem.to_string(), Some(problem.hint())),
    };
    let text = item.text().unwrap_or_default();
    let hint = match words(text).filter(|_| spaced) {
        Some(words) => format!("each argument is an element of its own: argv = {words}; or shell = true"),
        None if spaced => {
            "each argument is an element of its own; a line for a shell needs shell = true".to_owned()
        }
        None => hint.unwrap_or_default(),
    };
    Err(SpecError { hint: Some(hint), ..item.error(message) })
}
