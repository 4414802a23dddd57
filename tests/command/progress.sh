#!/usr/bin/env bash
# Work that takes longer than a second says how far it is, where standard error is a terminal.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
command -v script >/dev/null || { echo "progress.sh: skipped: script is not installed"; exit 77; }

# references COUNT: to 3000 pages, in an order that looks like none.
references() { awk -v count="$1" 'BEGIN { for (i = 0; i < count; ++i) { x = (x * 1103515245 + 12345) % 2147483648; print x % 3000 } }'; }
# in_terminal COMMAND: what it shows there, with standard output elsewhere.
in_terminal() { run script -qefc "$1" /dev/null; }
bar='[#.]{8,}\]  [0-9].*%'

# Short work shows nothing, anywhere.
references 100 >short.txt
in_terminal "'$FAULTLINE' replay short.txt --policy lru --frames 10 >out.txt"
check "short work succeeds" is "$status" 0
check "and shows nothing" is "$stdout" ""

# interrupted COMMAND: the same, but that it stands still for more than a second on the way, as under Ctrl-Z; so work that
# is short as such takes long. COMMAND is one command, whose process is stopped.
interrupted() {
  in_terminal "$1 & sleep 0.2; kill -STOP \$! 2>&-; sleep 1.1; kill -CONT \$! 2>&-; wait \$!"
}

# try NAME COMMAND COUNT: COMMAND works on `long.txt`, COUNT references, or more where it would be done before it is
# stopped. Elsewhere than in a terminal it shows nothing.
try() {
  local name=$1 command="$2 >out.txt" count=$3
  for ((; count <= 64000000; count *= 3)); do
    references "$count" >long.txt
    rm -f out.db
    run bash -c "$command"
    check "$name succeeds: $stderr" is "$status" 0
    check "$name shows nothing where there is no terminal" is "$stderr" ""
    cp out.txt expected.txt
    rm -f out.db
    interrupted "$command"
    check "$name succeeds in a terminal" is "$status" 0
    [[ -z $stdout ]] || break
  done
  check "$name shows a bar: $(head -c 200 .stdout | cat -v)" matches "$stdout" "$bar"
  check "$name takes it away at its end" matches "$stdout" $'\r\e\\[K$'
  check "$name prints the same" cmp -s out.txt expected.txt
}
try replay "'$FAULTLINE' replay long.txt --policy lru,arc,lirs,sieve,car --frames 50..3000+50 -j 1" 10000
try sweep "'$FAULTLINE' sweep --policy lru,arc --frames 50..3000+50 --workers 1 -o out.db long.txt" 10000
try "refs convert" "'$FAULTLINE' refs convert long.txt - --to u64" 3000000
try curve "'$FAULTLINE' curve long.txt" 1000000
passed
