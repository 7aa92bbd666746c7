//! A build of ours: where its programs lie.

use std::path::{Path, PathBuf};

use anyhow::bail;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Build {
    /// What the table calls it.
    pub(crate) name: String,
    /// The command.
    pub(crate) coordinator: PathBuf,
    /// The library, in a program that measures it (`tests/src/bin/bench_pool`); none where only a command is known.
    pub(crate) bench_pool: Option<PathBuf>,
}

impl Build {
    /// The programs that Cargo has put into this folder.
    pub(crate) fn in_folder(name: &str, folder: &Path) -> anyhow::Result<Self> {
        let coordinator = program(&folder.join("coordinator"))?;
        let bench_pool = program(&folder.join("bench_pool")).ok();
        Ok(Self { name: name.to_owned(), coordinator, bench_pool })
    }

    /// A folder of programs, or the command alone.
    pub(crate) fn at(name: &str, path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Self::in_folder(name, path);
        }
        Ok(Self { name: name.to_owned(), coordinator: program(path)?, bench_pool: None })
    }

    /// The library's program.
    pub(crate) fn library(&self) -> anyhow::Result<&Path> {
        match &self.bench_pool {
            Some(path) => Ok(path),
            None => bail!("{}: there is no bench_pool beside {}", self.name, self.coordinator.display()),
        }
    }
}

fn program(path: &Path) -> anyhow::Result<PathBuf> {
    match std::path::absolute(path) {
        Ok(path) if path.is_file() => Ok(path),
        _ => bail!("{}: there is no such program; build it first", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_command_is_refused_with_its_name() {
        let error = Build::at("that", Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(error.to_string(), "/no/such/folder: there is no such program; build it first");
    }
}
