//! The crates of the workspace, as Cargo tells them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

/// One library, program, test or example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateRoot {
    /// What it is and its name: `lib protocol`, `bin hostile`.
    pub name: String,
    /// The file that it begins in.
    pub file: PathBuf,
}

/// Every crate of the workspace that has `folder` in it.
pub fn workspace(folder: &Path) -> anyhow::Result<Vec<CrateRoot>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    #[expect(clippy::disallowed_methods, reason = "a tool for developers, that asks Cargo")]
    let said = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(folder)
        .output()
        .context("cargo metadata")?;
    if !said.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&said.stderr));
    }
    let said: Value = serde_json::from_slice(&said.stdout).context("cargo metadata")?;
    let mut roots = Vec::new();
    for package in list(&said["packages"]) {
        for target in list(&package["targets"]) {
            let words = [&target["kind"][0], &target["name"]];
            let name = words.map(|word| word.as_str().unwrap_or_default()).join(" ");
            let file = target["src_path"].as_str().context("a target without src_path")?;
            roots.push(CrateRoot { name, file: PathBuf::from(file) });
        }
    }
    Ok(roots)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
