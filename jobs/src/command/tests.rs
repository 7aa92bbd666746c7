//! The kind without a coordinator: real programs, in this process.

use std::path::Path;

use protocol::{Context, Handler, Task, TaskId};
use serde_json::Value;

use super::Command;
use crate::testing::{Done, errors, errors_in, plan_in, run, run_in};
use crate::{Kind, Tasks};

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.json).unwrap()
}

fn outputs(done: &[Done]) -> Vec<String> {
    done.iter().map(|done| json(done)["stdout"].as_str().unwrap().to_owned()).collect()
}

/// A handler of a job, to be asked one task at a time.
fn handler(toml: &str) -> Box<dyn Handler> {
    let (kind, plan) = plan_in(Path::new("/"), toml).unwrap_or_else(|errors| panic!("{errors}"));
    kind.handler(&plan.setup).unwrap()
}

fn ask(handler: &mut dyn Handler, id: u64, payload: &[u8]) -> Result<Vec<u8>, String> {
    let context = Context { worker: "worker-1", link: None };
    let mut value = Vec::new();
    let task = Task { id: TaskId(id), attempt: 1, payload, context };
    handler.run(&task, &mut value).map(|()| value).map_err(|error| error.message)
}

#[test]
fn items_are_arguments_and_no_shell_reads_them() {
    let nasty = "$(touch x); 'a b' \\\" * {}";
    let toml =
        format!("kind = \"command\"\ninput.args = ['''{nasty}''', 7]\nparams.argv = [\"printf\", \"%s\"]");
    let (done, _) = run(&toml);
    assert_eq!(outputs(&done), [nasty, "7"]);
    assert_eq!((done[0].input.as_str(), done[0].text.as_str()), (nasty, nasty));
}

#[test]
fn places_are_filled() {
    let (done, _) = run(
        "kind = \"command\"\ninput.args = [\"a\", \"b\"]\nparams.argv = [\"echo\", \"{#}:{}\", \"{print $1}\"]",
    );
    assert_eq!(outputs(&done), ["0:a {print $1}\n", "1:b {print $1}\n"]);
}

#[test]
fn a_shell_is_asked_for_and_finds_items_quoted() {
    let (done, _) = run(
        "kind = \"command\"\ninput.args = [\"it's; exit 3\"]\n[params]\nshell = true\nargv = [\"echo {} | tr a-z A-Z\"]",
    );
    assert_eq!(outputs(&done), ["IT'S; EXIT 3\n"]);
}

