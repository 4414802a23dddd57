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
number='(null|[0-9]+)' truth='(true|false)'
vma="(null|\{\"start\":$hex,\"end\":$hex,\"prot\":\"[r-][w-][x-][ps]\",\"name\":\"([^\"\\\\]|\\\\.)*\"\})"
line="^\{\"seq\":[0-9]+,\"time\":[0-9]+,\"pid\":[0-9]+,\"tid\":[0-9]+,\"ip\":$hex,\"symbol\":$text,\"source\":$text,"
line+="\"insn\":$text,\"addr\":$hex,\"access\":\"[rwx]\",\"error_code\":[0-9]+,\"mode\":\"(user|kernel)\","
line+="\"kind\":\"[a-z_]+\",\"major\":(true|false),\"cost\":[0-9]+,\"vma\":$vma,\"pfn\":(null|[0-9]+),\"pte_before\":$hex,\"pte_after\":$hex,"
step="\{\"table\":[0-9]+,\"index\":[0-9]+,\"entry\":$hex\}"
line+="\"walk\":\[($step(,$step){0,3})?\],\"tables_allocated\":[0-9]+,\"around\":[0-9]+,\"page_bytes\":(4096|2097152),"
page="\"page\":[0-9]+,\"pid\":$number,\"addr\":(null|$hex),\"file\":$text,\"file_page\":$number"
victim="(null|\{$page,\"dirty\":$truth,\"age\":[0-9]+\})"
work="\{\"evicted\":[0-9]+,\"written\":[0-9]+,\"looked_at\":[0-9]+,\"victim\":$victim\}"
line+="\"reclaim\":(null|$work),\"slot\":$number,\"refault_distance\":$number\}$"

# Processes, their mappings, and how memory is used.
task="^\{\"event\":\"task\",\"time\":[0-9]+,\"kind\":\"(fork|exec|exit)\",\"pid\":[0-9]+,\"parent\":$number,"
task+="\"path\":$text,\"status\":$number,\"signal\":$number\}$"
range="\"start\":$hex,\"end\":$hex"
mapped="\{$range,\"prot\":\"[r-][w-][x-][ps]\",\"name\":\"([^\"\\\\]|\\\\.)*\"\}"
mappings="^\{\"event\":\"mappings\",\"time\":[0-9]+,\"pid\":[0-9]+,\"all\":$truth,"
mappings+="\"gone\":\[(\{$range\}(,\{$range\})*)?\],\"mapped\":\[($mapped(,$mapped)*)?\]\}$"
process="\{\"pid\":[0-9]+,\"anon\":[0-9]+,\"file\":[0-9]+,\"shmem\":[0-9]+,\"swap\":[0-9]+,\"page_tables\":[0-9]+\}"
sample="^\{\"event\":\"sample\",\"time\":[0-9]+,\"free_frames\":[0-9]+,\"user_frames\":[0-9]+,\"used_swap_slots\":[0-9]+,"
sample+="\"free_blocks\":\[[0-9]+(,[0-9]+){10}\],\"processes\":\[($process(,$process)*)?\]\}$"
entry="\{\"level\":[1-4],\"addr\":$hex,\"count\":[0-9]+,\"entry\":$hex\}"
tables="^\{\"event\":\"page_tables\",\"time\":[0-9]+,\"pid\":[0-9]+,\"root\":[0-9]+,\"tables\":[0-9]+,"
tables+="\"left_out\":[0-9]+,\"rows\":\[($entry(,$entry)*)?\]\}$"
machine="$task|$mappings|$sample|$tables"

for program in brk-walk-musl brk-walk-glibc-pie die-null-musl jit-musl stack-depth-glibc; do
  faultline run --trace=first.jsonl --trace-format jsonl "$GUESTS/$program"
  first=$status
  check "$program: every line has all fields in their order" is "$(grep -cvE "$line|$machine" first.jsonl)" 0
  check "$program: sequence numbers count the lines" is \
    "$(sed -nE 's/^\{"seq":([0-9]+),.*/\1/p' first.jsonl)" "$(seq "$(grep -c '^{"seq":' first.jsonl)")"
  check "$program: it begins with the program" contains "$(head -n 1 first.jsonl)" "\"kind\":\"exec\",\"pid\":2"
  check "$program: it ends with the program's end" contains "$(tail -n 1 first.jsonl)" "\"kind\":\"exit\",\"pid\":2"
  check "$program: whose status is the command's" contains "$(tail -n 1 first.jsonl)" "\"status\":$first,"
  check "$program: memory at its end" contains "$(tail -n 3 first.jsonl | head -n 1)" '"event":"sample"'
  check "$program: its page tables" contains "$(tail -n 2 first.jsonl | head -n 1)" '"event":"page_tables"'
  check "$program: time never goes back" is \
    "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl)" "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl | sort -n)"
  faultline run --trace=second.jsonl --trace-format=jsonl "$GUESTS/$program"
  check "$program: the same status again" is "$status" "$first"
  check "$program: the same trace again, byte for byte" cmp -s first.jsonl second.jsonl
done

faultline run --trace=heap.jsonl --trace-format=jsonl "$walk"
heap=$(grep '^{"seq":.*"name":"\[heap\]"' heap.jsonl)
check "three faults in the heap: two pages, and one of them again" is "$(wc -l <<<"$heap")" 3
check "two of them bring a frame" is "$(grep -cF '"kind":"demand_zero"' <<<"$heap")" 2
check "by user code" is "$(grep -cF '"mode":"user"' <<<"$heap")" 3
check "in source lines of the program" is "$(grep -c '"source":"guest-programs/brk-walk.c:[0-9]*"' <<<"$heap")" 3
check "the pages were not there before" is "$(grep -cF '"pte_before":"0x0"' <<<"$heap")" 3

