//! Partial results as bytes, and back with every promise checked: they come from workers, which may have
//! gone wrong.

use num_bigint::{BigInt, Sign};

use super::{Body, Exact, ExactMoments, FloatSum, Moments, Partial, Seen, Specials, Sum};
use crate::BadValue;
use crate::reduce::bytes::{Reader, put_big, put_f64, put_u64};
use crate::reduce::float::{Double, SQUARE_SCALE, SUM_SCALE, Scaled};
use crate::reduce::op::Op;

/// 2⁶⁴ floats below 2¹⁰²⁴ in units of 2⁻¹⁰⁷⁴, and the sign.
const SUM_BITS: u64 = SUM_SCALE as u64 + 1024 + 65;
/// The same for their squares.
const SQUARE_BITS: u64 = SQUARE_SCALE as u64 + 2048 + 65;

const FAST: u8 = 0;
const EXACT: u8 = 1;

impl Partial {
    /// Appends the bytes. The operation is not among them: both sides know it.
    pub(in crate::reduce) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.count);
        out.push(self.seen.0);
        match &self.body {
            Body::Count => {}
            Body::Sum(Sum { whole, float }) => {
                put_big(out, whole);
                match float {
                    FloatSum::Fast(sum) => {
                        out.push(FAST);
                        put_double(out, *sum);
                    }
                    FloatSum::Exact(exact) => {
                        out.push(EXACT);
                        put_exact(out, exact);
                    }
                }
            }
            Body::Moments(Moments::Fast { mean, squares }) => {
                out.push(FAST);
                put_double(out, *mean);
                put_double(out, *squares);
            }
            Body::Moments(Moments::Exact(exact)) => {
                out.push(EXACT);
                put_big(out, &exact.whole);
                put_big(out, &exact.whole_squares);
                put_exact(out, &exact.float);
                put_big(out, &exact.float_squares);
            }
            Body::Product { whole, float } => {
                put_big(out, whole);
                put_double(out, float.mantissa);
                out.extend_from_slice(&float.exponent.to_le_bytes());
            }
            Body::Extreme { whole, float } => {
                put_option(out, whole.as_ref(), put_big);
                put_option(out, float.as_ref(), |out, float| put_f64(out, *float));
            }
            Body::Bits(bits) => put_option(out, bits.as_ref(), put_big),
        }
    }

    /// Reads what [`put`](Self::put) wrote for `op`.
    pub(in crate::reduce) fn read(op: Op, reader: &mut Reader<'_>) -> Result<Self, BadValue> {
        let count = reader.u64()?;
        let seen = Seen(reader.byte()?);
        if seen.0 > 7 || (count == 0) != (seen == Seen::NOTHING) {
            return Err(reader.bad("its items are of no sort"));
        }
        let body = match Body::empty(op) {
            Body::Count => Body::Count,
            Body::Sum(_) => Body::Sum(Sum { whole: reader.big()?, float: read_float_sum(reader)? }),
            Body::Moments(_) => Body::Moments(read_moments(reader)?),
            Body::Product { .. } => {
                let (whole, mantissa) = (reader.big()?, read_double(reader)?);
                let exponent = reader.take(8)?.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
                let float = Scaled { mantissa, exponent };
                if !float.is_normalised() {
                    return Err(reader.bad("a product is not in its normal form"));
                }
                Body::Product { whole, float }
            }
            Body::Extreme { .. } => {
                let whole = read_option(reader, Reader::big)?;
                let float = read_option(reader, Reader::f64)?;
                if (whole.is_some() || float.is_some()) != (count > 0) {
                    return Err(reader.bad("it has no least or greatest item"));
                }
                Body::Extreme { whole, float }
            }
            Body::Bits(_) => {
                let bits = read_option(reader, Reader::big)?;
                if bits.is_some() != (count > 0) {
                    return Err(reader.bad("it has no bits"));
                }
                Body::Bits(bits)
            }
        };
        Ok(Self { count, seen, body })
    }
}

fn put_double(out: &mut Vec<u8>, value: Double) {
    put_f64(out, value.high);
    put_f64(out, value.low);
}

fn read_double(reader: &mut Reader<'_>) -> Result<Double, BadValue> {
    Ok(Double { high: reader.f64()?, low: reader.f64()? })
}

fn put_exact(out: &mut Vec<u8>, exact: &Exact) {
    put_big(out, &exact.units);
    out.push(exact.specials.0);
}

fn read_exact(reader: &mut Reader<'_>) -> Result<Exact, BadValue> {
    let units = read_big(reader, SUM_BITS)?;
    let specials = reader.byte()?;
    if specials > Specials::ALL {
        return Err(reader.bad("a sum has unknown marks"));
    }
    Ok(Exact { units, specials: Specials(specials) })
}

fn read_big(reader: &mut Reader<'_>, bits: u64) -> Result<BigInt, BadValue> {
    let value = reader.big()?;
    if value.bits() > bits {
        return Err(reader.bad("a sum of floats is larger than any"));
    }
    Ok(value)
}

fn read_float_sum(reader: &mut Reader<'_>) -> Result<FloatSum, BadValue> {
    match reader.byte()? {
        FAST => {
            let sum = read_double(reader)?;
            if !sum.is_finite() || sum.high + sum.low != sum.high {
                return Err(reader.bad("a sum is not in its normal form"));
            }
            Ok(FloatSum::Fast(sum))
        }
        EXACT => Ok(FloatSum::Exact(read_exact(reader)?)),
        _ => Err(reader.bad("a sum is of an unknown form")),
    }
}

fn read_moments(reader: &mut Reader<'_>) -> Result<Moments, BadValue> {
    match reader.byte()? {
        FAST => {
            let (mean, squares) = (read_double(reader)?, read_double(reader)?);
            if squares.high < 0.0 {
                return Err(reader.bad("a sum of squares is negative"));
            }
            Ok(Moments::Fast { mean, squares })
        }
        EXACT => {
            let (whole, whole_squares) = (reader.big()?, reader.big()?);
            let (float, float_squares) = (read_exact(reader)?, read_big(reader, SQUARE_BITS)?);
            if whole_squares.sign() == Sign::Minus || float_squares.sign() == Sign::Minus {
                return Err(reader.bad("a sum of squares is negative"));
            }
            Ok(Moments::Exact(Box::new(ExactMoments { whole, whole_squares, float, float_squares })))
        }
        _ => Err(reader.bad("moments are of an unknown form")),
    }
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

fn read_option<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, BadValue>,
) -> Result<Option<T>, BadValue> {
    if reader.flag()? { read(reader).map(Some) } else { Ok(None) }
}
