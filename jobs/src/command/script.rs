//! A shell's script with places in it: which of them the shell reads as words, and which inside quotes.
//!
//! What takes a place comes in single quotes. That is a word only where the script itself is not inside quotes, so a
//! place for the item is refused everywhere else: in quotes the item would be read as script, and run. Where a shell's
//! reading can't be followed for certain (here-documents, `$'…'`, quotes inside `"$(…)"`), every later place is
//! refused. Refusing too much costs a line of script; accepting too much runs a stranger's text.

use super::template::{Piece, Template};

/// A place that the shell would read as script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsafe {
    /// In which argument.
    pub(super) argument: usize,
    /// Where it stands there: `inside double quotes`.
    pub(super) context: &'static str,
}

const SINGLE: &str = "inside single quotes";
const DOUBLE: &str = "inside double quotes";
const BACKTICKS: &str = "inside backticks";
const COMMENT: &str = "in a comment";
const PARAMETER: &str = "inside ${…}";
const ARITHMETIC: &str = "inside $((…)), which runs more than numbers";
const ESCAPED: &str = "behind a backslash";
const DOLLAR: &str = "behind a `$`";
const DOCUMENT: &str = "behind `<<`, where a document may begin";
const ANSI: &str = "behind `$'`, which shells read differently";
const TEST: &str = "behind `[[` or `((`, which run more than numbers";
const TANGLED: &str = "behind quotes inside a substitution";
const ODD: &str = "behind a `#` that may begin a comment";

