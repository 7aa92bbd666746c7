use super::*;

fn own(text: &str, from: usize, to: usize, (back, reach): (usize, usize)) -> Result<String, More> {
    let (start, end) = (from.saturating_sub(back), (to + reach).min(text.len()));
    let bytes = &text.as_bytes()[start..end];
    let window = Window { bytes, from_first: start == 0, to_end: end == text.len() };
    let rows = own_rows(
        window,
        (from - start) as u64,
        (to - start) as u64,
        &mut ColumnKey { column: 0, delimiter: b',' }.reader(),
    )?;
    Ok(String::from_utf8(bytes[rows].to_vec()).unwrap())
}

#[test]
fn every_row_has_one_owner_wherever_the_cut_falls() {
    for text in
        ["1\n22\n\n333\r\n4444", "1\r22\r\r333\r\n4\r", "1,\"a\nb\"\n\"\r\n\n\",2\n3,\"\"\"\n\"\n4,5'\"\n6,7"]
    {
        for cut in 1..text.len() {
            let left = own(text, 0, cut, (100, 100)).unwrap();
            let right = own(text, cut, text.len(), (100, 100)).unwrap();
            assert_eq!(format!("{left}{right}"), text, "cut at {cut}");
            assert!(left.ends_with(['\n', '\r']) || right.is_empty(), "cut at {cut}");
        }
    }
}

#[test]
fn a_last_row_that_goes_on_out_of_sight_is_noticed() {
    assert_eq!(own("1\n22222222\n3\n", 0, 4, (100, 2)), Err(More::Behind));
    assert_eq!(own("1\n22222222\n3\n", 0, 4, (100, 8)).unwrap(), "1\n22222222\n");
    assert_eq!(own("1\n22222222\n3\n", 0, 2, (100, 1)).unwrap(), "1\n");
    assert_eq!(
        own("11111111\n2\n", 3, 5, (100, 2)),
        Err(More::Behind),
        "the end of the row before is not in sight"
    );
    assert_eq!(own("11111111\n2\n", 3, 5, (1, 100)), Err(More::Before), "there may be a quote before that");
}
