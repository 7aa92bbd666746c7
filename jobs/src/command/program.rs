//! Finding a program, and saying what keeps one from being started.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// As much of a script's first line as the kernel reads.
const FIRST_LINE: u64 = 256;

/// Why a program can't be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoProgram {
    #[error("there is no program {0}")]
    Missing(String),
    #[error("{0} is there, and is no program: it is a directory")]
    Directory(String),
    #[error("{0} is there, and may not be executed")]
    NotExecutable(String),
    #[error(
        "{0} is a script whose lines end as on Windows: the kernel looks for an interpreter of the name {1}"
    )]
    CarriageReturn(String, String),
    #[error("{0} is a script for {1}, which is not there")]
    NoInterpreter(String, String),
}

impl NoProgram {
    /// What to do about it.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Missing(name) if name.contains('/') => {
                "a relative path starts at `params.dir`, by default the job file's folder".into()
            }
            Self::Missing(_) => "it is looked for along PATH; for a program of your own, write ./NAME".into(),
            Self::Directory(_) => "name a file in it".into(),
            Self::NotExecutable(path) => format!("chmod +x {path}"),
            Self::CarriageReturn(path, _) => format!("sed -i 's/\\r$//' {path}"),
            Self::NoInterpreter(..) => "mend its first line, or name the interpreter in `argv`".into(),
        }
    }
}

/// Where a program is: as a path from `dir`, or along `PATH`.
pub(super) fn find(name: &str, dir: &Path) -> Result<PathBuf, NoProgram> {
    let path = look(name, dir)?;
    check_script(&path)?;
    Ok(path)
}

fn look(name: &str, dir: &Path) -> Result<PathBuf, NoProgram> {
    let missing = || NoProgram::Missing(name.to_owned());
    if name.contains('/') {
        let path = dir.join(name);
        return runs(&path).unwrap_or_else(|| Err(missing())).map(|()| path);
    }
    let path = std::env::var_os("PATH").filter(|_| !name.is_empty()).ok_or_else(missing)?;
    // What can't be executed is passed by, as a shell does it, and told where nothing else is found.
    let mut refused = None;
    for folder in std::env::split_paths(&path) {
        // An empty entry, or a relative one, starts where the program runs.
        let path = dir.join(folder).join(name);
        match runs(&path) {
            Some(Ok(())) => return Ok(path),
            Some(Err(NoProgram::Directory(_))) | None => {}
            Some(Err(problem)) => refused = refused.or(Some(problem)),
        }
    }
    Err(refused.unwrap_or_else(missing))
}

/// Whether a path can be executed; `None` where there is nothing.
fn runs(path: &Path) -> Option<Result<(), NoProgram>> {
    let metadata = path.metadata().ok()?;
    let shown = || path.display().to_string();
    Some(if metadata.is_dir() {
        Err(NoProgram::Directory(shown()))
    } else if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        Err(NoProgram::NotExecutable(shown()))
    } else {
        Ok(())
    })
}

/// Looks at a script's first line as the kernel would. What can't be read is left for the kernel to judge.
fn check_script(path: &Path) -> Result<(), NoProgram> {
    let mut head = Vec::new();
    if File::open(path).and_then(|file| file.take(FIRST_LINE).read_to_end(&mut head)).is_err() {
        return Ok(());
    }
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(()) };
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else { return Ok(()) };
    let line = line.get(..end).unwrap_or_default().trim_ascii_start();
    let interpreter = line.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
    let shown = path.display().to_string();
    if line.ends_with(b"\r") {
        return Err(NoProgram::CarriageReturn(
            shown,
            String::from_utf8_lossy(line).escape_default().to_string(),
        ));
    }
    // A relative one starts where the program runs, and is the kernel's to find.
    let interpreter = Path::new(std::ffi::OsStr::from_bytes(interpreter));
    match interpreter.is_absolute()
        && fs::metadata(interpreter).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    {
        true => Err(NoProgram::NoInterpreter(shown, interpreter.display().to_string())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Path, text: &str, mode: u32) -> String {
        let path = folder.join("work.sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        find("./work.sh", folder)
            .err()
            .map(|problem| format!("{problem} ({})", problem.hint()))
            .unwrap_or_default()
    }

    #[test]
    fn what_keeps_a_program_from_being_started_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        assert_eq!(find("./none", here), Err(NoProgram::Missing("./none".into())));
        assert_eq!(find("no-such-program", here), Err(NoProgram::Missing("no-such-program".into())));
        assert!(find("sh", here).is_ok_and(|path| path.is_absolute()));
        assert!(matches!(find("./.", here), Err(NoProgram::Directory(_))));
        assert_eq!(script(here, "#!/bin/sh\ntrue\n", 0o755), "");
        let refused = script(here, "#!/bin/sh\ntrue\n", 0o644);
        assert!(refused.contains("may not be executed (chmod +x "), "{refused}");
        let windows = script(here, "#!/bin/sh\r\ntrue\r\n", 0o755);
        assert!(windows.contains("end as on Windows") && windows.contains("/bin/sh\\r"), "{windows}");
        let lost = script(here, "#! /no/such/shell -e\n", 0o755);
        assert!(lost.contains("a script for /no/such/shell, which is not there"), "{lost}");
    }
}
