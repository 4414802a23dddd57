#!/usr/bin/env bash
# Memory pressure as a user asks for it: --frames, --policy, --swap and its file, --scope, --kswapd, errors, the OOM killer.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
plugins=$(find "$(dirname "$FAULTLINE")/tests" -name lifo.so -printf '%h' -quit)

# faults OPTIONS... PROGRAM...: how many page faults the run took, in $faults.
faults() {
  faultline run --stats=stats.json "$@"
  faults=$(sed -n 's/^ *"total": \([0-9]*\),*$/\1/p' stats.json | head -n 1)
}

# --- what is asked for -------------------------------------------------------------------------------------------------
complain() {
  local part=$1
  shift
  faultline run "$@" "$GUESTS/hello-musl"
  expect_complaint 2 "$part"
}
complain '--frames 1: want 2 to 65536 frames' --frames 1
complain '--frames 1G: want 2 to 65536 frames' --frames 1G
complain "--frames: " --frames lots
complain "--swap: " --swap lots
complain 'there is no swap space to keep in it' --swap 0 --swap-file swap
complain "--swap-errors: unknown kind 'erase'" --swap-errors erase=1
complain 'want a number from 1' --swap-errors read=0
complain "--cost: 'fast' is no time" --cost minor=fast
complain "unknown policy 'clok'; did you mean 'clock'?" --policy clok
complain 'needs the future' --policy opt
faultline run --swap-file /nonexistent/swap "$GUESTS/hello-musl"
expect_complaint 125 '/nonexistent/swap: cannot be opened'

# --- textbook behaviour ------------------------------------------------------------------------------------------------
# One page more than frames, again and again: the worst case of LRU, and the best of MRU.
faults --frames 32 --policy lru "$GUESTS/loop-scan-musl" 33 10
lru=$faults
check "a note on what LRU costs" contains "$stderr" "policy lru: needs every reference"
faults --frames 32 --policy mru "$GUESTS/loop-scan-musl" 33 10
check "MRU has fewer faults than LRU ($faults, $lru)" test "$faults" -lt $((lru * 3 / 4))
check "LRU misses each page of each round" test "$lru" -ge 330
# The same sum with a page for each row: by rows each page is needed once, by columns once for each element.
faults --frames 48 --policy clock "$GUESTS/matrix-sum-musl" rows
rows=$faults
faults --frames 48 --policy clock "$GUESTS/matrix-sum-musl" columns
check "columns fault hundreds of times as often ($rows, $faults)" test "$faults" -gt $((rows * 50))
# Enough is enough.
faults "$GUESTS/loop-scan-musl"
plain=$faults
faults --frames 1000 --policy sieve "$GUESTS/loop-scan-musl"
check "with frames to spare nothing changes" is "$faults" "$plain"

# --- a policy of one's own ---------------------------------------------------------------------------------------------
if [[ -e $plugins/lifo.so ]]; then
  faultline run --frames 12 --policy "$plugins/lifo.so" "$GUESTS/loop-scan-musl"
  check "the example runs: $stderr" is "$status" 0
  check "and the program is none the wiser" is "$stdout" "10 rounds of 33 pages: 5280"
  # What it may name wrongly: a page that is not resident, a pinned one, one twice, no page's number, none, ...
  for lie in 1 3 4 5 6 7 8; do
    faultline run --frames 12 --policy "$plugins/liar.so,lie=$lie" "$GUESTS/loop-scan-musl"
    check "a lie (number $lie) ends the run with status 2, not $status" is "$status" 2
    check "one line says what it did: $stderr" matches "$stderr" ': stopped: policy liar [^'"$new_line"']+$'
  done
fi

# --- swap --------------------------------------------------------------------------------------------------------------
faultline run --frames 12 --swap-file swap --swap 1M "$GUESTS/loop-scan-musl"
check "swap in a file: $stderr" is "$status" 0
check "the file has the size of the swap space" is "$(stat -c %s swap)" 1048576
faultline run --frames 12 --swap 0 "$GUESTS/loop-scan-musl"
check "without swap there is no victim" is "$status" 137
check "which is said" contains "$stderr" "Out of memory: Killed process 2 (loop-scan-musl)"
faultline run --frames 12 --swap-errors write=2 "$GUESTS/loop-scan-musl"
check "failed writes cost nothing: $stderr" is "$status" 0
faultline run --frames 12 --swap-errors read=7 "$GUESTS/loop-scan-musl"
check "a page that cannot be read is SIGBUS" is "$status" 135
check "which is said" contains "$stderr" "ended by signal 7 (Bus error)"
for options in '--kswapd on' '--scope per-process' '--mem 640K --swap 1M' '--frames 64K --policy random --seed 9'; do
  # shellcheck disable=SC2086
  faultline run $options "$GUESTS/processes-musl"
  check "$options: $stderr" is "$status" 0
done

# --- real programs -----------------------------------------------------------------------------------------------------
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
  # shellcheck disable=SC2016
  script='i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); done | busybox sort -r | busybox head -n 3; busybox expr 6 \* 7'
  faultline run --bind "$(command -v busybox):/bin/busybox" --env PATH=/bin "$(command -v busybox)" sh -c "$script"
  plain=$stdout
  for policy in fifo linux-2list mglru; do
    faultline run --frames 24 --policy "$policy" --bind "$(command -v busybox):/bin/busybox" --env PATH=/bin \
      "$(command -v busybox)" sh -c "$script"
    check "busybox in 24 frames under $policy: $stderr" is "$stdout" "$plain"
    check "and its status" is "$status" 0
  done
fi

passed
