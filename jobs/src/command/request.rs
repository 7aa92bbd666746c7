//! What a program is asked: a line of JSON.

use std::io::Write;

use protocol::{Task, TaskError};

use super::setup::{Item, Setup};

/// `{"task":7,"attempt":1,"input":"…"}` and a line break; of a table, the input is an object.
pub(super) fn write_request(setup: &Setup, task: &Task<'_>, request: &mut Vec<u8>) -> Result<(), TaskError> {
    let item = Item::read(task.payload, setup.columns.as_ref().map(Vec::len))
        .map_err(|bad| TaskError::new(bad.0))?;
    request.clear();
    // Writing to memory can't fail.
    let _ = write!(request, r#"{{"task":{},"attempt":{},"input":"#, task.id.0, task.attempt);
    match (&item, &setup.columns) {
        (Item::Row(cells), Some(columns)) => {
            request.push(b'{');
            for (index, (column, cell)) in columns.iter().zip(cells).enumerate() {
                if index > 0 {
                    request.push(b',');
                }
                push_string(column.as_bytes(), request);
                request.push(b':');
                push_string(cell, request);
            }
            request.push(b'}');
        }
        _ => push_string(&item.text(), request),
    }
    request.extend_from_slice(b"}\n");
    Ok(())
}

/// Appends a JSON string; bytes that are no UTF-8 are replaced.
fn push_string(bytes: &[u8], out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use protocol::{Context, TaskId};

    use super::super::setup::Mode;
    use super::super::template::{Columns, Template};
    use super::*;

    fn request_for(columns: Option<Vec<String>>, payload: &[u8]) -> String {
        let setup = Setup {
            argv: vec![Template::parse("cat", Columns::Unknown).unwrap()],
            dir: "/".into(),
            shell: false,
            mode: Mode::Lines,
            columns,
            max_output: 100,
        };
        let context = Context { worker: "worker-1", link: None };
        let mut request = Vec::new();
        write_request(&setup, &Task { id: TaskId(7), attempt: 2, payload, context }, &mut request).unwrap();
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn a_request_is_a_line_of_json_whatever_the_item_holds() {
        assert_eq!(
            request_for(None, b"a\"b\n\xFF"),
            "{\"task\":7,\"attempt\":2,\"input\":\"a\\\"b\\n\u{fffd}\"}\n"
        );
        let mut row = Vec::new();
        super::super::setup::write_row([b"cat".as_slice(), b"9"].into_iter(), &mut row);
        let columns = Some(vec!["name".to_owned(), "size".to_owned()]);
        assert_eq!(
            request_for(columns, &row),
            "{\"task\":7,\"attempt\":2,\"input\":{\"name\":\"cat\",\"size\":\"9\"}}\n"
        );
    }
}
