#!/usr/bin/env bash
# What keeping a run costs: throughput with the store against --store none, in turns; bytes for each stored outcome;
# how long `runs list` takes on a full store. Exit code 1 where a goal is missed.
# Usage: scripts/bench_store.sh
#   BENCH_TASKS=1000000   tasks of each run        BENCH_ROUNDS=5   runs of each kind, of which the median counts
#   BENCH_RUNS=1000       runs on the full store   BENCH_PROGRAM    a built `coordinator` (else a release build is made)
# Whatever it writes is in a new folder under ${TMPDIR:-/tmp}; what is measured is that disk, too.
set -euo pipefail
cd "$(dirname "$0")/.."
tasks=${BENCH_TASKS:-1000000} rounds=${BENCH_ROUNDS:-5} runs=${BENCH_RUNS:-1000}
program=${BENCH_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --release --workspace --bins
    program=target/release/coordinator
fi
program=$(realpath "$program")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

printf 'kind = "primes"\n[input]\nrange = { from = 0, to = %s }\n' "$tasks" >tiny.toml
printf 'kind = "primes"\n[input]\nnumbers = [7]\n' >one.toml

# A number of a summary.
figure() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" summary.json; }
median() { sort -g | awk '{ all[NR] = $1 } END { print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'; }
# Runs the job with this store; prints tasks a second.
rate() {
    "$program" run tiny.toml --store "$1" --quiet --summary-json summary.json >/dev/null
    figure tasks_per_second
}

rate none >/dev/null # warms caches
for round in $(seq "$rounds"); do
    # In turns, so that a busy moment hits both.
    if [ $((round % 2)) = 1 ]; then
        rate none >>none.txt
        rate "runs-$round.db" >>stored.txt
    else
        rate "runs-$round.db" >>stored.txt
        rate none >>none.txt
    fi
done
none=$(median <none.txt)
stored=$(median <stored.txt)
bytes=$(cat runs-1.db* | wc -c)

for _ in $(seq "$runs"); do
    "$program" run one.toml --store full.db --quiet >/dev/null
done
[ "$("$program" runs list --store full.db --json | wc -l)" = "$runs" ]
for _ in $(seq 11); do
    begin=$(date +%s%N)
    "$program" runs list --store full.db >/dev/null
    echo $((($(date +%s%N) - begin) / 1000)) >>list.txt
done
list=$(median <list.txt)

awk -v none="$none" -v stored="$stored" -v bytes="$bytes" -v tasks="$tasks" -v list="$list" \
    -v runs="$runs" -v rounds="$rounds" '
    function row(what, value, goal, met) {
        printf "| %s | %s | %s | %s |\n", what, value, goal, met ? "met" : "missed"
        if (!met) missed = 1
    }
    BEGIN {
        cost = 100 * (1 - stored / none)
        printf "%d tasks, medians of %d; tasks a second: %.0f without a store, %.0f with one\n\n", tasks, rounds, none, stored
        print "| what | measured | goal | |"
        print "|---|---|---|---|"
        row("throughput that storing costs", sprintf("%.1f %%", cost), "30 % at most", cost <= 30)
        row("bytes on disk for each outcome", sprintf("%.2f", bytes / tasks), "16 at most", bytes / tasks <= 16)
        row("`runs list`, " runs " runs", sprintf("%.1f ms", list / 1000), "100 ms at most", list <= 100000)
        exit missed
    }'
