#!/usr/bin/env bash
# Work that takes longer than a second says how far it is, where standard error is a terminal.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
command -v script >/dev/null || { echo "progress.sh: skipped: script is not installed"; exit 77; }

# references COUNT: to 3000 pages, in an order that looks like none.
references() { awk -v count="$1" 'BEGIN { for (i = 0; i < count; ++i) { x = (x * 1103515245 + 12345) % 2147483648; print x % 3000 } }'; }
# in_terminal COMMAND: what it shows there, with standard output elsewhere.
in_terminal() { run script -qefc "$1 >out.txt" /dev/null; }
milliseconds() { date +%s%3N; }
bar='[#.]{8,}\]  [0-9].*%'

# Short work shows nothing, anywhere.
references 100 >short.txt
in_terminal "'$FAULTLINE' replay short.txt --policy lru --frames 10"
check "short work succeeds" is "$status" 0
check "and shows nothing" is "$stdout" ""

# As much of it as takes two seconds on this machine. Elsewhere than in a terminal it shows nothing.
try() {
  local name=$1 command=$2 count=$3 begin
  for ((; count <= 64000000; count *= 3)); do
    references "$count" >long.txt
    begin=$(milliseconds)
    run bash -c "$command >out.txt"
    check "$name succeeds: $stderr" is "$status" 0
    check "$name shows nothing where there is no terminal" is "$stderr" ""
    (($(milliseconds) - begin < 2000)) || break
  done
  cp out.txt expected.txt
  in_terminal "$command"
  check "$name succeeds in a terminal" is "$status" 0
  check "$name shows a bar: $(head -c 200 .stdout | cat -v)" matches "$stdout" "$bar"
  check "$name takes it away at its end" matches "$stdout" $'\r\e\\[K$'
  check "$name prints the same" cmp -s out.txt expected.txt
}
try replay "'$FAULTLINE' replay long.txt --policy lru,arc,lirs,sieve,car --frames 50..3000+50 -j 1" 10000
try sweep "rm -f out.db; '$FAULTLINE' sweep --policy lru,arc --frames 50..3000+50 --workers 1 -o out.db long.txt" 10000
try "refs convert" "'$FAULTLINE' refs convert long.txt - --to u64" 3000000
try curve "'$FAULTLINE' curve long.txt" 1000000
passed
