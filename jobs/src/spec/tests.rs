//! Job files, good and bad.

use std::path::Path;

use super::{Item, JobSpec, SpecErrors};

fn parse(text: &str) -> JobSpec {
    parse_with(text, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

fn parse_with(text: &str, overrides: &[(&str, &str)]) -> Result<JobSpec, SpecErrors> {
    let overrides: Vec<_> =
        overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    JobSpec::parse("jobs/night.toml", text, Path::new("jobs"), &overrides)
}

fn refused(text: &str) -> String {
    parse_with(text, &[]).expect_err("a refusal").to_string()
}

fn integers(item: Item) -> Vec<String> {
    item.into_list().unwrap().map(|item| item.integer().unwrap().to_owned()).collect()
}

#[test]
fn a_job_file_has_a_kind_a_name_and_four_tables() {
    let mut job = parse("kind = \"primes\"\n[input]\nnumbers = [2]\n[run]\nworkers = 4\n");
    assert_eq!((job.kind.text(), job.name.as_str()), (Ok("primes"), "night"));
    assert_eq!(integers(job.input.take("numbers").unwrap()), ["2"]);
    assert_eq!(job.run.take("workers").unwrap().number::<u8>(), Ok(4));
    assert!(job.params.take("factor").is_none() && job.output.take("path").is_none());
    assert_eq!(job.unknown_keys(), SpecErrors::default());
    assert_eq!(job.resolve("numbers.txt"), Path::new("jobs/numbers.txt"));
    assert_eq!(job.resolve("/numbers.txt"), Path::new("/numbers.txt"));
    assert_eq!(parse("kind = \"primes\"\nname = \"mine\"").name, "mine");
}

#[test]
fn a_file_without_a_kind_is_refused_with_a_way_out() {
    let error = refused("[input]\nnumbers = [2]\n");
    assert!(error.starts_with("jobs/night.toml: `kind`: is required"), "{error}");
    assert!(error.contains("for example: kind = \"primes\""), "{error}");
    assert!(refused("kind = 3").starts_with("jobs/night.toml:1:8: `kind`: 3 is not text in quotes"));
    assert!(refused("").starts_with("jobs/night.toml: `kind`: is required"));
}

#[test]
fn tables_of_the_wrong_type_and_unknown_tables_are_refused_at_once() {
    let error = refused("kind = \"primes\"\nname = 1\ninput = 3\n[inputs]\n[rum]\n");
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "jobs/night.toml:2:8: `name`: 1 is not text in quotes",
            "jobs/night.toml:3:9: `input`: 3 is not a table",
            "jobs/night.toml:4:2: `inputs`: is not a known key",
            "  did you mean `input`?",
            "jobs/night.toml:5:2: `rum`: is not a known key",
            "  did you mean `run`?",
        ]
    );
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_or_with_all() {
    let mut job = parse("kind = \"primes\"\n[run]\nworker = 1\nqqqqqqqq = 2\n[params]\nx = 1\n");
    job.run.take("workers");
    job.run.take("order");
    let errors = job.unknown_keys();
    assert_eq!(
        errors.to_string().lines().collect::<Vec<_>>(),
        [
            "jobs/night.toml:6:1: `params.x`: is not a known key",
            "jobs/night.toml:4:1: `run.qqqqqqqq`: is not a known key",
            "  known here: workers, order",
            "jobs/night.toml:3:1: `run.worker`: is not a known key",
            "  did you mean `workers`?",
        ]
    );
}

#[test]
fn places_are_lines_and_columns_in_characters() {
    let mut job = parse(
        "kind = \"primes\"\r\n# Größe\n[input]\n\"größe\" = 1\nnumbers = [\"ä€😀\", \"b\",\n\t\"c\"]\n",
    );
    let places: Vec<_> =
        job.input.take("numbers").unwrap().into_list().unwrap().map(|item| item.error("x").place).collect();
    assert_eq!(places, [Some((5, 12)), Some((5, 19)), Some((6, 2))]);
    assert_eq!(job.input.take("größe").unwrap().error("x").place, Some((4, 11)));
    assert_eq!(job.input.error("missing", "x").place, Some((3, 1)));
    assert_eq!(job.params.error("missing", "x").place, None);
}

#[test]
fn integers_of_any_size_and_radix_are_decimal_digits() {
    let mut job = parse(concat!(
        "kind = \"primes\"\ninput.numbers = [0, -0, +7, 1_000, 0xFF, 0o17, 0b101, -12, ",
        "123456789012345678901234567890123456789012345678901234567890, ",
        "0x1_0000_0000_0000_0000_0000_0000_0000_0000, \"12\", \"-12\"]",
    ));
    assert_eq!(
        integers(job.input.take("numbers").unwrap()),
        [
            "0",
            "0",
            "7",
            "1000",
            "255",
            "15",
            "5",
            "-12",
            "123456789012345678901234567890123456789012345678901234567890",
            "340282366920938463463374607431768211456",
            "12",
            "-12",
        ]
    );
}

#[test]
fn a_number_that_does_not_fit_is_too_large_or_too_small() {
    let mut job = parse("kind = \"primes\"\ninput.numbers = [256, -1, 255, 99999999999999999999999]");
    let numbers: Vec<_> = job
        .input
        .take("numbers")
        .unwrap()
        .into_list()
        .unwrap()
        .map(|item| item.number::<u8>().map_err(|error| error.message))
        .collect();
    let large = |number: &str| Err(format!("{number} is too large"));
    assert_eq!(
        numbers,
        [large("256"), Err("-1 is too small".into()), Ok(255), large("99999999999999999999999")]
    );
}

#[test]
fn wrong_types_are_told_in_words() {
    let mut job = parse(concat!(
        "kind = \"primes\"\n[params]\ntext = \"a\"\ninteger = 1\nfloat = 1.5\nbool = true\n",
        "date = 2024-02-29\nlist = [1]\ntable = { a = 1 }\n",
    ));
    let mut complaint = |key: &str| {
        let item = job.params.take(key).unwrap();
        let errors = [
            item.text().map(drop),
            item.integer().map(drop),
            item.float().map(drop),
            item.bool().map(drop),
            item.clone().into_list().map(drop),
            item.clone().into_table().map(drop),
        ];
        errors.into_iter().filter_map(|result| Some(result.err()?.message)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        complaint("text"),
        "\"a\" is not an integer, \"a\" is not a number, \"a\" is not true or false, \"a\" is not a list, \"a\" is not a table"
    );
    assert_eq!(
        complaint("integer"),
        "1 is not text in quotes, 1 is not true or false, 1 is not a list, 1 is not a table"
    );
    assert_eq!(
        complaint("float"),
        "1.5 is not text in quotes, 1.5 is not an integer, 1.5 is not true or false, 1.5 is not a list, 1.5 is not a table"
    );
    assert!(complaint("bool").starts_with("true is not text in quotes, true is not an integer"));
    assert!(complaint("date").starts_with("2024-02-29 is not text in quotes"));
    assert!(complaint("list").starts_with("a list is not text in quotes"));
    assert!(complaint("table").starts_with("a table is not text in quotes"));
}

#[test]
fn long_values_are_shortened_in_messages() {
    let mut job = parse(&format!("kind = \"primes\"\ninput.x = \"{}\"", "ä".repeat(1000)));
    assert_eq!(job.input.take("x").unwrap().describe().chars().count(), 61);
}

#[test]
fn broken_syntax_is_told_with_its_place() {
    let error = refused("kind = \"primes\"\n[input]\nnumbers = [1, 2\n");
    assert!(error.starts_with("jobs/night.toml:"), "{error}");
    let error = refused("kind = \"primes\"\n[input]\nx = 1\nx = 2\n");
    assert!(error.starts_with("jobs/night.toml:4:1: "), "{error}");
    for text in
        ["kind", "kind =", "= 1", "kind = \"a", "[", "[[", "kind = 'a' 'b'", "\u{0}", "kind = \"\\q\""]
    {
        assert!(parse_with(text, &[]).is_err(), "{text:?}");
    }
}

#[test]
fn a_file_full_of_mistakes_is_refused_in_a_few_lines() {
    let text = "x y\n".repeat(50_000);
    assert_eq!(parse_with(&text, &[]).unwrap_err().0.len(), SpecErrors::ENOUGH);
    let text: String = (0..50_000).map(|index| format!("x{index} = 1\n")).collect();
    assert!(parse_with(&text, &[]).unwrap_err().0.len() <= SpecErrors::ENOUGH + 1);
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let deep = 100_000;
    let dotted = "a.".repeat(deep) + "b";
    for text in [
        format!("kind = {}", "[".repeat(deep)),
        format!("kind = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("kind = {}", "{a=".repeat(deep)),
        format!("{dotted} = 1"),
        format!("[{dotted}]"),
    ] {
        assert!(parse_with(&text, &[]).is_err());
    }
}

#[test]
fn a_million_integers_are_read_and_keep_their_places() {
    let text = format!("kind = \"primes\"\ninput.numbers = [\n{}]", "17,\n".repeat(1_000_000));
    let numbers = parse(&text).input.take("numbers").unwrap();
    assert_eq!(numbers.len(), 1_000_000);
    let last = numbers.into_list().unwrap().last().unwrap();
    assert_eq!(last.error("x").place, Some((1_000_002, 1)));
    assert_eq!(last.error("x").key, "input.numbers[999999]");
}

#[test]
fn an_override_replaces_adds_and_reaches_into_tables() {
    let text =
        "kind = \"primes\"\n[input]\nnumbers = [2, 3]\nrange = { from = 1, to = 9 }\n[run]\nworkers = 1\n";
    let overrides = [
        ("input.numbers", "[7]"),
        ("input.range.to", "10"),
        ("run.order", "\"completion\""),
        ("params.factor", "true"),
        ("name", "\"other\""),
        ("input.numbers", "[8]"),
    ];
    let mut job = parse_with(text, &overrides).unwrap();
    assert_eq!(job.name, "other");
    assert_eq!(integers(job.input.take("numbers").unwrap()), ["8"]);
    let mut range = job.input.take_table("range").unwrap().unwrap();
    assert_eq!(range.take("from").unwrap().number::<u8>(), Ok(1));
    assert_eq!(range.take("to").unwrap().number::<u8>(), Ok(10));
    assert_eq!(job.run.take("workers").unwrap().number::<u8>(), Ok(1));
    assert_eq!(job.run.take("order").unwrap().text(), Ok("completion"));
    assert_eq!(job.params.take("factor").unwrap().bool(), Ok(true));
    assert_eq!(job.unknown_keys(), SpecErrors::default());
}

#[test]
fn an_override_can_change_the_kind() {
    let job = parse_with("kind = \"primes\"", &[("kind", "\"sleep\"")]).unwrap();
    assert_eq!(job.kind.text(), Ok("sleep"));
}

#[test]
fn errors_in_overrides_name_the_flag_and_no_place() {
    let mut job = parse_with(
        "kind = \"primes\"\n[input]\nfile = \"a\"\n",
        &[("input.numbers", "[1.5]"), ("input.fil", "3"), ("params.factor", "3")],
    )
    .unwrap();
    let numbers: Vec<_> = job.input.take("numbers").unwrap().into_list().unwrap().collect();
    let error = numbers[0].integer().unwrap_err().to_string();
    assert_eq!(error, "--set: `input.numbers[0]`: 1.5 is not an integer");
    let error = job.params.take("factor").unwrap().bool().unwrap_err().to_string();
    assert_eq!(error, "--set: `params.factor`: 3 is not true or false");
    assert_eq!(
        job.input.take("file").unwrap().error("x").to_string(),
        "jobs/night.toml:3:8: `input.file`: x"
    );
    assert_eq!(
        job.unknown_keys().to_string(),
        "--set: `input.fil`: is not a known key\n  did you mean `file`?"
    );
}

#[test]
fn an_override_that_is_no_toml_is_refused_with_a_way_out() {
    for (key, value) in [
        ("input.numbers", "[7"),
        ("", "1"),
        ("input..x", "x"),
        ("run.order", "\"input"),
        ("a b", "1"),
        ("x", ""),
        ("x", "“a”"),
    ] {
        let error = parse_with("kind = \"primes\"", &[(key, value)]).unwrap_err().to_string();
        assert!(error.starts_with("--set: "), "{error}");
        assert!(error.contains("give KEY=VALUE with a TOML value"), "{error}");
    }
    let two = parse_with("kind = \"primes\"", &[("name", "\"a\"\nkind = \"b\"")]).unwrap_err();
    assert!(two.to_string().contains("sets more than one key"), "{two}");
    let unknown = parse_with("kind = \"primes\"", &[("inptu.x", "1")]).unwrap_err();
    assert!(unknown.to_string().contains("did you mean `input`?"), "{unknown}");
}

#[test]
fn bare_text_in_an_override_is_text() {
    for text in [
        "numbers.txt",
        "completion",
        "30s",
        "1,2,3",
        "a \"b\" \\c",
        "C:\\x",
        "2024-01-01.txt",
        "True",
        "nano",
    ] {
        let mut job = parse_with("kind = \"primes\"", &[("input.x", text)]).unwrap();
        assert_eq!(job.input.take("x").unwrap().text(), Ok(text));
    }
    let mut job = parse_with("kind = \"primes\"", &[("input.x", "7"), ("input.y", "true")]).unwrap();
    assert!(job.input.take("x").unwrap().is_integer() && job.input.take("y").unwrap().is_bool());
    let two = parse_with("kind = \"primes\"", &[("name", "a\nkind = b")]).unwrap_err();
    assert!(two.to_string().contains("`name`"), "{two}");
}

#[test]
fn what_is_no_list_is_shown_as_one() {
    for (value, shown) in [
        ("\"1,2, 3\"", "x = [1, 2, 3]"),
        ("\"1,2,3,4,5\"", "x = [1, 2, 3, …]"),
        ("\"a.jpg\"", "x = [\"a.jpg\"]"),
        ("\"a, b\"", "x = [\"a\", \"b\"]"),
        ("7", "x = [7]"),
        ("true", "x = [true]"),
    ] {
        let mut job = parse(&format!("kind = \"primes\"\ninput.x = {value}"));
        let error = job.input.take("x").unwrap().into_list().map(drop).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some(format!("a list stands in brackets: {shown}").as_str()));
    }
}

#[test]
fn broken_syntax_is_shown_with_a_caret_and_with_what_was_meant() {
    for (text, expected) in [
        (
            "kind = \"primes\"\n[input]\nnumbers = [1,,2]\n",
            "jobs/night.toml:3:14: extra comma in array, expected value\n  numbers = [1,,2]\n               ^",
        ),
        (
            "kind = primes",
            "jobs/night.toml:1:8: string values must be quoted, expected literal string\n  kind = primes\n         ^\n  text stands in quotes: \"primes\"",
        ),
        (
            "kind = “primes”",
            "jobs/night.toml:1:8: string values must be quoted, expected literal string\n  kind = “primes”\n         ^\n  text stands in straight quotes, \"…\" or '…': curly ones come from word processors",
        ),
        ("a = [1, 2\n", "jobs/night.toml:1:10: unclosed array, expected `]`\n  a = [1, 2\n           ^"),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
    let set = parse_with("kind = \"primes\"", &[("input.numbers", "[1,,2]")]).unwrap_err().to_string();
    assert!(set.contains("  input.numbers = [1,,2]\n                     ^\n  give KEY=VALUE"), "{set}");
}

#[test]
fn no_name_in_a_job_file_commands_the_terminal() {
    let text = "kind = \"primes\"\n[input]\n\"\\u001b[2J\\u009b31m\" = 1\n\"\\u202egpj\" = 1\n\"a\\nb\" = \"\\u001b[2J\"\n";
    let mut job = parse(text);
    let item = job.input.take("a\nb").unwrap();
    let shown =
        [job.unknown_keys().to_string(), item.integer().unwrap_err().to_string(), refused("x = \u{1b}[2J")];
    for shown in shown {
        assert!(!shown.replace('\n', "").contains(crate::words::is_harmful), "{shown:?}");
    }
    assert_eq!(item.error("x").to_string(), "jobs/night.toml:5:10: `input.a\\nb`: x");
}
