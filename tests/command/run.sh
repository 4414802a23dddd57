#!/usr/bin/env bash
# `faultline run` as it is meant to be used: stdout is the guest's, all else goes where it was asked to.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

run run "$GUESTS/hello-musl"
check "hello: exit status" status_is 0
check "hello: its line" has out 'hello from a real Linux program'
check "hello: nothing on stderr" is_empty err
cp out hello.out

run run "$GUESTS/touch-musl" 7
check "arguments reach the program" has out '7 pages read: 7 faults'
run run "$GUESTS/touch-musl" -1
check "an argument that looks like an option is the program's" status_is 1
check "a failed self-check is seen" has out 'CHECK failed'

run run "$GUESTS/die-ud2-glibc"
check "death by signal 4 is status 132" status_is 132

run run --trace "$GUESTS/hello-musl"
check "trace: stdout is the guest's alone" cmp -s out hello.out
check "trace: on stderr" has err demand_zero
check "trace: no colour where there is no terminal" has_not err $'\033'

run run --trace=trace.jsonl --trace-format jsonl --stats=stats.json "$GUESTS/brk-walk-musl"
check "files: exit status" status_is 0
check "files: nothing on stderr" is_empty err
check "stats: a JSON object" grep -q '^{' stats.json
json_lines() { ! grep -vq '^{.*}$' "$1"; }
check "trace: each line is an object" json_lines trace.jsonl
for field in seq time pid tid ip symbol source insn addr access error_code mode kind vma pfn pte_before pte_after \
  tables_allocated; do
  check "trace: field $field in every line" \
    [ "$(grep -cF "\"$field\":" trace.jsonl || true)" = "$(wc -l <trace.jsonl)" ]
done
heap_faults() { grep -E '"name": ?"\[heap\]"' trace.jsonl | grep -cE '"kind": ?"demand_zero"'; }
# Two pages, and the first one again after the heap was given back.
check "brk-walk: one demand-zero fault for each first touch" [ "$(heap_faults || true)" = 3 ]
check "brk-walk: each of them has a source line" \
  [ "$(grep -E '"name": ?"\[heap\]"' trace.jsonl | grep -c 'brk-walk.c:' || true)" = 3 ]

run run --strace "$GUESTS/hello-musl"
check "strace: stdout is the guest's alone" cmp -s out hello.out
check "strace: names a call" has err exit_group

run run --env GREETING=hello "$GUESTS/hello-musl"
check "env: accepted" status_is 0

finish
