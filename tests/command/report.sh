#!/usr/bin/env bash
# Reports: one HTML page of a run, of a trace, of replays. What is on it is looked at in tests/browser.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/hello-musl" hello
faultline run ./hello
greeting=$stdout

is_page() { [[ $(head -n 1 "$1") == '<!DOCTYPE html>' && $(tail -n 1 "$1") == '</html>' ]]; }

# Of a run, alone and beside a trace; the program's output is its own.
faultline run --report out.html ./hello
check "run: status" is "$status" 0
check "run: the program's output" is "$stdout" "$greeting"
check "run: nothing on stderr" is "$stderr" ""
check "run: a page" is_page out.html
check "run: its title" contains "$(<out.html)" "<title>./hello</title>"
faultline run --report both.html --trace=both.jsonl --trace-format jsonl ./hello
check "with a trace: status" is "$status" 0
check "with a trace: the same page" cmp -s out.html both.html
faultline run --trace=alone.jsonl --trace-format jsonl ./hello
check "with a report: the same trace" cmp -s both.jsonl alone.jsonl
faultline run --report again.html ./hello
check "the same run gives the same page" cmp -s out.html again.html
faultline run --report few.html --dump-mm=dump.txt --frames 16 --stats=stats.json --strace=calls.txt \
  "$GUESTS/loop-scan-musl"
check "with all other outputs: status" is "$status" 0
check "with all other outputs: a page" is_page few.html
check "and they have theirs" matches "$(<dump.txt)" mm_struct
faultline run --report limited.html --max-instructions 100000 "$GUESTS/malloc-mix-musl"
check "a run that a limit ended has a page" is_page limited.html
check "and its status" is "$status" 124
faultline run --report died.html "$GUESTS/die-null-musl"
check "a program that died has a page" is_page died.html
check "and its status" is "$status" 139

# Of a trace.
faultline report both.jsonl
check "report: status" is "$status" 0
check "report: prints nothing" is "$stdout$stderr" ""
check "report: beside the trace" is_page both.html
faultline report both.jsonl -o other.html
check "report -o: the same" cmp -s both.html other.html
faultline report both.jsonl -o -
check "report -o -: the same on standard output" cmp -s both.html .stdout
"$FAULTLINE" report - -o piped.html <both.jsonl
check "report -: from standard input" is_page piped.html
printf 'old' >target.html
ln -s target.html link.html
faultline report both.jsonl -o link.html
check "a link stays one" test -L link.html
check "and its target is replaced" is_page target.html

# What is wrong with a trace is told in one line, and loses nothing.
printf 'precious' >kept.html
faultline report nowhere.jsonl -o kept.html
expect_complaint 2 "nowhere.jsonl: cannot be opened"
printf 'this is no trace\n' >bad.jsonl
faultline report bad.jsonl -o kept.html
expect_complaint 2 "bad.jsonl"
faultline report - </dev/null
expect_complaint 2 "needs -o FILE"
faultline report both.jsonl -o both.jsonl
expect_complaint 2 "cannot be read and replaced at once"
mkdir -p folder
faultline report both.jsonl -o folder
expect_complaint 2 "folder: is a folder"
faultline report both.jsonl -o nowhere/out.html
check "a folder that is not there: status" matches "$status" '^[12]$'
check "a folder that is not there: one line" one_line "$stderr"
faultline report
expect_complaint 2 "TRACE"
check "the old file is untouched" is "$(<kept.html)" precious
head -c $(($(wc -c <both.jsonl) - 40)) both.jsonl >cut.jsonl
faultline report cut.jsonl
expect_complaint 1 "cut.jsonl"
check "what stands before the damage is shown" is_page cut.html
faultline report both.jsonl -o /dev/full
expect_complaint 1 "No space left on device"

# Outputs of a run are opened before it; nothing is left where it could not start.
faultline run --report page.html ./nowhere
expect_complaint 125 ./nowhere
check "no page of a program that is not there" missing page.html
faultline run --report same --trace=./same ./hello
expect_complaint 2 "cannot hold both the trace and the report"
check "nothing is left behind" missing same
faultline run --report
expect_complaint 2 "--report"
# The page does not fit: no half of one stays.
(ulimit -f 8 && "$FAULTLINE" run --report large.html ./hello >.stdout 2>.stderr) && status=0 || status=$?
check "a page that cannot be written: status" is "$status" 1
check "a page that cannot be written: one line" contains "$(<.stderr)" \
  "large.html: the report could not be written: File too large"
check "a page that cannot be written: nothing is left" missing large.html

# Of replays.
echo "1 2 3 4 1 2 5 1 2 3 4 5" >belady.txt
faultline replay belady.txt --policy fifo,lru --frames all
table=$stdout
faultline replay belady.txt --policy fifo,lru --frames all --report replay.html
check "replay: status" is "$status" 0
check "replay: the table is the same" is "$stdout" "$table"
check "replay: a page" is_page replay.html
faultline replay belady.txt --policy lru --frames 3 --explain --report replay.html
expect_complaint 2 "--explain"
faultline replay belady.txt --policy lru --frames 3 --report nowhere/replay.html
check "replay: a folder that is not there" is "$status" 1
check "replay: one line" contains "$stderr" "nowhere/replay.html"

# Names from outside cannot break out of the page.
cp hello '<script>x()&"'
faultline run --report names.html './<script>x()&"'
check "a program's name in the title" contains "$(<names.html)" '<title>./&lt;script&gt;x()&amp;&quot;</title>'
check "and nowhere as it is" lacks "$(<names.html)" '<script>x()'
passed
