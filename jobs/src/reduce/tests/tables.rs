//! `.csv` and `.tsv` files.

use super::*;

fn table(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), text).unwrap();
    folder
}

fn sum(text: &str, input: &str) -> Result<Value, String> {
    let folder = table(text);
    let text = format!("[input]\nfile = 't.csv'\n{input}\n[params]\nop = 'sum'");
    Ok(run(folder.path(), &text)?["value"].clone())
}

#[test]
fn a_column_is_summed_by_name_or_number() {
    let text = "name,price,count\nred,1.5,2\nblue,2.25,3\n";
    assert_eq!(sum(text, "column = 'price'").unwrap(), 3.75);
    assert_eq!(sum(text, "column = 3").unwrap(), 5);
    assert_eq!(sum("1,2\n3,4\n", "column = 2\nheader = false").unwrap(), 6);
    assert_eq!(sum("a;b\n1;2\n3;4\n", "column = 'a'\ndelimiter = ';'").unwrap(), 4);
}

#[test]
fn lines_may_end_in_any_usual_way() {
    for text in
        ["n\n1\n2", "n\n1\n2\n", "n\r\n1\r\n2\r\n", "\u{feff}n\n1\n2\n", "n\n1\n\n2\n\n", "n\n1\r\n\r\n2"]
    {
        assert_eq!(sum(text, "").unwrap(), 3, "{text:?}");
    }
    assert_eq!(sum("a,b\r\n1,2\r\n3,4", "column = 2").unwrap(), 6);
}

#[test]
fn quoted_cells_are_read() {
    let text = "name,n\n\"a,b\",1\n\"say \"\"hi\"\"\",2\nplain,\"3\"\n";
    assert_eq!(sum(text, "column = 'n'").unwrap(), 6);
    assert_eq!(sum("n,name\n1,\"a,b\"\n2,\"\"\"\"\n", "column = 'n'").unwrap(), 3);
}

#[test]
fn numbers_of_any_size_and_form_are_read() {
    assert_eq!(sum("n\n9223372036854775807\n1\n", "").unwrap(), "9223372036854775808");
    assert_eq!(sum("n\n123456789012345678901234567890\n-1\n", "").unwrap(), "123456789012345678901234567889");
    assert_eq!(sum("n\n1e3\n-2.5\n 7 \n+1\n", "").unwrap(), 1005.5);
    assert_eq!(sum("n\n00012\n", "").unwrap(), 12);
    assert_eq!(sum("n\nnan\n1\n", "").unwrap(), "NaN");
    assert_eq!(sum("n\ntrue\nFalse\ntrue\n", "").unwrap(), 2);
}

#[test]
fn the_answer_is_the_same_wherever_the_cuts_fall() {
    let mut text = String::from("id,value,note\n");
    let mut expected = 0_i64;
    let mut random = Random(9);
    for row in 0..400 {
        let value = random.next() as i64 >> (20 + random.next() % 40);
        expected += value;
        let note = if row % 3 == 0 { "\"with, comma\"" } else { "" };
        let end = if row % 5 == 0 { "\r\n" } else { "\n" };
        text.push_str(&format!("{row},{value},{note}{end}"));
    }
    let folder = table(&text);
    for chunk in (1..90).chain([1000, 5000, 100_000]) {
        let job = format!(
            "input = {{ file = 't.csv', column = 'value' }}\nparams = {{ op = 'sum', chunk = {chunk} }}"
        );
        let result = run(folder.path(), &job).unwrap();
        assert_eq!((&result["value"], &result["count"]), (&expected.into(), &400.into()), "chunk {chunk}");
    }
}

#[test]
fn a_bad_cell_is_named_with_file_line_and_column() {
    let mut text = String::from("id,price\n");
    (0..5000).for_each(|row| text.push_str(&format!("{row},{row}.5\n")));
    text.push_str("5000,abc\n");
    let error = sum(&text, "column = 'price'").unwrap_err();
    assert!(error.contains("t.csv:5002: column 2 (price): \"abc\" is not a number; correct it"), "{error}");
    let error = sum("n\n1\n2\n3x\n", "").unwrap_err();
    assert!(error.contains("t.csv:4: column 1: \"3x\" is not a number"), "{error}");
    let error = sum("a,b\n1,\n", "column = 2").unwrap_err();
    assert!(error.contains("t.csv:2: column 2: the cell is empty"), "{error}");
    let error = sum("a,b\n1,2\n3\n", "column = 2").unwrap_err();
    assert!(error.contains("t.csv:3: column 2 is missing: the row has 1 cell(s)"), "{error}");
    let error = sum("a;b\n1,5;2\n", "column = 'a'\ndelimiter = ';'").unwrap_err();
    assert!(error.contains("\"1,5\" is not a number; decimals are written with a point"), "{error}");
    let error = sum("price\n1\n", "header = false").unwrap_err();
    assert!(error.contains("set input.header = true"), "{error}");
    let error = sum("n\n1\ntrue\n", "").unwrap_err();
    assert!(error.contains("t.csv:3: column 1: \"true\": numbers and true or false"), "{error}");
}

#[test]
fn a_line_end_in_a_quoted_cell_ends_no_row() {
    assert_eq!(sum("a,b\n1,\"x\ny\"\n2,z\n", "column = 1").unwrap(), 3);
    assert_eq!(sum("a,b\n\"x\n9,9\n\",1\r\"\r\",2\r\n", "column = 2").unwrap(), 3);
    let error = sum("a,b\n1,\"x\ny\"\n2,\"z\n", "column = 1").unwrap_err();
    assert!(error.contains("t.csv:4: a quoted cell of the row that starts here is never closed"), "{error}");
}