#[test]
fn no_item_is_run_wherever_its_place_stands() {
    let folder = tempfile::tempdir().unwrap();
    let items = [
        "$(touch RUN)",
        "`touch RUN`",
        "'; touch RUN; '",
        "\"; touch RUN; \"",
        "\ntouch RUN\n",
        "x\nEOF\ntouch RUN\n",
        "a[$(touch RUN)]",
        ";touch RUN",
        "\\'; touch RUN #",
        ") touch RUN (",
        "-n",
    ];
    let scripts = [
        "echo {}",
        "echo \"{}\"",
        "echo '{}'",
        "echo \"'{}'\"",
        "echo '\"{}\"'",
        "echo `echo {}`",
        "echo $(echo {})",
        "echo \"$(echo {})\"",
        "echo \"$(echo \"{}\")\"",
        "x={}; echo \"$x\"",
        "cat <<EOF\n{}\nEOF",
        "cat <<'EOF'\n{}\nEOF",
        "echo ok # {}",
        "echo ok #",
        "echo '",
        "echo ${x:-{}}",
        "echo \"${x:-{}}\"",
        "echo $(({} + 0))",
        "echo \\{}",
        "echo $'{}'",
        "sh -c 'echo {}'",
        "sh -c \"echo {}\"",
        "case {} in b) echo no;; *) echo {};; esac",
        "for x in a {} b; do printf %s \"$x\"; done; test {} = a || echo {}>/dev/null",
        "echo 'it'\"'\"'s' {} \\\" {}",
    ];
    let mut refused = 0;
    for script in scripts {
        let list = items.map(|item| format!("{item:?}")).join(", ");
        let toml = format!(
            "kind = \"command\"\ninput.args = [{list}]\n[params]\nshell = true\nexit_codes = [0, 1, 2]\nargv = [{script:?}]"
        );
        match plan_in(folder.path(), &toml) {
            Ok(_) => drop(run_in(folder.path(), &toml)),
            Err(errors) => {
                refused += 1;
                let said = errors.to_string();
                assert!(said.contains("the shell would read the item as script"), "{said}");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{script} ran an item");
    }
    assert!(scripts.len() - refused >= 6, "{refused} refused: what can be quoted is");
}

#[test]
fn a_script_says_the_text_itself_or_is_refused() {
    let toml = |script: &str| {
        format!(
            "kind = \"command\"\ninput.args = [\"$(id -u)\", \"it's\"]\n[params]\nshell = true\nargv = ['''{script}''']"
        )
    };
    let quoted = errors(&toml("echo \"{}\""));
    assert!(quoted.contains("`params.argv[0]`: a place stands inside double quotes"), "{quoted}");
    assert!(quoted.contains("x={}; echo \"$x\""), "{quoted}");
    let (done, _) = run(&toml("x={}; echo \"$x {#}\""));
    assert_eq!(outputs(&done), ["$(id -u) 0\n", "it's 1\n"]);
    // What goes to the end of a comment would begin a line of its own.
    assert!(errors(&toml("true #")).contains("`params.argv`: the end, where the item goes"));
}

#[test]
fn a_place_that_is_none_is_an_error_and_braces_can_be_written() {
    for (wrong, hint) in [("{.}.webp", "{{.}}"), ("{1}", "{{1}}"), ("{ }", "{{ }}"), ("{name}", "{{name}}")] {
        let toml =
            format!("kind = \"command\"\ninput.args = [1]\nparams.argv = [\"echo\", \"{{}}\", {wrong:?}]");
        let said = errors(&toml);
        assert!(said.contains("job.toml:3:30: `params.argv[2]`: `{"), "{said}");
        assert!(
            said.contains("is no place for anything") && said.contains(&format!("write {hint} for")),
            "{said}"
        );
    }
    let (done, _) = run("kind = \"command\"\ninput.args = [1]\nparams.argv = [\"echo\", \"{{.}} {{}} {}\"]");
    assert_eq!(outputs(&done), ["{.} {} 1\n"]);
    let lines =
        errors("kind = \"command\"\ninput.args = [1]\n[params]\nmode = \"lines\"\nargv = [\"cat\", \"{}\"]");
    assert!(lines.contains("has a place for an item, and mode = \"lines\""), "{lines}");
}

#[test]
fn a_command_line_in_one_piece_is_told_as_a_list() {
    let job = |argv: &str| errors(&format!("kind = \"command\"\ninput.args = [1]\nparams.argv = {argv}"));
    for (argv, expected) in [
        ("\"echo {}\"", "elements of a list: argv = [\"echo\", \"{}\"]"),
        ("[\"ls {}\"]", "an element of its own: argv = [\"ls\", \"{}\"]; or shell = true"),
        ("[\"ls -l\", \"{}\"]", "an element of its own: argv = [\"ls\", \"-l\"]; or shell = true"),
        ("[\"ls | wc\"]", "a line for a shell needs shell = true"),
        ("7", "7 is not a list"),
    ] {
        let said = job(argv);
        assert!(said.contains(expected), "{argv}: {said}");
    }
}

#[test]
fn an_item_can_be_fed_however_long_it_is() {
    let mut cat =
        handler("kind = \"command\"\ninput.args = [\"x\"]\n[params]\nstdin = true\nargv = [\"cat\"]");
    let item = vec![b'x'; 300_000];
    let value = ask(cat.as_mut(), 0, &item).unwrap();
    assert_eq!(value.len(), 6 + item.len() + 1);
    // Who wants none of it is not waited for.
    let mut none =
        handler("kind = \"command\"\ninput.args = [\"x\"]\n[params]\nstdin = true\nargv = [\"true\"]");
    assert!(ask(none.as_mut(), 0, &item).is_ok());
}

#[test]
fn outputs_are_bounded_and_the_cut_is_told() {
    let script = "yes | head -c 100000; yes err | head -c 100000 >&2; echo last >&2";
    let toml = format!(
        "kind = \"command\"\ninput.args = [1]\n[params]\nshell = true\nargv = [\"{script};:\"]\nmax_output = \"4KiB\""
    );
    let (done, _) = run(&toml);
    let value = json(&done[0]);
    assert_eq!(value["stdout"].as_str().unwrap().len(), 4096);
    assert!(value["stderr"].as_str().unwrap().ends_with("err\nlast\n"));
    assert_eq!((value["stderr"].as_str().unwrap().len(), &value["cut"]), (4096, &Value::Bool(true)));
    assert_eq!(done[0].text, "y (and 2047 more lines)");
}

#[test]
fn a_failure_tells_its_code_and_the_last_words() {
    let toml = "kind = \"command\"\ninput.args = [1]\n[params]\nshell = true\nargv = [\"echo no such cat >&2; exit\"]";
    let mut exits = handler(&toml.replace("exit\"", "exit 3;:\""));
    assert_eq!(ask(exits.as_mut(), 0, b"x"), Err("exit code 3: no such cat".into()));
    let mut dies = handler(&toml.replace("exit\"", "kill -SEGV $$;:\""));
    assert_eq!(ask(dies.as_mut(), 0, b"x"), Err("killed by SIGSEGV: no such cat".into()));
    let mut fine = handler(&format!("{}\nexit_codes = [0, 3]", toml.replace("exit\"", "exit 3;:\"")));
    assert_eq!(ask(fine.as_mut(), 0, b"x").unwrap()[0], 3);
}

#[test]
fn what_is_left_behind_holds_up_nothing() {
    let toml =
        "kind = \"command\"\ninput.args = [1]\n[params]\nshell = true\nargv = [\"sleep 1000 & echo $!;:\"]";
    let (done, _) = run(toml);
    let pid: i32 = outputs(&done)[0].trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_table_gives_its_cells_by_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "\u{feff}name,note\ncat,\"a, \"\"b\"\"\nc\"\ndog,\n")
        .unwrap();
    let toml = "kind = \"command\"\ninput.file = \"t.csv\"\nparams.argv = [\"printf\", \"%s|%s\", \"{note}\", \"{name}\"]";
    let (done, _) = run_in(folder.path(), toml);
    assert_eq!(outputs(&done), ["a, \"b\"\nc|cat", "|dog"]);
    assert_eq!(done[0].input, "cat,\"a, \"\"b\"\"\nc\"");
    for (text, expected) in [
        ("name,note\ncat\n", "t.csv:2: the row has 1 cells, and the first one 2"),
        ("name,note\r\r\na,b\r\"\r\n\",c\rcat\r", "t.csv:6: the row has 1 cells"),
        (
            "name,note\na,b\n\nx,\"y\nz\n",
            "t.csv:4: a quoted cell of the row that starts here is never closed",
        ),
    ] {
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let (_, mut plan) = plan_in(folder.path(), toml).unwrap();
        let mut payloads = protocol::Payloads::new();
        let error = loop {
            match plan.tasks.next(9, &mut payloads) {
                Ok(more) => assert!(more, "{text:?}"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains(expected), "{error}");
    }
    let wrong = errors_in(folder.path(), &toml.replace("{note}", "{nota}"));
    assert!(wrong.contains("`params.argv[2]`: `{nota}` is no column of the input"), "{wrong}");
    assert!(wrong.contains("the columns are: name, note"), "{wrong}");
}

#[test]
fn a_table_without_a_header_is_refused_until_the_job_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "5,a\r7,b\r").unwrap();
    let toml = |header: &str, argument: &str| {
        format!(
            "kind = \"command\"\ninput.file = \"t.csv\"\n{header}\nparams.argv = [\"printf\", \"%s\", \"{argument}\"]"
        )
    };
    let refused = errors_in(folder.path(), &toml("", "{}"));
    assert!(
        refused.contains("`input.file`") && refused.contains("is it a row like the others?"),
        "{refused}"
    );
    assert!(refused.contains("set input.header = false"), "{refused}");
    assert_eq!(outputs(&run_in(folder.path(), &toml("input.header = false", "{2}{1}")).0), ["a5", "b7"]);
    assert_eq!(outputs(&run_in(folder.path(), &toml("input.header = true", "{}")).0), ["7,b"]);
    // Whoever calls a column by its name knows that there are names.
    assert_eq!(outputs(&run_in(folder.path(), &toml("", "{5}")).0), ["7"]);
    let stray = errors_in(
        folder.path(),
        "kind = \"command\"\ninput.args = [1]\ninput.header = true\nparams.argv = [\"echo\"]",
    );
    assert!(stray.contains("`input.header`: means nothing for a list"), "{stray}");
}

#[test]
fn a_table_of_another_kind_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let toml = "kind = \"command\"\ninput.file = \"t.csv\"\nparams.argv = [\"printf\", \"%s\", \"{b}\"]";
    std::fs::write(folder.path().join("t.csv"), "a;b\n1;2\n").unwrap();
    let refused = errors_in(folder.path(), toml);
    assert!(refused.contains("set input.delimiter = \";\""), "{refused}");
    assert_eq!(outputs(&run_in(folder.path(), &format!("{toml}\ninput.delimiter = \";\"")).0), ["2"]);
    let utf_16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("t.csv"), utf_16).unwrap();
    let refused = errors_in(folder.path(), toml);
    assert!(refused.contains("is text in UTF-16LE; save it as UTF-8"), "{refused}");
}

