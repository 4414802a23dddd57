#!/usr/bin/env bash
# Traces in other formats, live and converted.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${CHECK_TRACE_EVENTS:?}" "${SOURCES:?the project}"
walk=$GUESTS/brk-walk-musl
processes=$GUESTS/processes-musl

# --- converted is what the run would have written ----------------------------------------------------------------------
faultline run "$processes"
transcript=$stdout
pressure=(--frames 10 --policy fifo)
faultline run "${pressure[@]}" --trace=t.jsonl --trace-format jsonl "$processes"
check "the program runs as without a trace" is "$stdout" "$transcript"
for format in text:txt csv:csv perfetto:json jsonl:jsonl; do
  name=${format%:*} file=live.${format#*:}
  faultline run "${pressure[@]}" --trace="$file" --trace-format "$name" "$processes"
  check "$name: the program runs as without a trace" is "$stdout" "$transcript"
  faultline trace convert t.jsonl "converted.${file#live.}"
  check "$name: status" is "$status" 0
  check "$name: nothing is said" is "$stdout$stderr" ""
  check "$name: the suffix says the format, and the bytes are the run's" cmp -s "$file" "converted.${file#live.}"
  faultline trace convert t.jsonl - --format "$name"
  check "$name: to standard output" cmp -s .stdout "$file"
  # shellcheck disable=SC2016  # the inner shell's
  run bash -c '"$1" trace convert - - --format "$2" <t.jsonl' - "$FAULTLINE" "$name"
  check "$name: from standard input" cmp -s .stdout "$file"
done
faults=$(grep -c '^{"seq":' t.jsonl)
evictions=$(grep -c '^{"event":"eviction"' t.jsonl)
write_backs=$(grep -c '^{"event":"write_back"' t.jsonl)
check "there are faults, evictions and write-backs to look for" test "$faults" -gt 50 -a "$evictions" -gt 10 -a "$write_backs" -gt 2

# --- processes and memory ------------------------------------------------------------------------------------------------
check "a fork" matches "$(<t.jsonl)" '"event":"task","time":[0-9]+,"kind":"fork","pid":3,"parent":2,'
check "no process is its own parent" lacks "$(<t.jsonl)" '"kind":"fork","pid":2,'
check "every process that began has ended" is "$(grep -c '"kind":"fork"' t.jsonl)" "$(($(grep -c '"kind":"exit"' t.jsonl) - 1))"
check "each address space is told of as a whole" test "$(grep -c '"event":"mappings".*"all":true' t.jsonl)" -gt "$(grep -c '"kind":"fork"' t.jsonl)"
check "each process's end has its page tables before it" is \
  "$(grep -A 1 '"event":"page_tables"' t.jsonl | grep -c '"kind":"exit"')" "$(grep -c '"kind":"exit"' t.jsonl)"
check "samples have each process" matches "$(<t.jsonl)" '"processes":\[\{"pid":2,.*\},\{"pid":3,'

# --- CSV -------------------------------------------------------------------------------------------------------------------
check "csv: a line for each event, and a header" is "$(wc -l <live.csv)" "$((faults + evictions + write_backs + 1))"
check "csv: all lines have as many fields" is "$(grep -v '"' live.csv | tr -dc ',\n' | sort -u | wc -l)" 1
check "csv: by kind" is "$(grep -c '^fault,.*,cow,' live.csv)" "$(grep -c '"kind":"cow"' t.jsonl)"

# --- Perfetto ----------------------------------------------------------------------------------------------------------------
run "$CHECK_TRACE_EVENTS" live.json
check "perfetto: what is written is a trace of events" is "$status$stderr" 0
check "perfetto: a slice for each fault" matches "$stdout" "(^|$new_line)X: $faults($new_line|\$)"
samples=$(grep -c '"event":"sample"' t.jsonl)
check "perfetto: counters for each sample" matches "$stdout" "$new_line""free frames: $samples$new_line"
check "perfetto: programs have names" contains "$(<live.json)" '"name":"process_name","args":{"name":"processes-musl"}'
faultline run --trace=host.json --trace-format perfetto --clock host "$walk"
run "$CHECK_TRACE_EVENTS" host.json
check "perfetto: with the host's clock as well" is "$status$stderr" 0
for program in threads-musl die-null-musl; do
  faultline run --trace=other.json --trace-format perfetto "$GUESTS/$program"
  run "$CHECK_TRACE_EVENTS" other.json
  check "perfetto: $program" is "$status$stderr" 0
done

# --- SQLite ------------------------------------------------------------------------------------------------------------------
faultline run "${pressure[@]}" --trace=live.db --trace-format sqlite "$processes"
check "sqlite: the program runs as without a trace" is "$stdout" "$transcript"
check "sqlite: nothing is said" is "$stderr" ""
faultline trace convert t.jsonl converted.db
check "sqlite: status" is "$status" 0
check "sqlite: nothing is left beside it" is "$(echo ./*.db*)" "./converted.db ./live.db"
faultline trace convert t.jsonl converted.sqlite
check "sqlite: the other suffix" cmp -s converted.db converted.sqlite
faultline run --trace=:memory: --trace-format sqlite "$walk"
check "sqlite: a file is a file, whatever its name" test -s :memory:

for target in "" =/dev/null; do
  faultline run --trace$target --trace-format sqlite "$walk"
  expect_complaint 2 "cannot hold a database; the format sqlite needs a file"
done
# shellcheck disable=SC2016  # the inner shell's
small_disk() { run bash -c 'ulimit -f 20; exec "$@"' - "$FAULTLINE" "$@"; }
small_disk run "${pressure[@]}" --trace=full.db --trace-format sqlite "$processes"
check "sqlite: a disk that is full does not stop the program" is "$stdout" "$transcript"
check "sqlite: it is told of" matches "$status $stderr" '^1 faultline: full.db: the trace could not be written: '
small_disk trace convert t.jsonl full.db
check "sqlite: converting stops there" matches "$status $stderr" '^1 faultline: full.db: the trace could not be written: '
faultline trace convert t.jsonl - --format sqlite
expect_complaint 2 "standard output: cannot hold a database; the format sqlite needs a file"
echo kept >kept.db
faultline run --trace=kept.db --trace-format sqlite /nonexistent/program
expect_complaint 125 "No such file"
check "sqlite: a program that cannot start leaves the file as it was" is "$(<kept.db)" kept
faultline run --trace=new.db --trace-format sqlite /nonexistent/program
check "sqlite: nor does it leave one" missing new.db

# The questions of the page, asked of this trace: each has an answer, and the numbers agree with the JSON lines.
if command -v python3 >/dev/null; then
  cat >questions.py <<'PYTHON'
import re, sqlite3, sys
page, live, converted, faults, evictions, write_backs, major = sys.argv[1:]
questions = re.findall(r"```sql\n(.*?)```", open(page).read(), re.S)
assert len(questions) >= 6, "too few questions"
first, second = sqlite3.connect(live), sqlite3.connect(converted)
for question in questions:
    rows = first.execute(question).fetchall()
    assert rows, "no answer: " + question
    assert any(value not in (None, 0, "") for row in rows for value in row), "an empty answer: " + question
    assert rows == second.execute(question).fetchall(), "converted, the answer is another: " + question
def one(sql):
    return first.execute(sql).fetchone()[0]
assert one("SELECT count(*) FROM faults") == int(faults)
assert one("SELECT count(*) FROM evictions") == int(evictions)
assert one("SELECT count(*) FROM write_backs") == int(write_backs)
assert one("PRAGMA integrity_check") == "ok"
assert not first.execute("PRAGMA foreign_key_check").fetchall()
by_kind = first.execute(questions[1]).fetchall()
assert sum(row[1] for row in by_kind) == int(faults)
assert sum(row[2] for row in by_kind) == int(major) > 0
functions = dict((row[0], row[1]) for row in first.execute(questions[0]))
assert all(count > 0 for count in functions.values()) and len(functions) > 3
space = [row for row in first.execute(questions[7])]
assert any(name == "[stack]" for _, _, name in space), space
assert len(set(space)) == len(space)
# What each page says of itself holds: every column that is named there exists.
tables = re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", open(page).read(), re.M)
for table, columns in tables:
    there = {row[1] for row in first.execute(f"PRAGMA table_info({table})")}
    told = set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", columns))) - {"evictions", "reclaim", "format", "schema_version"}
    assert told <= there, (table, told - there)
    if table != "write_backs": assert there <= told, (table, there - told)
print("all", len(questions))
PYTHON
  run python3 questions.py "$SOURCES/docs/trace-sqlite.md" live.db converted.db "$faults" "$evictions" "$write_backs" \
    "$(grep -c '^{"seq":.*"major":true' t.jsonl)"
  check "sqlite: the questions of the page have answers" matches "$status$stdout$stderr" '^0all [0-9]+$'
fi

# --- filters, and the last ones ---------------------------------------------------------------------------------------------
faultline run "${pressure[@]}" --trace=some.jsonl --trace-format jsonl --filter 'kind=cow || dirty=true' "$processes"
check "filter: the program runs as without" is "$stdout" "$transcript"
check "filter: the faults that are meant" cmp -s <(grep '^{"seq":' some.jsonl) <(grep '^{"seq":.*"kind":"cow"' t.jsonl)
check "filter: the evictions" cmp -s <(grep '"event":"eviction"' some.jsonl) <(grep '"event":"eviction".*"dirty":true' t.jsonl)
check "filter: no write-backs" lacks "$(<some.jsonl)" '"event":"write_back"'
check "filter: the rest passes" cmp -s <(grep -E '"event":"(task|mappings|sample|page_tables)"' some.jsonl) \
  <(grep -E '"event":"(task|mappings|sample|page_tables)"' t.jsonl)
faultline trace convert t.jsonl - --format jsonl --filter 'kind=cow || dirty=true'
check "filter: of a trace that was written before" cmp -s .stdout some.jsonl
faultline run "${pressure[@]}" --trace=last.txt --trace-last 7 --filter kind=swap_in "$processes"
check "last: seven faults, the last ones that are meant" is "$(sed -nE 's/^ +([0-9]+) +[0-9.]+ swap_in .*/\1/p' last.txt)" \
  "$(sed -nE 's/^\{"seq":([0-9]+),.*"kind":"swap_in".*/\1/p' t.jsonl | tail -n 7)"
check "last: no others" lacks "$(<last.txt)" file_major
faultline run --trace --filter 'vma=[heap] && kind=demand_zero' "$walk"
check "filter: the pages of the heap" is "$(grep -cE '^ +[0-9]+ .* demand_zero .* \[heap\] ' <<<"$stderr")" 2
faultline run --trace=death.txt --trace-last 2 "$GUESTS/die-null-musl"
check "last: the status is the guest's" is "$status" 139
check "last: a crash is the last fault" matches "$(<death.txt)" 'segv_maperr +w user +0x0 .*no mapping'
check "last: and one before it" is "$(grep -cE '^ +[0-9]+ +[0-9.]+ [a-z_]+ +[rwx] ' death.txt)" 2
faultline trace convert t.jsonl - --format csv --trace-last 10
check "last: of a trace that was written before" is "$(wc -l <.stdout)" 11
faultline run --trace=many.csv --trace-format csv --trace-last 18446744073709551615 "$walk"
check "last: more than there are" is "$status" 0
check "last: are all" test "$(wc -l <many.csv)" -gt 8

while IFS='|' read -r filter part; do
  faultline run --trace --filter "$filter" "$walk"
  expect_complaint 2 "--filter: $part"
  faultline trace convert t.jsonl never.csv --filter "$filter"
  expect_complaint 2 "--filter: $part"
done <<'END'
knd=cow|column 1: unknown field 'knd'; did you mean 'kind'?
kind=cow && time=1h|column 18: '1h' is no time
(kind=cow|column 1: this '(' is not closed
END
check "a mistake leaves no file" missing never.csv
for number in 0 -1 x 18446744073709551616 1.5; do
  faultline run --trace --trace-last=$number "$walk"
  expect_complaint 2 "--trace-last $number: want a number from 1"
done
faultline run --filter kind=cow "$walk"
expect_complaint 2 "--filter: goes with --trace"
faultline run --trace-last 3 "$walk"
expect_complaint 2 "--trace-last: goes with --trace"

# --- what cannot be read -----------------------------------------------------------------------------------------------------
head -c -30 t.jsonl >cut.jsonl
lines=$(wc -l <t.jsonl)
faultline trace convert cut.jsonl cut.txt
check "cut off: status" is "$status" 1
check "cut off: one line says where" is "$stderr" "faultline: cut.jsonl: line $lines: the trace ends in the middle of it"
faultline trace convert cut.jsonl back.jsonl
check "cut off: what came before is there" cmp -s back.jsonl <(head -n -1 t.jsonl)
third=$(grep -n '^{"seq":3,' t.jsonl | cut -d: -f1)
sed "${third}s/\"kind\"/\"knid\"/" t.jsonl >damaged.jsonl
faultline trace convert damaged.jsonl back.jsonl
check "damaged: status" is "$status" 1
check "damaged: one line says where" is "$stderr" "faultline: damaged.jsonl: line $third: 'kind' is missing"
check "damaged: what came before is there" cmp -s back.jsonl <(head -n $((third - 1)) t.jsonl)
echo kept >out.csv
for input in live.txt "$walk" live.db; do
  faultline trace convert "$input" out.csv
  expect_complaint 2 "$input: line 1: "
  check "what is no trace leaves OUT as it was" is "$(<out.csv)" kept
done
faultline trace convert missing.jsonl out.csv
expect_complaint 2 "missing.jsonl: cannot be opened: No such file or directory"
faultline trace convert . out.csv
expect_complaint 2 ".: cannot be read: Is a directory"
faultline trace convert t.jsonl .
expect_complaint 2 ".: its name says no format; give one by --format"
faultline trace convert t.jsonl . --format csv
expect_complaint 2 ".: is a folder"
faultline trace convert t.jsonl t.jsonl
expect_complaint 2 "t.jsonl: cannot be read and replaced at once"
faultline trace convert t.jsonl /nowhere/out.csv
expect_complaint 2 "/nowhere/out.csv: cannot be written: No such file or directory"
faultline trace convert t.jsonl /dev/full --format csv
expect_complaint 1 "/dev/full: the trace could not be written: No space left on device"
faultline trace convert t.jsonl out.csv --format html
check "an unknown format: status" is "$status" 2
faultline trace
check "trace alone: status" is "$status" 2
: >empty.jsonl
faultline trace convert empty.jsonl empty.csv
check "no events: status" is "$status" 0
check "no events: a header" is "$(wc -l <empty.csv)" 1
faultline trace convert empty.jsonl empty.json
run "$CHECK_TRACE_EVENTS" empty.json
check "no events: a timeline" is "$status" 0
ln -s out.csv link.csv
faultline trace convert t.jsonl link.csv
check "a link stays one" test -L link.csv
check "and leads to the trace" cmp -s out.csv live.csv
passed
