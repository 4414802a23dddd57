#!/usr/bin/env bash
# faultline run --record: the reference string of a run, as a user asks for it.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

row() { sed -n "s/^$1 \+//p" .stdout; }

faultline run "$GUESTS/matrix-sum-musl"
plain=$stdout
faultline run --record a.refs "$GUESTS/matrix-sum-musl"
check "status" is "$status" 0
check "the program says what it says without" is "$stdout" "$plain"
check "stderr" is "$stderr" ""
faultline run --record=b.refs "$GUESTS/matrix-sum-musl"
check "the same run gives the same bytes" cmp a.refs b.refs

faultline refs info a.refs
check "info: status" is "$status$stderr" 0
check "info: what was recorded" contains "$stdout" "$GUESTS/matrix-sum-musl"
check "info: by whom" contains "$stdout" "faultline "
check "info: not damaged" is "$(row damage)" none
check "info: fetches, reads and writes" matches "$(row references)" "^[0-9]+: [1-9][0-9]+ fetches, [1-9][0-9]+ reads, [1-9][0-9]+ writes$"
# Two bytes for ten references is what is promised.
bytes=$(stat -c %s a.refs)
references=$(row references)
references=${references%%:*}
check "small: $bytes bytes for $references references" test $((bytes * 10)) -le $((references * 2))
faultline refs head -n 6 a.refs
check "head: it begins with the program" contains "$stdout" "exec"
check "head: and its pages" contains "$stdout" "$GUESTS/matrix-sum-musl"

# With as little memory as the replay has, the run brings in as many pages, and evicts as many.
# number PATTERN FILE: the number behind the pattern, blanks aside.
number() { tr -d ' \n' <"$2" | sed "s/.*$1\([0-9]*\).*/\1/"; }
column() { awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) at = i } NR == 2 { print $at }' "$2"; }
for policy in fifo lru clock; do
  run "$FAULTLINE" run --frames 32 --policy $policy --fault-around 0 --cost minor=0ns,major=0ns --stats=stats.json \
    "$GUESTS/matrix-sum-musl"
  check "live: status" is "$status" 0
  faultline replay a.refs --policy $policy --frames 32 --csv replay.csv
  check "replay: status" is "$status" 0
  check "replay: the policy comes first" contains "$(column policy replay.csv)" $policy
  check "$policy: pages brought in" is "$(column faults replay.csv)" "$(number '"admitted":' stats.json)"
  clean=$(column clean_evictions replay.csv)
  check "$policy: evictions" is $((clean + $(column dirty_evictions replay.csv))) "$(number '"evictions":{"total":' stats.json)"
  check "$policy: there were some" test "$clean" -gt 0
done

# Processes, and what they map.
faultline run --record fork.refs "$GUESTS/processes-musl"
check "fork: status" is "$status" 0
faultline refs convert fork.refs -  --to text
check "fork: told" matches "$stdout" "fork 2 3"
check "exit: told" contains "$stdout" "exit 2"
check "mappings: told" matches "$stdout" "map 2 0x[0-9a-f]+ [0-9]+ r-xp "
check "processes: told" contains "$stdout" "process 2"

# What is cut off is good up to there.
faultline run --record long.refs --max-instructions 30000000 "$GUESTS/bench-compute-musl" 1000000000
check "a run that is stopped is recorded whole" is "$status" 124
faultline refs info long.refs
check "stopped: not damaged" is "$(row damage)" none
faultline run --record blocks.refs "$GUESTS/malloc-mix-musl"
head -c $(($(stat -c %s blocks.refs) / 2)) blocks.refs >cut.refs
faultline refs info cut.refs
check "cut: status" is "$status" 0
check "cut: one line" one_line "$stderr"
check "cut: it says where" matches "$stderr" "cut off at byte [0-9]+"

# What goes wrong.
faultline run --record no/such/folder.refs "$GUESTS/hello-musl"
expect_complaint 2 "no/such/folder.refs"
faultline run --record same --trace=same "$GUESTS/hello-musl"
expect_complaint 2 "same: cannot hold both"
faultline run --record
expect_complaint 2 "--record"
faultline run --record left.refs ./no-such-program
check "a program that cannot be started" is "$status" 125
check "leaves no file behind" missing left.refs
cp "$GUESTS/hello-musl" program
faultline run --record program ./program
expect_complaint 2 "is the program itself"
check "the program is still there" cmp program "$GUESTS/hello-musl"
faultline run --record /dev/full "$GUESTS/matrix-sum-musl"
check "a full disk: status $status" test "$status" -ne 0
check "a full disk: one line" one_line "$stderr"
check "a full disk: said" contains "$stderr" "/dev/full: the recording could not be written"

passed
