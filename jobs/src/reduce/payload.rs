//! What a task is: which items, and where they are.

use num_bigint::BigInt;

use super::bytes::{Reader, put_big, put_f64, put_u64};
use super::file::Pinned;
use super::setup::Source;
use crate::BadValue;

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Payload {
    /// The first item's position in the input, from 0; in tables, the first byte's in its file.
    pub(super) from: u64,
    /// The position behind the last one.
    pub(super) to: u64,
    pub(super) work: Work,
}

/// The items of a task.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// Here they are.
    Items(Vec<Item>),
    /// Integers in a row, the first of them given.
    Range(BigInt),
    /// Elements of files, in order.
    Segments(Vec<Segment>),
    /// The lines that start between the payload's positions.
    Rows { file: Pinned, first: u64, column: usize },
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Bool(bool),
    Integer(BigInt),
    Float(f64),
}

/// Elements that lie in a row in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) file: Pinned,
    /// Bytes before the first one.
    pub(super) offset: u64,
    /// Elements.
    pub(super) count: u64,
}

impl Item {
    /// Appends the bytes.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(bool) => out.push(u8::from(*bool)),
            Self::Integer(integer) => {
                out.push(2);
                put_big(out, integer);
            }
            Self::Float(float) => {
                out.push(3);
                put_f64(out, *float);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, BadValue> {
        match reader.byte()? {
            0 => Ok(Self::Bool(false)),
            1 => Ok(Self::Bool(true)),
            2 => Ok(Self::Integer(reader.big()?)),
            3 => Ok(Self::Float(reader.f64()?)),
            _ => Err(reader.bad("an item is of no known sort")),
        }
    }
}

impl Segment {
    /// Appends the bytes.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.file.put(out);
        put_u64(out, self.offset);
        put_u64(out, self.count);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, BadValue> {
        Ok(Self { file: Pinned::read(reader)?, offset: reader.u64()?, count: reader.u64()? })
    }
}

impl Payload {
    /// Appends the bytes.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.from);
        put_u64(out, self.to);
        match &self.work {
            Work::Items(items) => items.iter().for_each(|item| item.put(out)),
            Work::Range(first) => put_big(out, first),
            Work::Segments(segments) => segments.iter().for_each(|segment| segment.put(out)),
            Work::Rows { file, first, column } => {
                file.put(out);
                put_u64(out, *first);
                put_u64(out, *column as u64);
            }
        }
    }

    /// Reads what [`put`](Self::put) wrote in a job with this source.
    pub(super) fn read(source: &Source, bytes: &[u8]) -> Result<Self, BadValue> {
        let mut reader = Reader::new(bytes, "a payload");
        let (from, to) = (reader.u64()?, reader.u64()?);
        let Some(count) = to.checked_sub(from) else { return Err(reader.bad("it ends before it starts")) };
        let work = match source {
            Source::Items => {
                let items = read_all(&mut reader, Item::read)?;
                if items.len() as u64 != count {
                    return Err(reader.bad("it does not hold its items"));
                }
                Work::Items(items)
            }
            Source::Range => Work::Range(reader.big()?),
            Source::Array(_) => {
                let segments = read_all(&mut reader, Segment::read)?;
                let sum = segments.iter().try_fold(0_u64, |sum, segment| sum.checked_add(segment.count));
                if sum != Some(count) {
                    return Err(reader.bad("it does not hold its items"));
                }
                Work::Segments(segments)
            }
            Source::Table { .. } => Work::Rows {
                file: Pinned::read(&mut reader)?,
                first: reader.u64()?,
                column: usize::try_from(reader.u64()?).unwrap_or(usize::MAX),
            },
        };
        reader.end()?;
        Ok(Self { from, to, work })
    }

    /// How many items the task has, where the plan knows.
    pub(super) fn count(&self) -> Option<u64> {
        match self.work {
            Work::Rows { .. } => None,
            _ => Some(self.to - self.from),
        }
    }
}

fn read_all<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, BadValue>,
) -> Result<Vec<T>, BadValue> {
    let mut all = Vec::new();
    while !reader.is_empty() {
        all.push(read(reader)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reduce::dtype::Dtype;

    const SOURCES: [Source; 4] = [
        Source::Items,
        Source::Range,
        Source::Array(Dtype::I64),
        Source::Table { delimiter: b',', label: String::new() },
    ];

    #[test]
    fn payloads_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.bin");
        std::fs::write(&path, [0; 80]).unwrap();
        let (file, _) = Pinned::new(&path).unwrap();
        let segments = vec![
            Segment { file: file.clone(), offset: 8, count: 7 },
            Segment { file: file.clone(), offset: 0, count: 1 },
        ];
        let items = vec![Item::Bool(true), Item::Integer(BigInt::from(-300)), Item::Float(0.5)];
        let payloads = [
            Payload { from: 2, to: 5, work: Work::Items(items) },
            Payload { from: 0, to: 9, work: Work::Range(BigInt::from(i64::MIN)) },
            Payload { from: 4, to: 12, work: Work::Segments(segments) },
            Payload { from: 10, to: 80, work: Work::Rows { file, first: 3, column: 2 } },
        ];
        for (source, payload) in SOURCES.iter().zip(payloads) {
            let mut bytes = Vec::new();
            payload.put(&mut bytes);
            assert_eq!(Payload::read(source, &bytes).unwrap(), payload);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, source in 0..4_usize) {
            let _ = Payload::read(&SOURCES[source], &bytes);
        }
    }
}
