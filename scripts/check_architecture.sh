#!/usr/bin/env bash
# The borders between the crates (docs/architecture.md), enforced.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "architecture: $1" >&2; exit 1; }

# Everything that a crate depends on, directly and indirectly, without its tests.
tree() { cargo tree --offline --package "$1" --edges normal --prefix none --format '{p}' | cut -d' ' -f1 | sort -u; }

for crate in clap image tokio async-std smol futures; do
    if tree protocol | grep -qx "$crate"; then fail "protocol depends on $crate"; fi
done
for crate in coordinator worker jobs; do
    if tree protocol | grep -qx "$crate"; then fail "protocol depends on $crate"; fi
done
for crate in coordinator worker; do
    if tree jobs | grep -qx "$crate"; then fail "jobs depends on $crate"; fi
done
if tree worker | grep -qx coordinator; then fail "worker depends on coordinator"; fi
[ "$(tree protocol | wc -l)" -le 60 ] || fail "protocol's tree has grown: $(tree protocol | wc -l) crates"

# The queue reads no clock and does no I/O.
if grep -rnE 'std::(fs|net|io|thread|process|time::(Instant|SystemTime))|nix::|rustix::' coordinator/src/queue --include='*.rs' | grep -v '/sim'; then
    fail "the queue acts"
fi
# The codec is named in one module.
if grep -rnE 'bincode::(config|encode|decode|borrow_decode)' protocol coordinator worker jobs --include='*.rs' | grep -v 'protocol/src/codec.rs' | grep -vE 'bincode::(Encode|Decode|BorrowDecode)'; then
    fail "bincode is used outside protocol/src/codec.rs"
fi
# The supervisor makes the workers, the command kind its tasks' programs; faults rehearses.
if grep -rnE '(process::)?Command::new\(' protocol/src coordinator/src worker/src jobs/src --include='*.rs' | grep -vE '^[^:]+:[0-9]+: *//' | grep -vE '^(coordinator/src/supervisor/process.rs|jobs/src/command/process.rs|jobs/src/faults/)'; then
    fail "a process is made outside the supervisor and the command kind"
fi
echo "architecture: ok"
