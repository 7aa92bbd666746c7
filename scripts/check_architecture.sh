#!/usr/bin/env bash
# The borders between the crates (docs/architecture.md), enforced.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "architecture: $1" >&2; exit 1; }

# Everything that a crate depends on, directly and indirectly, without its tests.
tree() { cargo tree --offline --package "$1" --edges normal --prefix none --format '{p}' | cut -d' ' -f1 | sort -u; }

refuse() { # refuse PACKAGE CRATE...: none of these is in the package's tree
    local package=$1 crate all
    all=$(tree "$package")
    shift
    for crate in "$@"; do
        if grep -qx "$crate" <<<"$all"; then fail "$package depends on $crate"; fi
    done
}
most() { # most PACKAGE N: its tree has at most so many crates
    [ "$(tree "$1" | wc -l)" -le "$2" ] || fail "$1's tree has grown: $(tree "$1" | wc -l) crates"
}

heavy=(clap rusqlite image toml tokio async-std smol futures)
refuse unhurt-protocol "${heavy[@]}" unhurt-queue unhurt unhurt-jobs unhurt-worker unhurt-coordinator
refuse unhurt-queue "${heavy[@]}" nix rustix unhurt-protocol unhurt unhurt-jobs unhurt-worker unhurt-coordinator
refuse unhurt "${heavy[@]}" unhurt-jobs unhurt-coordinator
refuse unhurt-jobs unhurt-queue unhurt unhurt-worker unhurt-coordinator
refuse unhurt-worker unhurt-queue unhurt unhurt-coordinator
most unhurt-queue 10
most unhurt 45
# The queue has no `std`, so it can neither read a clock nor do I/O.
grep -q '^#!\[cfg_attr(not(test), no_std)\]$' coordinator/queue/src/lib.rs || fail "the queue has std"
# The codec is named in one module.
if grep -rnE 'bincode::(config|encode|decode|borrow_decode)' protocol coordinator worker jobs --include='*.rs' | grep -v 'protocol/src/codec.rs' | grep -vE 'bincode::(Encode|Decode|BorrowDecode)'; then
    fail "bincode is used outside protocol/src/codec.rs"
fi
# The supervisor makes the workers, the command kind its tasks' programs; faults rehearses.
if grep -rnE '(process::)?Command::new\(' protocol/src coordinator/src coordinator/pool/src coordinator/queue/src worker/src jobs/src --include='*.rs' | grep -vE '^[^:]+:[0-9]+: *//' | grep -vE '^(coordinator/pool/src/supervisor/process.rs|jobs/src/command/process.rs|jobs/src/faults/)'; then
    fail "a process is made outside the supervisor and the command kind"
fi
echo "architecture: ok"
