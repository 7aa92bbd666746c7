//! What every worker, and the coordinator, must know of a job of this kind.

use super::bytes::{Reader, put_bytes, put_u64};
use super::dtype::Dtype;
use super::kernel::Precision;
use super::op::Op;
use crate::BadValue;

/// The job, without its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) op: Op,
    /// What is taken off the count in a variance's divisor.
    pub(super) ddof: u64,
    pub(super) precision: Precision,
    pub(super) source: Source,
    /// The tasks of the job: the leaves of the coordinator's tree.
    pub(super) tasks: u64,
}

/// Where the items are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// In the payloads.
    Items,
    /// Integers in a row.
    Range,
    /// In files of fixed-size elements.
    Array(Dtype),
    /// In text tables; `label` is what messages call the column.
    Table { delimiter: u8, label: String },
}

impl Setup {
    /// The bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.op.code(), u8::from(self.precision == Precision::Exact)];
        put_u64(&mut out, self.ddof);
        put_u64(&mut out, self.tasks);
        match &self.source {
            Source::Items => out.push(0),
            Source::Range => out.push(1),
            Source::Array(dtype) => out.extend([2, dtype.code()]),
            Source::Table { delimiter, label } => {
                out.extend([3, *delimiter]);
                put_bytes(&mut out, label.as_bytes());
            }
        }
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadValue> {
        let mut reader = Reader::new(bytes, "a setup");
        let op = Op::coded(reader.byte()?).ok_or_else(|| reader.bad("its operation is unknown"))?;
        let precision = if reader.flag()? { Precision::Exact } else { Precision::Compensated };
        let (ddof, tasks) = (reader.u64()?, reader.u64()?);
        let source = match reader.byte()? {
            0 => Source::Items,
            1 => Source::Range,
            2 => {
                Source::Array(Dtype::coded(reader.byte()?).ok_or_else(|| reader.bad("its type is unknown"))?)
            }
            3 => {
                let delimiter = reader.byte()?;
                Source::Table { delimiter, label: String::from_utf8_lossy(reader.bytes()?).into_owned() }
            }
            _ => return Err(reader.bad("its source is unknown")),
        };
        reader.end()?;
        Ok(Self { op, ddof, precision, source, tasks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn setups_come_back() {
        let table = Source::Table { delimiter: b';', label: "price".into() };
        for source in [Source::Items, Source::Range, Source::Array(Dtype::F16), table] {
            let setup =
                Setup { op: Op::Stddev, ddof: 1, precision: Precision::Compensated, source, tasks: 300 };
            assert_eq!(Setup::read(&setup.to_bytes()).unwrap(), setup);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Setup::read(&bytes);
        }
    }
}