#[test]
fn a_thousand_tables_are_read_as_python_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    for golden in crate::table::tests::goldens() {
        std::fs::write(&path, &golden.text).unwrap();
        let readable = crate::lines::Readable::find(&crate::ItemsFrom::File(path.clone())).unwrap();
        let written = super::table::Written {
            delimiter: Some(golden.delimiter as u8),
            header: Some(false),
            usual_delimiter: b',',
        };
        let opened = super::table::Rows::open(readable, written);
        let Some([first, ..]) = golden.rows.as_deref() else {
            assert!(golden.rows.is_none() || opened.is_err(), "{golden:?}");
            continue;
        };
        let opened = opened.ok().unwrap();
        let mut rows = opened.rows;
        let mut payloads = protocol::Payloads::new();
        let end = loop {
            match rows.next(3, &mut payloads) {
                Ok(true) => {}
                end => break end,
            }
        };
        // Rows of another length than the first are this kind's to refuse.
        let expected: Vec<_> =
            golden.rows.iter().flatten().take_while(|row| row.len() == first.len()).collect();
        assert_eq!(end.is_ok(), golden.rows.iter().flatten().count() == expected.len(), "{golden:?}");
        assert_eq!(payloads.len(), expected.len(), "{golden:?}");
        for (payload, cells) in payloads.iter().zip(expected) {
            let super::setup::Item::Row(row) = super::setup::Item::read(payload, Some(first.len())).unwrap()
            else {
                panic!("{golden:?}");
            };
            assert!(
                row.iter().eq(cells.iter().map(|cell| cell.as_bytes()).collect::<Vec<_>>().iter()),
                "{golden:?}"
            );
        }
    }
}

