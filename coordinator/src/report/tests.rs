//! Pages, read as text.

use super::*;
use crate::outcome::{AttemptRecord, Failure, Reason};
use crate::summary::{Summary, TaskCounts, TimeSummary, WorkerSummary};
use crate::timeline::{Digest, DigestMark};

const HOSTILE: &str = "</title><script>alert(1)</script>\"' onload=x &lt; \u{202e}\u{1b}[2J";

fn digest() -> Digest {
    Digest {
        slot_seconds: 0.5,
        end_seconds: 1.7,
        ok: vec![10, 20, 30, 5],
        failed: vec![0, 1, 0, 0],
        busy: vec![vec![100, 90, 0, 50], vec![10, 20, 30, 40]],
        more_workers: 3,
        marks: vec![DigestMark { at: 0.6, worker: 2, what: HOSTILE.into() }],
        more_marks: 0,
        histogram: vec![0, 5, 50, 10],
        longest_micros: 3,
    }
}

fn report(foreign: &str) -> Report {
    let mut record = AttemptRecord::new(1, 2, Reason::Signal, foreign.into());
    (record.pid, record.signal, record.micros) = (77, Some(11), 1500);
    record.last_lines = vec![foreign.into()];
    let failure = Failure::new(Reason::Signal, foreign.into(), vec![record]);
    let worker =
        WorkerSummary { name: foreign.into(), pid: 1, incarnations: 2, tasks: 65, busy_seconds: 1.2 };
    let summary = Summary {
        wall_seconds: 1.7,
        workers: 2,
        tasks: TaskCounts { planned: 66, ok: 65, failed: 1, retried: 1, skipped: 2 },
        result: Some(serde_json::json!({ "sum": foreign })),
        per_worker: vec![worker],
        time: TimeSummary { starting: 0.1, tasks: 1.0, ending: 0.6, ..TimeSummary::default() },
        timeline: Some(digest()),
        ..Summary::default()
    };
    Report {
        run_id: foreign.into(),
        job: foreign.into(),
        kind: foreign.into(),
        state: "finished".into(),
        begun: Some(foreign.into()),
        summary: Some(summary),
        result: None,
        failures: vec![Letter { task: 7, input: Some(foreign.into()), failure }],
        failed: 12,
    }
}

/// Every tag of a page, in order, without what stands in it.
fn tags(page: &str) -> Vec<String> {
    let body = page.split_once("<body>").unwrap().1;
    let tag = |part: &str| part.split(['>', ' ']).next().unwrap_or_default().to_owned();
    body.split('<').skip(1).map(tag).collect()
}

#[test]
fn hostile_text_changes_no_tag_of_the_page() {
    let (tame, hostile) = (html(&report("x")), html(&report(HOSTILE)));
    assert_eq!(tags(&tame), tags(&hostile));
    assert!(!hostile.contains("<script") && !hostile.contains('\u{1b}') && !hostile.contains('\u{202e}'));
    assert!(hostile.contains("&lt;script&gt;"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html(&report("x"));
    for outside in ["http:", "https:", "url(", "@import", "src=", "href=", "<script", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("prefers-color-scheme: dark"));
}

#[test]
fn every_tag_is_closed() {
    let page = html(&report("x"));
    let mut open = vec!["html".to_owned(), "body".to_owned()];
    for tag in tags(&page) {
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed)),
            None => open.push(tag),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn what_is_not_known_is_said() {
    let mut stored = report("x");
    stored.summary.as_mut().unwrap().timeline = None;
    assert!(html(&stored).contains("No timeline was stored"));
    stored.summary = None;
    let page = html(&stored);
    assert!(page.contains("has not come to its end") && page.contains("… and 11 more"), "{page}");
}

#[test]
fn numbers_that_make_no_sense_draw_no_nonsense() {
    let mut strange = report("x");
    let summary = strange.summary.as_mut().unwrap();
    summary.time = TimeSummary { tasks: f64::NAN, ..TimeSummary::default() };
    summary.timeline = Some(Digest { histogram: vec![u64::MAX; 2], ok: vec![0], ..Digest::default() });
    assert!(html(&strange).contains("No timeline was stored"));
    let sound =
        Digest { histogram: vec![u64::MAX; 2], ok: vec![u64::MAX], slot_seconds: 1e-9, ..Digest::default() };
    strange.summary.as_mut().unwrap().timeline = Some(sound);
    let page = html(&strange);
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}
