//! Golden lines: what programs and people read is a contract.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use protocol::TaskId;

use super::*;
use crate::outcome::{Failure, Outcome, OutcomeBatch, Reason};
use crate::testing::EchoPresenter;

/// A screen that tests can look at, and that closes where told to.
#[derive(Clone, Default)]
struct Screen {
    seen: Arc<Mutex<Vec<u8>>>,
    closed: bool,
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.seen.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outcome<'a>(task: u64, payload: &'a [u8], result: Result<&'a [u8], &'a Failure>) -> Outcome<'a> {
    Outcome { task: TaskId(task), payload, attempts: 1, worker: 2, micros: 37, slow: false, result }
}

fn failure(reason: Reason, message: &str) -> Failure {
    Failure::new(reason, message.into(), Vec::new())
}

/// An ordinary one, one with everything to escape, a failure, a lie, a cancelled and a slow one.
fn batch() -> OutcomeBatch {
    let killed = failure(Reason::Signal, "killed by SIGSEGV,\nin \"decode\"");
    let cancelled = failure(Reason::Cancelled, "the run was stopped");
    let mut batch = OutcomeBatch::new();
    batch.push(outcome(0, b"2", Ok(b"two")));
    batch.push(outcome(1, b"a,\"b\"\n", Ok(b"c\\,\t\"")));
    batch.push(Outcome { attempts: 3, ..outcome(2, b"cat.jpg", Err(&killed)) });
    batch.push(outcome(3, b"\xFF", Ok(b"\xFF")));
    batch.push(Outcome { attempts: 0, worker: 0, micros: 0, ..outcome(4, b"dog", Err(&cancelled)) });
    batch.push(Outcome { slow: true, ..outcome(5, b"x", Ok(b"y")) });
    batch
}

fn screen(format: Format) -> ResultSettings {
    let screen = ScreenSettings { format, worker: false, colour: false };
    ResultSettings { screen: Some(screen), file: None, reproducible: false }
}