#[test]
fn a_file_gives_a_task_a_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("items"), "a b\r\n\n# c\nd").unwrap();
    let (done, _) =
        run_in(folder.path(), "kind = \"command\"\ninput.file = \"items\"\nparams.argv = [\"echo\"]");
    assert_eq!(outputs(&done), ["a b\n", "# c\n", "d\n"]);
}

#[test]
fn a_program_finds_itself_in_the_job_files_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let real = folder.path().canonicalize().unwrap();
    let toml = "kind = \"command\"\ninput.args = [1]\nparams.shell = true\nparams.argv = [\"pwd -P;:\"]";
    assert_eq!(outputs(&run_in(folder.path(), toml).0), [format!("{}\n", real.display())]);
    let toml = format!("{toml}\nparams.dir = \"sub\"");
    assert_eq!(outputs(&run_in(folder.path(), &toml).0), [format!("{}\n", real.join("sub").display())]);
}

#[test]
fn a_program_inherits_no_descriptor_of_ours() {
    // Some are handed on by whoever started the tests, and by us on purpose.
    let handed_on = |fd: &str| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|octal| i32::from_str_radix(octal.trim(), 8).ok());
        flags.is_some_and(|flags| flags & 0o2_000_000 == 0)
    };
    let (done, _) = run("kind = \"command\"\ninput.args = [\"/proc/self/fd\"]\nparams.argv = [\"ls\"]");
    let seen = outputs(&done).concat();
    let strange: Vec<_> = seen.lines().filter(|fd| !["0", "1", "2"].contains(fd) && !handed_on(fd)).collect();
    // One is the folder that is being listed.
    assert!(strange.len() <= 1, "{seen}");
}

/// One program that is asked line by line, written in shell: no more than a shell is needed for tests.
fn lines(script: &str) -> Box<dyn Handler> {
    handler(&format!(
        "kind = \"command\"\ninput.args = [1]\n[params]\nmode = \"lines\"\nmax_output = \"1KiB\"\nshell = true\nargv = ['''{script}''']"
    ))
}

