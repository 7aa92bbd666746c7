//! Help that teaches: purposes, examples, exit codes, completions, pages, the schema.

use super::*;

/// Every subcommand, with its full name.
fn all_commands(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
    found.push((name.to_owned(), command.clone()));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        all_commands(sub, &format!("{name} {}", sub.get_name()), found);
    }
}

#[test]
fn every_subcommand_says_what_it_is_for_with_examples_and_exit_codes() {
    let mut commands = Vec::new();
    all_commands(&Cli::command(), "coordinator", &mut commands);
    assert!(commands.len() > 10);
    for (name, mut command) in commands {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && !about.contains('\n'), "{name}: {about:?}");
        let help = command.render_long_help().to_string();
        assert!(help.contains("Examples:\n  coordinator "), "{name}: no examples");
        assert!(help.contains("Exit codes:\n    0  "), "{name}: no exit codes");
    }
}

/// Words as a shell reads them, with single quotes and no other.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.trim().split('\'').enumerate() {
        let mut pieces = if index % 2 == 1 { vec![part] } else { part.split(' ').collect() }.into_iter();
        words.last_mut().unwrap().push_str(pieces.next().unwrap());
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_example_of_the_help_is_a_command_line_that_is_understood() {
    let mut commands = Vec::new();
    all_commands(&Cli::command(), "coordinator", &mut commands);
    let mut seen = 0;
    for (name, mut command) in commands {
        let help = command.render_long_help().to_string();
        for line in help.lines().filter_map(|line| line.strip_prefix("  coordinator ")) {
            // What follows is an explanation, or the shell's.
            let example = line.split("  ").next().unwrap().split(" > ").next().unwrap();
            let parsed =
                Cli::read(std::iter::once("coordinator".to_owned()).chain(words(example)).map(Into::into));
            assert!(parsed.is_ok(), "{name}: {example}: {}", parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn every_shell_gets_its_completions_and_man_its_pages() {
    let folder = folder(JOB);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = answer(folder.path(), &format!("completions {shell}")).unwrap();
        assert!(script.contains("max-tasks-per-worker"), "{shell}");
    }
    assert!(answer(folder.path(), "completions tcsh").unwrap_err().1.contains("bash"));
    assert!(answer(folder.path(), "man").unwrap().contains(".TH coordinator 1"));
    answer(folder.path(), "man --dir @pages/man1").unwrap();
    let page = fs::read_to_string(folder.path().join("pages/man1/coordinator-run.1")).unwrap();
    assert!(page.contains("Exit codes") && page.contains("max\\-tasks\\-per\\-worker"), "{page}");
}

#[test]
fn the_schema_needs_no_job_file_and_a_check_does() {
    let folder = folder(JOB);
    let schema: serde_json::Value =
        serde_json::from_str(&answer(folder.path(), "check --schema").unwrap()).unwrap();
    assert_eq!(schema["properties"]["kind"]["enum"][0], "echo");
    assert!(schema["allOf"][0]["then"]["properties"]["input"]["properties"]["texts"].is_object());
    assert_eq!(answer(folder.path(), "check").unwrap_err().0, Exit::Usage);
    assert!(answer(folder.path(), "check @job.toml").unwrap().contains("tasks           2"));
}
