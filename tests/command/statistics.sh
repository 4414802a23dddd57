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
check "faults: as many as were traced" is "$(number total faults)" "$(grep -c '^{"seq":' trace.jsonl)"
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

# --- replacement -----------------------------------------------------------------------------------------------------
# Without pressure people are not told of it.
for part in replacement swap "working set" "effective access time"; do
  check "without pressure the text lacks: $part" lacks "$text" "$part"
done
faultline run --stats=stats.json "$walk"
check "no limit" contains "$(<stats.json)" '"limit": null'
check "nothing left" is "$(number total evictions)" 0
check "swap is there all the same" is "$(number slots swap)" 65536

# What the trace shows is what is counted.
count() { grep -c "$1" trace.jsonl || true; }
eviction='"event":"eviction",.*'
write_back='"event":"write_back",.*'
while read -r options; do
  read -ra words <<<"$options"
  faultline run "${words[@]}" --stats=stats.json --trace=trace.jsonl --trace-format jsonl "$walk"
  check "$options: pages leave" test "$(number total evictions)" -gt 0
  check "$options: evictions" is "$(number total evictions)" "$(count "$eviction")"
  check "$options: dirty ones" is "$(number dirty evictions)" "$(count "$eviction\"dirty\":true")"
  check "$options: clean ones" is "$(number clean evictions)" "$(count "$eviction\"dirty\":false")"
  check "$options: dropped ones" is "$(number dropped evictions)" "$(count "$eviction\"dropped\":true")"
  for reason in fault shrink kswapd advice; do
    check "$options: evictions by reason: $reason" is \
      "$(number $reason by_reason)" "$(count "$eviction\"reason\":\"$reason\"")"
  done
  check "$options: written ahead" is \
    "$(number written_ahead replacement)" "$(count "$write_back\"reason\":\"ahead\".*\"failed\":false")"
  check "$options: failed writes" is "$(number failed_writes replacement)" "$(count "$write_back\"failed\":true")"
  check "$options: dirty pages are written before they leave" is "$(number dirty evictions)" \
    "$(grep "$write_back\"failed\":false" trace.jsonl | grep -vc '"reason":"ahead"')"
  check "$options: faults" is "$(number total faults)" "$(count '^{"seq":')"
  check "$options: faults of replacement are those that succeeded" is "$(number faults replacement)" \
    "$(($(number minor faults) + $(number major faults)))"
  if [[ $options == *--frames* ]]; then
    check "$options: the limit" is "$(number limit replacement)" "${words[1]}"
    check "$options: it was kept" test "$(number peak frames)" -le "${words[1]}"
  fi
done <<'END'
--frames 6 --policy fifo
--frames 6 --policy clock
--frames 8 --policy wsclock,window=1000
--frames 6 --policy lru
--frames 10 --policy pff,threshold=1000
--frames 12 --kswapd on
--frames 6 --swap-errors write=3
END

# equal A B: two numbers that may have been rounded.
equal() { awk -v a="$1" -v b="$2" 'BEGIN { exit !((a - b) ^ 2 <= (1e-9 * b) ^ 2) }'; }
access_time() { sed -nE 's/.*"time_ns": ([0-9.e+]+),?$/\1/p' stats.json; }
expected_access_time() {
  awk -v references="$1" -v minor="$(number minor faults)" -v major="$(number major faults)" 'BEGIN {
    printf "%.17g\n", ((references - minor - major) * 2 + minor * 1000 + major * 3000000) / references }'
}
costs=memory=2ns,minor=1us,major=3ms

# A policy that needs every reference has them counted.
faultline run --frames 8 --policy lru --cost $costs --stats=stats.json "$walk"
references=$(number references replacement)
check "references are counted" test "$references" -gt "$(number faults replacement)"
check "hits are what is no fault" is \
  "$(number hits replacement)" "$((references - $(number minor faults) - $(number major faults)))"
check "the access time is of these references" is "$(number references effective_access)" "$references"
check "and says so" contains "$(<stats.json)" '"counted": "references"'
check "the access time" equal "$(access_time)" "$(expected_access_time "$references")"
check "the costs are in the statistics" is \
  "$(number memory_ns) $(number minor_ns) $(number major_ns)" "2 1000 3000000"
faultline run --frames 8 --policy lru --cost $costs --stats "$walk"
check "the text has the references" matches "$stderr" "references +$references   each of them counted"
check "the text has the access time" contains "$stderr" "of $references references"

# Others are told of none; each instruction is taken for one.
faultline run --frames 8 --policy fifo --cost $costs --stats=stats.json "$walk"
check "references are not counted" contains "$(<stats.json)" '"references": null'
check "nor are hits" contains "$(<stats.json)" '"hits": null'
check "the access time is of instructions" is "$(number references effective_access)" "$(number instructions)"
check "and says so" contains "$(<stats.json)" '"counted": "instructions"'
check "the access time" equal "$(access_time)" "$(expected_access_time "$(number instructions)")"
faultline run --clock host --frames 8 --policy fifo --stats=stats.json "$walk"
check "where nothing is counted, nothing is said" contains "$(<stats.json)" '"time_ns": null'

# The working set over time, and the text of it all.
faultline run --frames 6 --policy fifo --stats=stats.json "$walk"
samples=$(sed -n '/"pages": \[/,/\]/ s/^ *\([0-9]*\),*$/\1/p' stats.json)
check "samples were taken" test "$(wc -l <<<"$samples")" -gt 1
check "no more than there are intervals" test \
  "$(wc -l <<<"$samples")" -le "$(($(number virtual_time_ns) / $(number interval_ns working_set)))"
faultline run --frames 6 --policy fifo --stats "$walk"
check "no bar is lost" is "$(grep -oE '▁|▂|▃|▄|▅|▆|▇|█' .stderr | wc -l)" "$(wc -l <<<"$samples")"
check "the highest bar is full" matches "$stderr" 'over time .*█'
check "the samples" matches "$stderr" "samples +$(wc -l <<<"$samples")$new_line"
check "the smallest" matches "$stderr" "least +$(sort -n <<<"$samples" | head -n 1) "
check "the largest" matches "$stderr" "most +$(sort -n <<<"$samples" | tail -n 1) "
check "the mean" matches "$stderr" \
  "mean +$(awk '{ sum += $1 } END { printf "%.1f", sum / NR }' <<<"$samples")$new_line"
for part in "policy +fifo: " "frames allowed +6 " "references +not counted" "refaults +[0-9]+ +[0-9.]+ %" \
  "evictions +$(number total evictions) +$(number dirty evictions) dirty, $(number clean evictions) clean" \
  "for a frame +$(number fault by_reason)" "slots +65536 " "reads +$(number reads swap)" "major fault +100.000 us"; do
  check "the text has: $part" matches "$stderr" "$part"
done
faultline run --swap 0 --frames 12 --stats "$walk"
check "without swap" matches "$stderr" 'slots +none'

# Apart from the host's time, the same run has the same numbers.
faultline run --stats=stats.json "$walk"
grep -v wall_time_ns stats.json >first
faultline run --stats=stats.json "$walk"
grep -v wall_time_ns stats.json >second
check "the same numbers in every run" cmp -s first second
passed