fn written(settings: &ResultSettings) -> String {
    let seen = Screen::default();
    let mut results = Results::open_with(settings, Box::new(EchoPresenter), Box::new(seen.clone())).unwrap();
    results.write(&batch()).unwrap();
    results.finish().unwrap();
    let bytes = seen.seen.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn json_lines_have_the_keys_in_the_documented_order() {
    let expected = r#"{"id":0,"input":"2","ok":true,"value":{"echo":"two","length":3},"attempts":1,"worker":"worker-2","micros":37}
{"id":1,"input":"a,\"b\"\n","ok":true,"value":{"echo":"c\\,\t\"","length":5},"attempts":1,"worker":"worker-2","micros":37}
{"id":2,"input":"cat.jpg","ok":false,"error":{"reason":"signal","message":"killed by SIGSEGV,\nin \"decode\""},"attempts":3,"worker":"worker-2","micros":37}
{"id":3,"input":"task 3","ok":false,"error":{"reason":"protocol","message":"an echo is text"},"attempts":1,"worker":"worker-2","micros":37}
{"id":4,"input":"dog","ok":false,"error":{"reason":"cancelled","message":"the run was stopped"},"attempts":0,"worker":null,"micros":0}
{"id":5,"input":"x","ok":true,"value":{"echo":"y","length":1},"attempts":1,"worker":"worker-2","micros":37,"slow":true}
"#;
    assert_eq!(written(&screen(Format::Jsonl)), expected);
    for line in expected.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn reproducible_lines_leave_out_what_differs_between_runs() {
    let settings = ResultSettings { reproducible: true, ..screen(Format::Jsonl) };
    let text = written(&settings);
    assert!(
        text.starts_with(
            "{\"id\":0,\"input\":\"2\",\"ok\":true,\"value\":{\"echo\":\"two\",\"length\":3}}\n"
        )
    );
    for word in ["attempts", "worker", "micros", "slow"] {
        assert!(!text.contains(word), "{word}");
    }
    let settings = ResultSettings { reproducible: true, ..screen(Format::Csv) };
    let text = written(&settings);
    assert!(
        text.starts_with(
            "id,input,ok,value.echo,value.length,error.reason,error.message\n0,2,true,two,3,,\n"
        )
    );
}

#[test]
fn csv_has_the_same_columns_flattened() {
    let text = written(&screen(Format::Csv));
    let expected = "id,input,ok,value.echo,value.length,error.reason,error.message,attempts,worker,micros\n\
        0,2,true,two,3,,,1,worker-2,37\n\
        1,\"a,\"\"b\"\"\n\",true,\"c\\,\t\"\"\",5,,,1,worker-2,37\n\
        2,cat.jpg,false,,,signal,\"killed by SIGSEGV,\nin \"\"decode\"\"\",3,worker-2,37\n\
        3,task 3,false,,,protocol,an echo is text,1,worker-2,37\n\
        4,dog,false,,,cancelled,the run was stopped,0,,0\n\
        5,x,true,y,1,,,1,worker-2,37\n";
    assert_eq!(text, expected);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    assert_eq!(&records[1][3], "c\\,\t\"");
}

#[test]
fn text_is_one_harmless_line_a_task() {
    let expected = "2 says two\n\
        a,\"b\"\\n says c\\,\\t\"\n\
        cat.jpg: failed (signal): killed by SIGSEGV,\\nin \"decode\"\n\
        task 3: failed (protocol): an echo is text\n\
        dog: failed (cancelled): the run was stopped\n\
        x says y\n";
    assert_eq!(written(&screen(Format::Text)), expected);
}

#[test]
fn text_names_the_worker_when_asked_and_never_in_reproducible_results() {
    let to = ScreenSettings { format: Format::Text, worker: true, colour: false };
    let settings = ResultSettings { screen: Some(to), file: None, reproducible: false };
    let text = written(&settings);
    assert!(text.starts_with("worker-2: 2 says two\n"), "{text}");
    assert!(text.contains("\ndog: failed"), "{text}");
    let text = written(&ResultSettings { reproducible: true, ..settings });
    assert!(!text.contains("worker-"), "{text}");
}

#[test]
fn failures_are_red_where_colours_are_wanted() {
    let to = ScreenSettings { format: Format::Text, worker: false, colour: true };
    let text = written(&ResultSettings { screen: Some(to), file: None, reproducible: false });
    assert!(text.contains("cat.jpg: \u{1b}[31mfailed (signal)\u{1b}[0m: killed"), "{text:?}");
}

#[test]
fn a_closed_screen_is_told_apart_from_a_failure() {
    let closed = Screen { closed: true, ..Screen::default() };
    let mut results =
        Results::open_with(&screen(Format::Jsonl), Box::new(EchoPresenter), Box::new(closed)).unwrap();
    assert!(matches!(results.write(&batch()), Err(OutputError::Closed)));
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let file = FileSettings { path: "/dev/full".into(), format: Format::Jsonl, existing: Existing::Refuse };
    let settings = ResultSettings { screen: None, file: Some(file), reproducible: false };
    settings.check().unwrap();
    let mut results = Results::open(&settings, Box::new(EchoPresenter)).unwrap();
    let error = results.write(&batch()).unwrap_err();
    assert!(error.to_string().starts_with("/dev/full: can't be written: "), "{error}");
    assert!(!error.is_usage());
}

#[test]
fn results_reach_the_file_and_the_screen_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let file = FileSettings { path: path.clone(), format: Format::Csv, existing: Existing::Refuse };
    let settings = ResultSettings { file: Some(file), ..screen(Format::Csv) };
    let seen = written(&settings);
    assert_eq!(std::fs::read_to_string(path).unwrap(), seen);
}

#[test]
fn no_results_make_an_empty_file_with_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let file = FileSettings { path: path.clone(), format: Format::Csv, existing: Existing::Refuse };
    let settings = ResultSettings { screen: None, file: Some(file), reproducible: false };
    Results::open(&settings, Box::new(EchoPresenter)).unwrap().finish().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[test]
fn an_interrupted_run_may_keep_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    let file = FileSettings { path: path.clone(), format: Format::Jsonl, existing: Existing::Refuse };
    let settings = ResultSettings { screen: None, file: Some(file), reproducible: false };
    let mut results = Results::open(&settings, Box::new(EchoPresenter)).unwrap();
    results.write(&batch()).unwrap();
    let kept = results.keep().unwrap();
    assert_eq!(kept, [folder.path().join("out.jsonl.partial")]);
    assert!(!path.exists());
}

#[test]
fn the_extension_chooses_the_format() {
    assert_eq!(Format::of_path("a/b.JSONL".as_ref()), Some(Format::Jsonl));
    assert_eq!(Format::of_path("b.csv".as_ref()), Some(Format::Csv));
    assert_eq!(Format::of_path("b.json".as_ref()), None);
    assert_eq!(Format::of_path("jsonl".as_ref()), None);
}

#[test]
fn a_batch_that_leaves_in_several_writes_is_whole() {
    let large = vec![b'x'; 1 << 10];
    let mut batch = OutcomeBatch::new();
    for task in 0..1_000 {
        batch.push(outcome(task, &large, Ok(b"y")));
    }
    let seen = Screen::default();
    let mut results =
        Results::open_with(&screen(Format::Jsonl), Box::new(EchoPresenter), Box::new(seen.clone())).unwrap();
    results.write(&batch).unwrap();
    let bytes = seen.seen.lock().unwrap().clone();
    let ids = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        value["id"].as_u64().unwrap()
    });
    assert!(ids.eq(0..1_000));
}
