//! Every key of the kind.

use crate::{Key, Section};

const fn input(
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    about: &'static str,
    example: &'static str,
) -> Key {
    Key { section: Section::Input, name, kind, default, about, example }
}

const fn param(
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    about: &'static str,
    example: &'static str,
) -> Key {
    Key { section: Section::Params, name, kind, default, about, example }
}

pub(super) const KEYS: &[Key] = &[
    input("args", "list of texts", None, "the items; numbers will do", "[\"a.txt\", \"b.txt\"]"),
    input(
        "file",
        "path",
        None,
        "a file with one item a line (empty lines are skipped), or a table, .csv or .tsv, with one item a row",
        "\"names.txt\"",
    ),
    input(
        "format",
        "\"lines\", \"csv\" or \"tsv\"",
        Some("by the file's extension, otherwise lines"),
        "how the file is cut into items; the first row of a table names its columns",
        "\"csv\"",
    ),
    input(
        "delimiter",
        "one character",
        Some("\",\", in .tsv files a tab"),
        "what stands between a table's cells",
        "\";\"",
    ),
    input(
        "header",
        "true or false",
        Some("true"),
        "whether a table's first row names its columns; without it they are {1}, {2} and so on",
        "false",
    ),
    param(
        "argv",
        "list of texts",
        None,
        "the program and its arguments: {} is the item, {#} the task's number, {name} a column of a table, \
         and {{ is a brace; without any place for it, the item is the last argument",
        "[\"wc\", \"-c\", \"{}\"]",
    ),
    param(
        "mode",
        "\"each\" or \"lines\"",
        Some("\"each\""),
        "each: a process a task; lines: a process a worker, asked with a line of JSON a task, which answers each \
         with one",
        "\"lines\"",
    ),
    param(
        "stdin",
        "true or false",
        Some("false"),
        "feed the item and a line break to the program's standard input",
        "true",
    ),
    param(
        "shell",
        "true or false",
        Some("false"),
        "the arguments, with spaces between, are a script for /bin/sh; what stands in for {} is quoted, and in quotes \
         of the script's own it is refused",
        "true",
    ),
    param("dir", "path", Some("the job file's folder"), "where the program runs", "\"work\""),
    param(
        "exit_codes",
        "list of integers from 0 to 255",
        Some("[0]"),
        "which exit codes are no failure",
        "[0, 1]",
    ),
    param(
        "max_output",
        "size",
        Some("\"1MiB\""),
        "how much of each output is kept: the beginning of the standard output, the end of the standard error",
        "\"64KiB\"",
    ),
];