#[test]
fn a_lone_carriage_return_ends_a_line() {
    assert_eq!(sum("x,y\r1,2\r3,4\r", "column = 'x'").unwrap(), 4);
    assert_eq!(sum("1,2\r3,4\r", "column = 2\nheader = false").unwrap(), 6);
    assert_eq!(sum("n\n1\r2\r\n3\r\r4\n5", "").unwrap(), 15);
    let error = sum("n\r1\r\n2\rx\r", "").unwrap_err();
    assert!(error.contains("t.csv:4: column 1: \"x\""), "{error}");
}

#[test]
fn a_quote_inside_a_cell_that_begins_with_none_is_text() {
    let text = "id,h1,h2,w,age\n1,5'10\",6'2\",170,40\n2,5,6,100,50\n";
    assert_eq!(sum(text, "column = 'w'").unwrap(), 270);
    assert_eq!(sum("n,note\n1,6\"\n2,\"a\"b\"\n", "column = 'n'").unwrap(), 3);
}

#[test]
fn a_file_without_a_header_is_refused_until_the_job_says_so() {
    let error = sum("5\n10\n15\n", "").unwrap_err();
    assert!(error.contains("`input.file`") && error.contains("set input.header = false"), "{error}");
    assert_eq!(sum("5\n10\n15\n", "header = false").unwrap(), 30);
    assert_eq!(sum("5\n10\n15\n", "header = true").unwrap(), 25);
}

#[test]
fn a_table_of_another_kind_is_told_so() {
    let error = sum("a;b\n1;2\n", "column = 'b'").unwrap_err();
    assert!(error.contains("set input.delimiter = \";\""), "{error}");
    let folder = table("");
    let utf_16: Vec<u8> = "\u{feff}n\n1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("t.csv"), utf_16).unwrap();
    let error = run(folder.path(), "input.file = 't.csv'\nparams.op = 'sum'").unwrap_err();
    assert!(error.contains("t.csv: is text in UTF-16; save it as UTF-8"), "{error}");
}

#[test]
fn fractions_have_no_bits() {
    let folder = table("n\n1\n2.5\n");
    let error = run(folder.path(), "input.file = 't.csv'\nparams.op = 'or'").unwrap_err();
    assert!(error.contains("t.csv:3: column 1: \"2.5\" is not an integer"), "{error}");
}

#[test]
fn a_table_without_rows_has_a_sum_and_no_least() {
    for text in ["", "n\n", "n", "n\n\n\n"] {
        assert_eq!(sum(text, "").unwrap(), 0, "{text:?}");
    }
    let folder = table("n\n\n");
    let error = run(folder.path(), "input.file = 't.csv'\nparams.op = 'min'").unwrap_err();
    assert!(error.starts_with("job.toml:3:13: `params.op`: there is no min of no items"), "{error}");
}

#[test]
fn several_tables_may_have_their_columns_in_different_places() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "n,x\n1,9\n").unwrap();
    std::fs::write(folder.path().join("b.csv"), "x,n\n9,2\n").unwrap();
    assert_eq!(value(folder.path(), "input = { glob = '*.csv', column = 'n' }\nparams.op = 'sum'"), 3);
    std::fs::write(folder.path().join("c.tsv"), "x\tn\n9\t3\n").unwrap();
    assert_eq!(value(folder.path(), "input = { file = 'c.tsv', column = 'n' }\nparams.op = 'sum'"), 3);
}

#[test]
fn numbers_and_booleans_in_different_tasks_are_noticed_in_the_end() {
    let folder = table("n\n1\ntrue\n");
    let error = run(folder.path(), "input.file = 't.csv'\nparams = { op = 'sum', chunk = 2 }").unwrap_err();
    assert!(error.contains("together with true and false"), "{error}");
}

#[test]
fn a_column_of_a_thousand_tables_sums_up_as_in_python_wherever_the_cuts_fall() {
    let folder = table("");
    let mut summed = 0;
    for golden in crate::table::tests::goldens() {
        std::fs::write(folder.path().join("t.csv"), &golden.text).unwrap();
        let delimiter = golden.delimiter;
        let job = |column: usize, chunk: usize| {
            format!(
                "[input]\nfile = 't.csv'\nheader = false\ncolumn = {}\ndelimiter = '{delimiter}'\n\
                 [params]\nop = 'sum'\nchunk = {chunk}",
                column + 1
            )
        };
        let Some(rows) = golden.rows else {
            assert!(run(folder.path(), &job(0, 1000)).is_err(), "{:?}", golden.text);
            continue;
        };
        for column in 0..rows.first().map_or(0, Vec::len) {
            let cell = |row: &Vec<String>| {
                row.get(column)?.trim_matches([' ', '\t', '\r', '\n']).parse::<i64>().ok()
            };
            let expected = rows.iter().map(cell).sum::<Option<i64>>();
            let chunks: &[usize] = if expected.is_some() { &[1, 2, 3, 7, 1000] } else { &[1000] };
            for chunk in chunks {
                let result = run(folder.path(), &job(column, *chunk));
                let Some(expected) = expected else {
                    assert!(result.is_err(), "{:?}", golden.text);
                    continue;
                };
                assert_eq!(result.unwrap()["value"], expected, "column {column} of {:?}", golden.text);
                summed += 1;
            }
        }
    }
    assert!(summed > 1000, "{summed}");
}
