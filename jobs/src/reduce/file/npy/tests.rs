use proptest::prelude::*;

use super::*;

/// A file of a given version with a dictionary and so many bytes behind it.
fn file(version: u8, dictionary: &str, data: usize) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend([version, 0]);
    if version == 1 {
        file.extend((dictionary.len() as u16).to_le_bytes());
    } else {
        file.extend((dictionary.len() as u32).to_le_bytes());
    }
    file.extend(dictionary.bytes());
    file.extend(vec![0; data]);
    file
}

fn read(version: u8, dictionary: &str, data: usize) -> Result<Layout, String> {
    let file = file(version, dictionary, data);
    layout(&file[..], file.len() as u64).map_err(|error| error.to_string())
}

const PLAIN: &str = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }          \n";

#[test]
fn all_versions_are_read() {
    for (version, before) in [(1, 10), (2, 12), (3, 12)] {
        let layout = read(version, PLAIN, 24).unwrap();
        assert_eq!(layout, Layout { dtype: Dtype::I32, count: 6, offset: before + PLAIN.len() as u64 });
    }
    assert!(read(4, PLAIN, 24).unwrap_err().contains("version 4.0"));
}

#[test]
fn all_shapes_are_flattened() {
    let count = |shape: &str, data| {
        let text = format!("{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}}}");
        read(1, &text, data).unwrap().count
    };
    assert_eq!(count("()", 4), 1, "a single number");
    assert_eq!(count("(5,)", 20), 5);
    assert_eq!(count("(2, 0, 3)", 0), 0);
    assert_eq!(count("(18446744073709551615, 18446744073709551615, 0)", 0), 0);
    assert_eq!(count("(2L, 3L)", 24), 6);
    assert_eq!(count("( 2 ,3 , )", 24), 6);
}

#[test]
fn spacing_quotes_and_the_order_of_keys_are_free() {
    let text = "{ \"shape\":(3,),\"fortran_order\" : True , 'descr':\"|u1\"}";
    assert_eq!(read(1, text, 3).unwrap().count, 3, "one axis has one order");
}

#[test]
fn a_type_without_a_byte_order_is_the_machines_own() {
    for (descr, dtype) in [
        ("=i4", Dtype::I32),
        ("i4", Dtype::I32),
        ("|i4", Dtype::I32),
        ("int32", Dtype::I32),
        ("=f4", Dtype::F32),
        ("float32", Dtype::F32),
        ("<u4", Dtype::U32),
    ] {
        assert_eq!(read(1, &PLAIN.replace("<i4", descr), 24).unwrap().dtype, dtype, "{descr}");
    }
    for (descr, dtype) in [("?", Dtype::Bool), ("b1", Dtype::Bool), (">u1", Dtype::U8), ("=i1", Dtype::I8)] {
        assert_eq!(read(1, &PLAIN.replace("<i4", descr), 6).unwrap().dtype, dtype, "{descr}");
    }
    assert!(read(1, &PLAIN.replace("<i4", ">i4"), 24).unwrap_err().contains("newbyteorder"));
    assert!(read(1, &PLAIN.replace("<i4", "=i3"), 24).unwrap_err().contains("elements of type =i3"));
}

#[test]
fn what_can_not_be_reduced_is_refused_with_a_way_out() {
    let with = |from: &str, to: &str| read(1, &PLAIN.replace(from, to), 24).unwrap_err();
    assert!(with("<i4", ">i4").contains("newbyteorder"));
    assert!(with("False", "True").contains("ascontiguousarray"));
    assert!(with("<i4", "<c8").contains("elements of type <c8"));
    assert!(with("<i4", "|S4").contains("elements of type |S4"));
    assert!(with("<i4", "<f16").contains("elements of type <f16"));
    assert!(with("<i4", "é").contains("elements of type é"));
    assert!(with("<i4", "").contains("elements of type"));
    assert!(with("'<i4'", "[('a', '<i4')]").contains("a record"));
}

#[test]
fn a_file_of_another_length_than_promised_is_refused() {
    assert!(read(1, PLAIN, 23).unwrap_err().contains("promises 24 bytes, 23 are there"));
    assert!(read(1, PLAIN, 25).unwrap_err().contains("1 bytes after the array"));
    let huge = PLAIN.replace("(2, 3)", "(18446744073709551615, 2)");
    assert!(read(1, &huge, 24).unwrap_err().contains("promises 147573952589676412920 bytes"));
    let beyond = PLAIN.replace("(2, 3)", "(18446744073709551615, 18446744073709551615, 9)");
    assert!(read(1, &beyond, 24).unwrap_err().contains("shape overflows"));
}

#[test]
fn damaged_headers_are_refused() {
    for end in 0..80 {
        let whole = file(1, PLAIN, 0);
        let error = layout(&whole[..end], end as u64).unwrap_err();
        assert!(matches!(error, NpyError::ShortHeader), "{end}: {error}");
    }
    assert!(layout(&b"PK\x03\x04 is a .npz file"[..], 21).unwrap_err().to_string().contains("NUMPY"));
    assert!(read(2, &" ".repeat((1 << 20) + 1), 0).unwrap_err().contains("at most 1048576"));
    for text in [
        "",
        "{",
        "{}",
        "{'descr'}",
        "{'descr': '<i4}",
        "[1]",
        "{'a': 1}",
        "{'shape': (-1,)}",
        "{'shape': (x)}",
        "{'fortran_order': 1}",
    ] {
        assert!(read(1, text, 0).unwrap_err().contains("damaged header"), "{text}");
    }
    assert!(read(1, &format!("{} junk", PLAIN.trim()), 24).unwrap_err().contains("damaged header"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(mut bytes: Vec<u8>, text in "[{}'descr:, <i4()0-9TrueFalse\\[\\]]{0,80}") {
        let _ = layout(&bytes[..], bytes.len() as u64);
        let _ = read(1, &text, 3);
        bytes.splice(0..0, *b"\x93NUMPY\x01\x00");
        let _ = layout(&bytes[..], bytes.len() as u64);
    }
}