# --- pages that leave -------------------------------------------------------------------------------------------------
occasion="\"time\":[0-9]+,\"for_fault\":$number,\"reason\":\"[a-z]+\",$page,\"pfn\":[0-9]+"
eviction="^\{\"event\":\"eviction\",$occasion,\"dirty\":$truth,\"dropped\":$truth,\"age\":[0-9]+,\"slot\":$number\}$"
write_back="^\{\"event\":\"write_back\",$occasion,\"slot\":$number,\"failed\":$truth\}$"
for options in "--frames 6 --policy fifo" "--frames 8 --policy wsclock,window=1000" "--frames 12 --kswapd on"; do
  read -ra words <<<"$options"
  faultline run "${words[@]}" --trace=first.jsonl --trace-format jsonl "$walk"
  check "$options: the program does not notice" is "$stdout" "$transcript"
  check "$options: each line is an event" is "$(grep -cvE "$line|$eviction|$write_back|$machine" first.jsonl)" 0
  check "$options: faults stay numbered" is "$(sed -nE 's/^\{"seq":([0-9]+),.*/\1/p' first.jsonl)" \
    "$(seq "$(grep -c '^{"seq":' first.jsonl)")"
  check "$options: time never goes back" is \
    "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl)" "$(sed -E 's/.*"time":([0-9]+),.*/\1/' first.jsonl | sort -n)"
  # What left for a fault stands between the fault before it and the fault, which names the first of them.
  check "$options: a fault has as many evictions as stand before it" is "$(awk '
    /"event":"eviction"/ { match($0, /"for_fault":[0-9]+/); if (RLENGTH > 0) left[substr($0, RSTART + 12, RLENGTH - 12)]++ }
    /^{"seq":/ {
      match($0, /[0-9]+/); seq = substr($0, RSTART, RLENGTH); told = 0
      if (match($0, /"evicted":[0-9]+/)) told = substr($0, RSTART + 10, RLENGTH - 10)
      if (told != left[seq] + 0) print seq
    }' first.jsonl)" ""
  faultline run "${words[@]}" --trace=second.jsonl --trace-format=jsonl "$walk"
  check "$options: the same trace again, byte for byte" cmp -s first.jsonl second.jsonl
  faultline run "${words[@]}" --trace=first.txt "$walk"
  check "$options: the text has a line for each fault" is \
    "$(grep -cE '^ +[0-9]+ +[0-9.]+ [a-z_]+ +[rwx] ' first.txt)" "$(grep -c '^{"seq":' first.jsonl)"
  check "$options: the text has a line for each eviction" is \
    "$(grep -cE '^ +[0-9.]+ evict ' first.txt)" "$(grep -c '"event":"eviction"' first.jsonl)"
done

faultline run --frames 6 --policy fifo --trace=short.txt "$walk"
check "at first there are the columns of all traces" is "$(head -n 1 short.txt)" "$header"
check "once pages leave there are more" is "$(grep -c '^  seq ' short.txt)" 2
check "what came back says from where, and after how many evictions" matches \
  "$(grep '^  seq ' short.txt | tail -n 1)" ' slot +refault +looked '
check "a page of a file that leaves" matches "$(<short.txt)" 'evict +clean +0x[0-9a-f]+ of brk-walk-musl page [0-9]+, age '
check "a page that is written to swap" matches "$(<short.txt)" 'evict +dirty +0x[0-9a-f]+ -> slot [0-9]+, age '
check "the line says for whom" matches "$(<short.txt)" 'of pid 2, for fault [0-9]+, frame [0-9a-f]+'
check "the legend counts them" matches "$(<short.txt)" \
  "$(grep -cE '^ +[0-9.]+ evict ' short.txt)  evict +pages left memory: [0-9]+ dirty, which were written out first, [0-9]+ clean"
check "the legend counts what came back" matches "$(<short.txt)" '[0-9]  refault +faults were on a page that had been evicted'
faultline run --frames 8 --policy wsclock,window=1000 --trace=ahead.txt "$walk"
check "a page that is written ahead" matches "$(<ahead.txt)" 'write-back +ahead +0x[0-9a-f]+ -> slot [0-9]+, of pid 2, at fault'
faultline run --frames 6 --policy fifo --swap-errors write=3 --trace=failed.txt "$walk"
check "a write that fails" matches "$(<failed.txt)" 'write-back +failed +0x[0-9a-f]+ -> slot [0-9]+, of pid 2, for fault'
if command -v script >/dev/null; then
  run script -qec "stty cols 80; NO_COLOR=1 TERM=xterm '$FAULTLINE' run --frames 6 --policy fifo --trace '$walk'" /dev/null
  stdout=${stdout//$'\r'/}
  check "on a narrow terminal pages that leave have short lines" matches "$stdout" 'evict +clean +0x[0-9a-f]+ of brk-walk-musl page '
  check "no such line is wider than the terminal" is "$(grep -E '^ +(evict|write-back) ' <<<"$stdout" | awk 'length > 80')" ""
  check "what comes back is told there as well" matches "$stdout" 'seq kind +access +address prot refault by'
fi

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
