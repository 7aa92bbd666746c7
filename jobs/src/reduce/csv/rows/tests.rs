use super::*;

fn own(text: &str, from: usize, to: usize, reach: usize) -> Option<String> {
    let (start, end) = (from.saturating_sub(1), (to + reach).min(text.len()));
    let bytes = &text.as_bytes()[start..end];
    let lines = own_lines(bytes, from > 0, (to - start) as u64, end == text.len())?;
    Some(String::from_utf8(bytes[lines].to_vec()).unwrap())
}

#[test]
fn every_line_has_one_owner_wherever_the_cut_falls() {
    let text = "1\n22\n\n333\r\n4444";
    for cut in 1..text.len() {
        let (left, right) = (own(text, 0, cut, 100).unwrap(), own(text, cut, text.len(), 100).unwrap());
        assert_eq!(format!("{left}{right}"), text, "cut at {cut}");
        assert!(left.ends_with('\n') || right.is_empty(), "cut at {cut}");
    }
}

#[test]
fn a_last_line_that_goes_on_out_of_sight_is_noticed() {
    assert_eq!(own("1\n22222222\n3\n", 0, 4, 2), None);
    assert_eq!(own("1\n22222222\n3\n", 0, 4, 7), Some("1\n22222222\n".into()));
    assert_eq!(own("1\n22222222\n3\n", 0, 2, 0), Some("1\n".into()));
    assert_eq!(own("11111111\n2\n", 3, 5, 2), None, "not even the end of the line before is in sight");
}