#[test]
fn a_program_is_asked_line_by_line_and_stays_the_same() {
    let mut program = lines("while read -r line; do echo \"[$$,$line]\"; done");
    let answers: Vec<Value> =
        (0..3).map(|id| serde_json::from_slice(&ask(program.as_mut(), id, b"x").unwrap()).unwrap()).collect();
    assert_eq!(answers[2][1], serde_json::json!({ "task": 2, "attempt": 1, "input": "x" }));
    assert_eq!(answers[0][0], answers[2][0]);
}

#[test]
fn a_long_request_and_a_long_answer_do_not_block_each_other() {
    let mut program =
        handler("kind = \"command\"\ninput.args = [1]\n[params]\nmode = \"lines\"\nargv = [\"cat\"]");
    let value = ask(program.as_mut(), 0, &vec![b'x'; 500_000]).unwrap();
    assert!(value.len() > 500_000);
}

#[test]
fn an_answer_can_be_an_error_and_must_be_one_line_of_json() {
    let mut program = lines(
        "while read -r line; do case $line in *no*) echo '{\"error\":\"no\"}';; *two*) printf '1\\n2\\n';; *bad*) echo hm;; *long*) yes | tr -d '\\n' | head -c 100000; echo;; *) echo 1;; esac; done",
    );
    assert_eq!(ask(program.as_mut(), 0, b"no"), Err("no".into()));
    assert!(ask(program.as_mut(), 0, b"bad").unwrap_err().starts_with("the answer is no JSON"));
    assert_eq!(ask(program.as_mut(), 0, b"x"), Ok(b"1".to_vec()));
    assert!(ask(program.as_mut(), 0, b"long").unwrap_err().contains("more than 1024 bytes"));
    assert_eq!(ask(program.as_mut(), 0, b"x"), Ok(b"1".to_vec()), "a new one has taken its place");
    // Both lines may come at once, or the second late: then it is found before the next task.
    if ask(program.as_mut(), 0, b"two").is_ok() {
        let next = ask(program.as_mut(), 0, b"x");
        assert!(next == Ok(b"1".to_vec()) || next.unwrap_err().contains("not asked"));
    }
}

#[test]
fn the_death_of_a_program_fails_the_task_it_was_at_and_the_next_finds_another() {
    let mut program = lines(
        "while read -r line; do case $line in *die*) echo oh dear >&2; exit 4;; *) echo 1;; esac; done",
    );
    assert_eq!(ask(program.as_mut(), 0, b"x"), Ok(b"1".to_vec()));
    assert_eq!(ask(program.as_mut(), 1, b"die"), Err("the program ended (exit code 4): oh dear".into()));
    assert_eq!(ask(program.as_mut(), 2, b"x"), Ok(b"1".to_vec()));
    let mut segfault = lines("read -r line; kill -SEGV $$");
    assert_eq!(ask(segfault.as_mut(), 0, b"x"), Err("the program ended (killed by SIGSEGV)".into()));
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let toml = "kind = \"command\"\n[input]\nargs = [true]\n[params]\nargv = [\"no-such-program\"]\nmode = \"line\"\n\
                max_output = \"1TB\"\nstdn = true\n";
    let said = errors(toml);
    for part in [
        "job.toml:3:9: `input.args[0]`: true is not text in quotes",
        "job.toml:6:8: `params.mode`: \"line\" is not one of each, lines",
        "job.toml:7:14: `params.max_output`: \"1TB\" is not a size",
        "`params.stdn`: is not a known key",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    let missing = errors("kind = \"command\"\ninput.args = [1]\nparams.argv = [\"no-such-program\"]");
    assert!(
        missing.starts_with("job.toml:3:16: `params.argv[0]`: there is no program no-such-program"),
        "{missing}"
    );
    assert!(errors("kind = \"command\"\ninput.args = [1]").contains("`params.argv`: is required"));
    assert!(
        errors("kind = \"command\"\nparams.argv = [\"true\"]").contains("needs one of `args` and `file`")
    );
    let both = errors(
        "kind = \"command\"\ninput.args = [1]\n[params]\nargv = [\"cat\"]\nmode = \"lines\"\nstdin = true",
    );
    assert!(both.contains("`params.stdin`: `stdin` has no meaning with mode"), "{both}");
}

#[test]
fn the_example_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (_, mut plan) = plan_in(folder, Command.example()).unwrap();
    assert_eq!(crate::testing::payloads(&mut plan).len(), 3);
}
