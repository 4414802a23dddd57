#!/usr/bin/env bash
# --stats, for people and as JSON.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
walk=$GUESTS/brk-walk-musl

# number NAME [AFTER]: the number of a field of stats.json; AFTER is the object that it is in.
number() { sed -nE "/\"${2:-}/,\$ s/.*\"$1\": ([0-9]+),?\$/\1/p" stats.json | head -n 1; }

faultline run --stats=stats.json --trace=trace.jsonl --trace-format jsonl "$walk"
check "the program succeeds" is "$status" 0
check "nothing on stderr" is "$stderr" ""
check "faults: as many as were traced" is "$(number total faults)" "$(wc -l <trace.jsonl)"
for kind in demand_zero zero_page file_minor file_major cow segv_maperr; do
  check "faults by kind: $kind" is "$(number $kind by_kind)" "$(grep -cF "\"kind\":\"$kind\"" trace.jsonl || true)"
done
check "minor and major are all of them" is \
  "$(($(number minor faults) + $(number major faults)))" "$(number total faults)"
check "256 MiB by default" is "$(number total memory_pages)" 65536
check "page tables" test "$(number page_tables memory_pages)" -ge 4
check "peak" test "$(number peak memory_pages)" -ge "$(number used memory_pages)"
free=0 order=0
while read -r count; do
  free=$((free + (count << order)))
  order=$((order + 1))
done < <(sed -n '/buddy_free_blocks/,/\]/ s/^ *\([0-9]*\),*$/\1/p' stats.json)
check "eleven orders of free blocks" is "$order" 11
check "used and free frames are all frames" is "$((free + $(number used memory_pages)))" 65536
check "resident pages" is "$(number total resident_pages)" \
  "$(($(number anonymous resident_pages) + $(number file resident_pages)))"
check "high water" test "$(number high_water resident_pages)" -ge "$(number total resident_pages)"
check "virtual size" test "$(number total virtual_pages)" -ge "$(number total resident_pages)"
check "instructions are counted" test "$(number instructions)" -gt 1000
check "system calls are counted" test "$(number system_calls)" -gt 10
check "TLB fills" test "$(number fills tlb)" -ge "$(number total faults)"
check "wall time" test "$(number wall_time_ns)" -gt 0
check "the exit status" is "$(number exit_status)" 0
check "no signal" contains "$(<stats.json)" '"signal": null'

faultline run --clock host --stats=stats.json "$walk"
check "--clock host: instructions are not counted" contains "$(<stats.json)" '"instructions": null'
faultline run --stats=stats.json "$GUESTS/die-null-musl"
check "a death is in the statistics" is "$(number signal)" 11
check "and its status" is "$(number exit_status)" 139

faultline run --stats "$walk"
text=$stderr
faultline run "$walk"
plain=$stdout
faultline run --stats "$walk"
check "stdout is the guest's" is "$stdout" "$plain"
for part in "page faults" demand_zero minor major frames "256 MiB" "page tables" "free frames" mappings \
  "virtual pages" "resident pages" instructions "system calls" "TLB fills" "TLB flushes" "virtual time" "wall time"; do
  check "the text has: $part" contains "$text" "$part"
done
check "kinds that did not occur are left out" lacks "$text" segv_maperr
faultline run --stats --clock host "$walk"
check "--clock host says that instructions are not counted" matches "$stderr" 'instructions +not counted'

# Apart from the host's time, the same run has the same numbers.
faultline run --stats=stats.json "$walk"
grep -v wall_time_ns stats.json >first
faultline run --stats=stats.json "$walk"
grep -v wall_time_ns stats.json >second
check "the same numbers in every run" cmp -s first second
passed