/// Looks at the script that these arguments make, joined with spaces. Numbers of tasks are harmless in quotes, and are
/// written there as they are.
pub(super) fn check(argv: &mut [Template]) -> Result<(), Unsafe> {
    let mut reader = Reader { script: symbols(argv), at: 0, before: Before::Blank, verdicts: Vec::new() };
    reader.read();
    let mut bare = Vec::new();
    for (place, context) in reader.verdicts {
        if !place.number || matches!(context, ESCAPED | DOLLAR) {
            return Err(Unsafe { argument: place.argument, context });
        }
        bare.push(place);
    }
    for place in bare {
        if let Some(template) = argv.get_mut(place.argument) {
            template.leave_bare(place.piece);
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    argument: usize,
    piece: usize,
    number: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Byte(u8),
    Place(Place),
}

use Symbol::Byte;

fn symbols(argv: &[Template]) -> Vec<Symbol> {
    let mut script = Vec::new();
    for (argument, template) in argv.iter().enumerate() {
        if argument > 0 {
            script.push(Byte(b' '));
        }
        for (piece, kind) in template.pieces().enumerate() {
            match kind {
                Piece::Text(text) => script.extend(text.bytes().map(Byte)),
                Piece::Input | Piece::Number => {
                    script.push(Symbol::Place(Place { argument, piece, number: kind == Piece::Number }));
                }
            }
        }
    }
    script
}

/// What stands before the next symbol, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A word may begin, and a comment.
    Blank,
    Word,
    Dollar,
    /// What some shells take for a blank.
    Odd,
}

struct Reader {
    script: Vec<Symbol>,
    at: usize,
    before: Before,
    // Places that are not read as words, and why.
    verdicts: Vec<(Place, &'static str)>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<Symbol> {
        self.script.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &[u8]) -> bool {
        text.iter().enumerate().all(|(ahead, byte)| self.peek(ahead) == Some(Byte(*byte)))
    }

    /// Goes over `count` symbols, of which places are in `context`.
    fn skip(&mut self, count: usize, context: &'static str) {
        for _ in 0..count {
            if let Some(Symbol::Place(place)) = self.peek(0) {
                self.verdicts.push((place, context));
            }
            self.at += 1;
        }
    }

    /// From here on nothing is certain.
    fn give_up(&mut self, why: &'static str) {
        self.skip(self.script.len().saturating_sub(self.at), why);
    }

    /// The script outside of quotes.
    fn read(&mut self) {
        while let Some(symbol) = self.peek(0) {
            match symbol {
                Symbol::Place(_) if self.before == Before::Dollar => self.skip(1, DOLLAR),
                Symbol::Place(_) => self.at += 1,
                Byte(b'\\') => {
                    let continued = self.peek(1) == Some(Byte(b'\n'));
                    self.skip(2, ESCAPED);
                    // Shells differ in whether a word goes on behind a line break that was taken out.
                    self.before = if continued { Before::Odd } else { Before::Word };
                    continue;
                }
                Byte(b'\'') if self.before == Before::Dollar => self.give_up(ANSI),
                Byte(b'\'') => {
                    self.at += 1;
                    while self.peek(0).is_some_and(|symbol| symbol != Byte(b'\'')) {
                        self.skip(1, SINGLE);
                    }
                    self.at += 1;
                }
                Byte(b'"') => self.double(),
                Byte(b'`') => self.simple(1, b"`", BACKTICKS),
                Byte(b'#') if self.before == Before::Odd => self.give_up(ODD),
                Byte(b'#') if self.before == Before::Blank => {
                    while self.peek(0).is_some_and(|symbol| symbol != Byte(b'\n')) {
                        self.skip(1, COMMENT);
                    }
                    continue;
                }
                Byte(b'$') => {
                    self.dollar();
                    continue;
                }
                Byte(b'<') if self.starts_with(b"<<") => self.give_up(DOCUMENT),
                Byte(b'(') if self.starts_with(b"((") => self.give_up(TEST),
                Byte(b'[') if self.before == Before::Blank && self.starts_with(b"[[") => self.give_up(TEST),
                Byte(byte) => {
                    self.at += 1;
                    self.before = before(byte);
                    continue;
                }
            }
            self.before = Before::Word;
        }
    }

    /// A `$` outside of quotes.
    fn dollar(&mut self) {
        if self.substitution() {
            self.before = Before::Word;
        } else if self.starts_with(b"$(") {
            // Its inside is read as what is outside is, to its end and beyond.
            self.at += 2;
            self.before = Before::Blank;
        } else if self.starts_with(b"$#") {
            self.at += 2;
            self.before = Before::Word;
        } else {
            self.at += 1;
            self.before = Before::Dollar;
        }
    }

    /// From a double quote to its end.
    fn double(&mut self) {
        self.at += 1;
        while let Some(symbol) = self.peek(0) {
            match symbol {
                Byte(b'"') => break,
                Byte(b'\\') => self.skip(2, DOUBLE),
                Byte(b'`') => self.simple(1, b"`", DOUBLE),
                Byte(b'$') if self.substitution() => {}
                Byte(b'$') if self.starts_with(b"$(") => self.simple(2, b")", DOUBLE),
                _ => self.skip(1, DOUBLE),
            }
        }
        self.at += 1;
    }

    /// Goes over `$((…))`, `$[…]` or `${…}`; false where there is none of them.
    fn substitution(&mut self) -> bool {
        if self.starts_with(b"$((") {
            self.simple(3, b"))", ARITHMETIC);
        } else if self.starts_with(b"$[") {
            self.simple(2, b"]", ARITHMETIC);
        } else if self.starts_with(b"${") {
            self.simple(2, b"}", PARAMETER);
        } else {
            return false;
        }
        true
    }

    /// Goes over something with a begin of `begin` bytes up to and over its end, where all between is plain enough
    /// for the end to be certain.
    fn simple(&mut self, begin: usize, end: &[u8], context: &'static str) {
        self.at += begin;
        let from = self.at;
        while !self.starts_with(end) {
            let plain = match self.peek(0) {
                None => break,
                Some(Symbol::Place(_)) => true,
                Some(Byte(b'$')) => {
                    matches!(self.peek(1), Some(Byte(byte)) if byte.is_ascii_alphanumeric() || byte == b'_')
                }
                // The sign that cuts something off a parameter begins no comment.
                Some(Byte(b'#')) => context == PARAMETER,
                Some(Byte(byte)) => {
                    !b"'\"\\`({".contains(&byte) && !self.starts_with(b"<<") && !self.starts_with(b"case")
                }
            };
            if !plain {
                return self.give_up(TANGLED);
            }
            self.skip(1, context);
        }
        // An item inside would be read by rules of its own: nothing behind it is certain.
        if self
            .script
            .get(from..self.at)
            .is_some_and(|inside| inside.iter().any(|symbol| !matches!(symbol, Byte(_))))
        {
            return self.give_up(TANGLED);
        }
        self.at += end.len();
    }
}

/// What a byte outside of quotes means for what follows it.
fn before(byte: u8) -> Before {
    match byte {
        b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => Before::Blank,
        b'\r' | 0x0B | 0x0C | 0x80.. => Before::Odd,
        _ => Before::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::Columns;
    use super::*;

    fn context(script: &str) -> Option<&'static str> {
        let template = Template::parse(script, Columns::Known(&[])).unwrap();
        check(&mut [template]).err().map(|wrong| wrong.context)
    }

    #[test]
    fn a_place_outside_of_quotes_is_a_word() {
        for script in [
            "echo {}",
            "wc -c < {}; cp -- {} out_{}.txt",
            "x={}; echo \"$x\" '{{}}'",
            "echo $(cat {}) \"$(date +%s)\" {}",
            "echo 'it''s' \"a \\\" b\" {}",
            "echo \"${HOME}\" ${HOME%/*} ${#HOME} $# a#b {}",
            "# a comment, it's \"odd\"\necho {}",
            "case {} in a) echo 'x';; esac",
            "f() { echo \"$1\"; }; f {}",
            "echo $((1 + 2)) {}",
            "echo \\' {}",
            "echo `date` {}",
            "[ {} = a ]",
            "echo \"$x$(id -u)\"{}",
        ] {
            assert_eq!(context(script), None, "{script}");
        }
    }

    #[test]
    fn a_place_where_the_shell_reads_script_is_refused() {
        for (script, expected) in [
            ("echo \"{}\"", DOUBLE),
            ("echo '{}'", SINGLE),
            ("echo \"a 'b' {} c\"", DOUBLE),
            ("sh -c 'echo {}'", SINGLE),
            ("echo \"$(echo {})\"", DOUBLE),
            ("echo \"$(echo \"{}\")\"", TANGLED),
            ("echo \"$(case a in a) echo \";; esac) {}\"", TANGLED),
            ("echo `cat {}`", BACKTICKS),
            ("echo \"`cat {}`\"", DOUBLE),
            ("true # {}", COMMENT),
            ("#{}", COMMENT),
            ("true;#{}", COMMENT),
            ("cat <<EOF\n{}\nEOF", DOCUMENT),
            ("cat <<'EOF'\n{}\nEOF", DOCUMENT),
            ("cat <<< {}", DOCUMENT),
            ("echo $'\\'{}'", ANSI),
            ("echo ${{x:-{}}}", PARAMETER),
            ("echo $(( {} ))", ARITHMETIC),
            ("echo $[ {} ]", ARITHMETIC),
            ("(( x = {} ))", TEST),
            ("[[ {} -eq 1 ]]", TEST),
            ("echo \\{}", ESCAPED),
            ("echo ${}", DOLLAR),
            ("echo $${}", DOLLAR),
            ("echo a \\\n#{}", ODD),
            ("echo ' unclosed {}", SINGLE),
        ] {
            assert_eq!(context(script), Some(expected), "{script}");
        }
    }

    #[test]
    fn arguments_make_one_script() {
        let argv = ["echo \"", "{}", "\""];
        let mut argv = argv.map(|text| Template::parse(text, Columns::Known(&[])).unwrap());
        assert_eq!(check(&mut argv), Err(Unsafe { argument: 1, context: DOUBLE }));
    }

    #[test]
    fn numbers_of_tasks_are_harmless_in_quotes() {
        assert_eq!(context("echo \"part {#}\" 'part {#}' # {#}"), None);
        assert_eq!(context("echo ${#}"), Some(DOLLAR));
    }
}
