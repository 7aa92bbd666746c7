#!/usr/bin/env bash
# What would be published holds together: every package is made, and a program that knows the packed files only (not
# this tree) builds and runs its tasks in worker processes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo package --workspace --exclude tests --exclude api --exclude modules --exclude unhurt-bench --allow-dirty --no-verify --offline --quiet

place=target/packaged
rm -rf "$place/crates" "$place/program"
mkdir -p "$place/crates" "$place/program/src"
version=$(cargo pkgid --package unhurt | sed 's/.*[#@]//')
patches=""
for package in unhurt unhurt-ids unhurt-protocol unhurt-queue unhurt-worker unhurt-jobs; do
    tar -xzf "target/package/$package-$version.crate" -C "$place/crates"
    patches+="$package = { path = \"../crates/$package-$version\" }"$'\n'
done
cat >"$place/program/Cargo.toml" <<TOML
[workspace]

[package]
name = "program"
version = "0.0.0"
edition = "2024"

[dependencies]
unhurt = "=$version"

[patch.crates-io]
$patches
TOML
# The program of the crate's own README.
awk '/^```rust/ { inside = 1; next } /^```/ { inside = 0 } inside' "$place/crates/unhurt-$version/README.md" >"$place/program/src/main.rs"
# The versions that this workspace was tested with.
cp Cargo.lock "$place/program/Cargo.lock"
cargo run --quiet --offline --manifest-path "$place/program/Cargo.toml" --target-dir "$place/target"
echo "packages: a program made of the packed files runs"
