#!/usr/bin/env bash
# Traces as a user reads them.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
walk=$GUESTS/brk-walk-musl

faultline run "$walk"
transcript=$stdout
check "the program succeeds" is "$status" 0

# --- text ------------------------------------------------------------------------------------------------------------
faultline run --trace "$walk"
check "stdout is the guest's" is "$stdout" "$transcript"
check "a trace that goes nowhere near a terminal has no colour" lacks "$stderr" $'\e'
header=$(head -n 1 .stderr)
for title in seq time kind access address error mapping prot pfn "pte before" "pte after" tables by source instruction; do
  check "the header has a column $title" contains "$header" "$title"
done
# The heap's two pages arrive by their first touch, with the line of the program that touched them.
heap=$(grep -F '[heap]' .stderr | grep -F demand_zero)
check "each page of the heap arrives with one fault" is "$(wc -l <<<"$heap")" 2
check "the faulting function is named" matches "$heap" 'main\+0x[0-9a-f]+ '
check "the source line is named" matches "$heap" 'brk-walk\.c:[0-9]+ '
check "the instruction is shown" matches "$heap" 'mov byte ptr \[r'
check "the legend explains what occurred" matches "$stderr" '[0-9]  demand_zero +first write'
check "the legend leaves out what did not" lacks "$stderr" "segv_maperr"

# The pages around a file's fault.
faultline run --trace=around.txt "$walk"
with=$(grep -c ' file_m' around.txt)
faultline run --trace=alone.txt --fault-around 0 "$walk"
check "without fault-around the program runs as before" is "$stdout" "$transcript"
check "and each page of a file is a fault of its own" test "$(grep -c ' file_m' alone.txt)" -gt "$with"

faultline run --trace=trace.txt "$walk"
check "the trace is in the file" is "$(head -n 1 trace.txt)" "$header"
check "and not on stderr" is "$stderr" ""
check "stdout is the guest's" is "$stdout" "$transcript"

# On a terminal: colours, unless NO_COLOR or TERM says otherwise, and lines that fit.
if command -v script >/dev/null; then
  on_terminal() {
    run script -qec "stty cols 120; $1 '$FAULTLINE' run --trace '$walk'" /dev/null
    # The terminal has turned each line's end into two characters.
    stdout=${stdout//$'\r'/}
  }
  on_terminal "env -u NO_COLOR TERM=xterm"
  check "a terminal gets colours" contains "$stdout" $'\e['
  check "kinds are coloured" matches "$stdout" $'\e\\[[0-9;]+mdemand_zero'
  for setting in "NO_COLOR=1 TERM=xterm" "TERM=dumb" "-u TERM"; do
    on_terminal "env $setting"
    check "$setting: no colours" lacks "$stdout" $'\e'
    check "$setting: the trace is there" contains "$stdout" demand_zero
    check "$setting: no fault's line is wider than the terminal" is \
      "$(grep -E '^ +(seq|[0-9]+) ' <<<"$stdout" | grep -vE '^ +[0-9]+  ' | awk 'length > 120')" ""
  done
fi

# A fatal fault is in the trace, also in what was written when the program died.
faultline run --trace=death.txt "$GUESTS/die-null-musl"
check "the status is the guest's" is "$status" 139
check "the fatal fault is in the trace" matches "$(<death.txt)" 'segv_maperr +w user +0x0 .*no mapping'
check "the legend tells what it led to" contains "$(<death.txt)" "SIGSEGV (SEGV_MAPERR)"

# --- JSON lines ------------------------------------------------------------------------------------------------------
hex='"0x[0-9a-f]+"'
text='(null|"([^"\\]|\\.)*")'
vma="(null|\{\"start\":$hex,\"end\":$hex,\"prot\":\"[r-][w-][x-][ps]\",\"name\":\"([^\"\\\\]|\\\\.)*\"\})"
line="^\{\"seq\":[0-9]+,\"time\":[0-9]+,\"pid\":[0-9]+,\"tid\":[0-9]+,\"ip\":$hex,\"symbol\":$text,\"source\":$text,"
line+="\"insn\":$text,\"addr\":$hex,\"access\":\"[rwx]\",\"error_code\":[0-9]+,\"mode\":\"(user|kernel)\","
line+="\"kind\":\"[a-z_]+\",\"vma\":$vma,\"pfn\":(null|[0-9]+),\"pte_before\":$hex,\"pte_after\":$hex,"
line+="\"tables_allocated\":[0-9]+\}$"

for program in brk-walk-musl brk-walk-glibc-pie die-null-musl jit-musl stack-depth-glibc; do
  faultline run --trace=first.jsonl --trace-format jsonl "$GUESTS/$program"
  first=$status
  check "$program: every line has all fields in their order" is "$(grep -cvE "$line" first.jsonl)" 0
  check "$program: sequence numbers count the lines" is \
    "$(sed -E 's/^\{"seq":([0-9]+),.*/\1/' first.jsonl)" "$(seq "$(wc -l <first.jsonl)")"
  check "$program: time never goes back" is \
    "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl)" "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl | sort -n)"
  faultline run --trace=second.jsonl --trace-format=jsonl "$GUESTS/$program"
  check "$program: the same status again" is "$status" "$first"
  check "$program: the same trace again, byte for byte" cmp -s first.jsonl second.jsonl
done

faultline run --trace=heap.jsonl --trace-format=jsonl "$walk"
heap=$(grep -F '"name":"[heap]"' heap.jsonl)
check "three faults in the heap: two pages, and one of them again" is "$(wc -l <<<"$heap")" 3
check "two of them bring a frame" is "$(grep -cF '"kind":"demand_zero"' <<<"$heap")" 2
check "by user code" is "$(grep -cF '"mode":"user"' <<<"$heap")" 3
check "in source lines of the program" is "$(grep -c '"source":"guest-programs/brk-walk.c:[0-9]*"' <<<"$heap")" 3
check "the pages were not there before" is "$(grep -cF '"pte_before":"0x0"' <<<"$heap")" 3

# The trace on stderr is the trace in the file.
faultline run --trace --trace-format=jsonl "$walk"
check "stderr holds the same trace" cmp -s .stderr heap.jsonl

# --- several programs -------------------------------------------------------------------------------------------------
busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  faultline run --trace=both.txt --bind "$GUESTS:/guests" "$busybox" sh -c '/guests/brk-walk-musl; /guests/touch-musl'
  check "the programs of a shell run" is "$status" 0
  check "a line says when another task faults" contains "$(<both.txt)" $'\n  [pid     3]\n'
  check "the first program's lines are named" matches "$(grep -F 'brk-walk.c:' both.txt)" 'main\+0x[0-9a-f]+ '
  check "and the second's" matches "$(grep -F 'touch.c:' both.txt)" '[a-z_]+\+0x[0-9a-f]+ '
fi

# --- system calls ----------------------------------------------------------------------------------------------------
faultline run --strace "$walk"
check "--strace: stdout is the guest's" is "$stdout" "$transcript"
for call in brk write exit_group; do
  check "--strace reports $call" contains "$stderr" "$call("
done
faultline run --strace --trace "$walk"
check "--strace beside --trace" contains "$stderr" "exit_group("
check "--trace beside --strace" contains "$stderr" "demand_zero"
check "whole lines of each" is "$(grep -c 'demand_zero.*(.*) *=' .stderr)" 0
passed
