//! Where the image in a JPEG file ends.
//!
//! Behind the image a file may hold anything: a phone's film, a second picture, text. So the end is not looked for
//! from the back: the markers are followed from the front, segment by segment, as T.81 (annex B) lays them out. A
//! thumbnail's markers lie inside a segment and are stepped over; data of a scan hold no marker but restarts.

use memchr::memchr;

const FILL: u8 = 0xFF;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// How many bytes of `file` are the image, its end marker included; `None` if it is cut short: something else than
/// a further segment of the image, or nothing, stands where its end should.
pub(super) fn end_of_image(file: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut scans = 0;
    loop {
        let code;
        (code, at) = marker(file, at, scans == 0)?;
        match code {
            START_OF_IMAGE if at == 2 => {}
            END_OF_IMAGE if scans > 0 => return Some(at),
            START_OF_SCAN => {
                at = end_of_scan(file, after_segment(file, at)?)?;
                scans += 1;
            }
            code if may_have_length(code, scans) => at = after_segment(file, at)?,
            _ => return None,
        }
    }
}

/// The marker at `at`, behind fill bytes, and where it ends. In `headers`, as decoders do, stray bytes before it are
/// stepped over; behind a scan there are none.
fn marker(file: &[u8], at: usize, headers: bool) -> Option<(u8, usize)> {
    let mut at = at;
    if headers {
        at += memchr(FILL, file.get(at..)?)?;
    }
    if *file.get(at)? != FILL {
        return None;
    }
    let fill = file.get(at..)?.iter().position(|byte| *byte != FILL)?;
    at += fill;
    Some((*file.get(at)?, at + 1))
}

/// True for segments of tables, frames and applications. Frames come before the first scan only.
fn may_have_length(code: u8, scans: usize) -> bool {
    match code {
        // Frames, arithmetic conditioning's neighbours excepted; hierarchical ones are never read.
        0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => scans == 0,
        // Huffman tables, conditioning, quantisation, number of lines, restart interval, applications, comments.
        0xC4 | 0xCC | 0xDB..=0xDD | 0xE0..=0xEF | 0xFE => true,
        _ => false,
    }
}

/// Behind the segment whose length stands at `at`.
fn after_segment(file: &[u8], at: usize) -> Option<usize> {
    let length = u16::from_be_bytes(file.get(at..at + 2)?.try_into().ok()?);
    let end = at + usize::from(length);
    (length >= 2 && end <= file.len()).then_some(end)
}

/// Where the first marker behind a scan's data begins.
fn end_of_scan(file: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr(FILL, file.get(at..)?)?;
        match *file.get(at + 1)? {
            // A stuffed byte of data, or a restart.
            0 | 0xD0..=0xD7 => at += 2,
            FILL => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THUMBNAIL: [u8; 9] = [0xFF, 0xE1, 0, 7, 0xFF, 0xDA, 1, 0xFF, 0xD9];
    const SCAN: [u8; 9] = [0xFF, 0xDA, 0, 2, 7, 0xFF, 0, 0xFF, 0xD3];
    const TABLE: [u8; 5] = [0xFF, 0xC4, 0, 3, 0xFF];
    const START: [u8; 2] = [0xFF, 0xD8];
    const END: [u8; 2] = [0xFF, 0xD9];

    fn end(parts: &[&[u8]]) -> Option<usize> {
        end_of_image(&parts.concat())
    }

    #[test]
    fn what_stands_behind_an_image_is_none_of_its_business() {
        let whole = end(&[&START, &THUMBNAIL, &SCAN, &END]);
        assert_eq!(whole, Some(22));
        for behind in [b"\xFF\xDA".as_slice(), b"\xFF\xD9\xFF\xDA", b"film", &START, &[0xFF; 9]] {
            assert_eq!(end(&[&START, &THUMBNAIL, &SCAN, &END, behind]), whole, "{behind:x?}");
        }
    }

    #[test]
    fn a_cut_image_has_no_end_whatever_stands_elsewhere() {
        assert_eq!(end(&[&START, &THUMBNAIL, &SCAN]), None, "the end is a thumbnail's");
        assert_eq!(end(&[&START, &THUMBNAIL, &END]), None, "no scan");
        // Another image follows the cut one, as in a container of two.
        assert_eq!(end(&[&START, &SCAN, &START, &THUMBNAIL, &SCAN, &END]), None);
        assert_eq!(end(&[&START, &SCAN, b"\xFF\x42", &END]), None, "no marker that may stand there");
        assert_eq!(end(&[&START, &SCAN, &TABLE, b"junk", &END]), None, "no marker behind a table");
        let whole = [&START[..], &THUMBNAIL, &SCAN, &TABLE, &SCAN, &END].concat();
        for cut in 0..whole.len() {
            assert_eq!(end_of_image(&whole[..cut]), None, "cut at {cut}");
        }
        assert_eq!(end_of_image(&whole), Some(whole.len()));
    }

    #[test]
    fn fill_bytes_and_stray_bytes_among_headers_are_stepped_over() {
        assert!(end(&[&START, &[0, 0], &[0xFF; 3], &TABLE[1..], &SCAN, &[0xFF], &END]).is_some());
    }
}
