//! The one door through which foreign text gets into a page.

use crate::output::printable;

/// `text`, harmless between tags and in quoted attributes: no tag, no entity, no control character, and no
/// character that turns the direction of what stands around it.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_gets_out_of_its_place(hostile in any::<String>()) {
            let safe = text(&hostile);
            prop_assert!(!safe.contains(['<', '>', '"', '\'']));
            prop_assert!(!safe.chars().any(char::is_control));
            for (place, _) in safe.match_indices('&') {
                let rest = safe.get(place..).unwrap_or_default();
                let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
                prop_assert!(known.iter().any(|entity| rest.starts_with(entity)), "{safe}");
            }
        }
    }

    #[test]
    fn text_can_not_be_turned_around() {
        assert_eq!(text("a\u{202e}b<i>"), "a\\u{202e}b&lt;i&gt;");
    }
}
