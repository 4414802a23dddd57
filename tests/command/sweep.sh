#!/usr/bin/env bash
# Sweeps: the same file whichever way it came about; what is kept of an interrupted one; tasks; bad input.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
root=${BASH_SOURCE[0]%/tests/command/*}
[[ $root == /* ]] || root=$OLDPWD/$root

command -v python3 >/dev/null || { echo "sweep.sh: skipped: python3 reads the results"; exit 77; }
# sql DATABASE STATEMENT: its rows, columns separated by a '|'.
sql() {
  python3 - "$@" <<'PYTHON'
import sqlite3, sys
database = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
for row in database.execute(sys.argv[2]):
    print("|".join("NULL" if value is None else str(value) for value in row))
PYTHON
}
equal() { cmp -s "$1" "$2"; }

# The string of Belady's anomaly; two numbers of frames of it are known from every textbook.
printf '%s\n' 1 2 3 4 1 2 5 1 2 3 4 5 >belady.txt
# A longer one, of a generator that anybody can run again.
awk 'BEGIN { x = 1; for (i = 0; i < 20000; i++) { x = (x * 1103515245 + 12345) % 2147483648; print int(x / 65536) % 97 } }' >long.txt
readonly program="$GUESTS/hello-musl"

# --- a sweep, and what is in its file ------------------------------------------------------------

faultline sweep --policy fifo,lru --frames 3,4 --output one.db belady.txt
check "exit status" is "$status" 0
check "stderr is empty" is "$stderr" ""
check "one line on stdout" is "$stdout" "one.db: 6 results"
check "nothing else is left" is "$(echo *.parts)" ""
check "known numbers of faults" is "$(sql one.db 'SELECT policy, frames, faults FROM measurement' | tr '\n' ' ')" \
  "fifo|3|9 fifo|4|10 lru|3|10 lru|4|8 opt|3|7 opt|4|6 "
check "the database is sound" is "$(sql one.db 'PRAGMA integrity_check')" ok
check "hits and faults are all references" is "$(sql one.db 'SELECT count(*) FROM result WHERE hits + faults = 12')" 6
check "refaults" is "$(sql one.db 'SELECT min(faults - refaults), max(faults - refaults) FROM result')" "5|5"
check "the source" is "$(sql one.db 'SELECT id, kind, path, arguments, sha256, reference_count FROM source')" \
  "1|replay|belady.txt|[]|$(sha256sum belady.txt | cut -d' ' -f1)|12"
check "the access time is that of the costs" is \
  "$(sql one.db 'SELECT count(*) FROM result WHERE abs(access_ns - (hits * 1 + minor_faults * 500 + major_faults * 100000) / 12.0) < 1e-6')" 6

faultline sweep --frames 4,3,4 --policy lru,fifo,lru --output two.db belady.txt belady.txt
check "another order, the same file" equal one.db two.db
cp one.db before.db
faultline sweep --policy fifo,lru --frames 3,4 --output one.db belady.txt
check "a second time: exit status" is "$status" 0
check "a second time: nothing to do" contains "$stdout" "one.db: has the results of this sweep already"
check "a second time: the file is as it was" equal one.db before.db
faultline sweep --policy fifo --frames 3 --output costs.db --cost minor=1ns,major=10ns,memory=2ns belady.txt
check "other costs" is "$(sql costs.db "SELECT access_ns * 12 FROM measurement WHERE policy = 'fifo'")" "$((3 * 2 + 5 * 1 + 4 * 10)).0"

# Frames and policies as lists.
faultline sweep --policy all --frames all --output all.db belady.txt
check "all: exit status" is "$status" 0
check "all policies" is "$(sql all.db 'SELECT count(*) FROM policy')" "$("$FAULTLINE" policies | awk 'NR > 1 && /^[^ ]/' | wc -l)"
check "all sizes" is "$(sql all.db 'SELECT DISTINCT frames FROM result ORDER BY frames' | tr '\n' ' ')" "1 2 3 4 5 "
check "nobody is better than OPT" is "$(sql all.db "SELECT count(*) FROM measurement a JOIN measurement b USING (path, frames, seed)
  WHERE b.policy = 'opt' AND a.faults < b.faults")" 0
check "all came out well" is "$(sql all.db "SELECT count(*) FROM result WHERE status != 'ok'")" 0
faultline sweep --policy clock,load=0,clock,lfu,ties=fifo,clock,load=1 --frames 2..16x2,5..9+2,3 --output lists.db long.txt
check "policies with parameters" is "$(sql lists.db 'SELECT text FROM policy' | tr '\n' ' ')" "clock clock,load=0 lfu,ties=fifo opt "
check "sizes" is "$(sql lists.db 'SELECT DISTINCT frames FROM result ORDER BY frames' | tr '\n' ' ')" "2 3 4 5 7 8 9 16 "
check "parameters" is "$(sql lists.db "SELECT policy.text, parameter.name, value FROM parameter JOIN policy ON policy.id = policy
  WHERE parameter.name IN ('load', 'ties') AND policy.name IN ('clock', 'lfu') ORDER BY 1, 2" | tr '\n' ' ')" "clock|load|1.0 clock,load=0|load|0.0 lfu,ties=fifo|ties|fifo "
faultline sweep --policy random --frames 20 --seed 1,2,18446744073709551615 --output seeds.db long.txt
check "seeds" is "$(sql seeds.db "SELECT seed FROM measurement WHERE policy = 'random'" | tr '\n' ' ')" "1 2 18446744073709551615 "
check "seeds differ" is "$(sql seeds.db "SELECT count(DISTINCT faults) > 1 FROM measurement WHERE policy = 'random'")" 1

# The questions that the documentation asks.
question() {
  sql "$1" "$(awk -v number="$2" '/^```sql$/ { inside = ++count == number; next } /^```$/ { inside = 0 } inside' "$root/docs/sweep.md")"
}
check "how far from the best" is "$(question one.db 1 | tr '\n' ' ')" \
  "belady.txt|opt|3|7|1.0 belady.txt|fifo|3|9|1.286 belady.txt|lru|3|10|1.429 belady.txt|opt|4|6|1.0 belady.txt|lru|4|8|1.333 belady.txt|fifo|4|10|1.667 "
check "the best that know no future" is "$(question one.db 2 | tr '\n' ' ')" "belady.txt|3|fifo|9 belady.txt|4|lru|8 "
check "Belady's anomaly" is "$(question one.db 3)" "belady.txt|fifo|4|1"
check "there are no more questions" is "$(question one.db 4)" ""

# --- programs ------------------------------------------------------------------------------------

live=(--policy 'fifo,lru' --frames '16,64' --program "$program 'an argument'" --program "$GUESTS/bench-touch-musl 32 2")
faultline sweep "${live[@]}" --run-options '--mem 64M' --output live.db
check "live: exit status: $stderr" is "$status" 0
check "live: stdout has nothing of the programs" is "$stdout" "live.db: 8 results"
faultline sweep "${live[@]}" --run-options '--mem 64M' --output again.db --workers 1
check "live: the same file again" equal live.db again.db
check "live: arguments" is "$(sql live.db "SELECT arguments FROM source ORDER BY id" | tr '\n' ' ')" '["32","2"] ["an argument"] '
"$FAULTLINE" run --mem 64M --policy lru --frames 16 --stats=stats.json "$program" 'an argument' </dev/null >/dev/null 2>.stderr
number() { sed -n "s/^    \"$1\": \([0-9]*\),*$/\1/p" stats.json | head -1; }
check "live: what run counts" is "$(sql live.db "SELECT reference_count, hits, faults FROM measurement
  WHERE policy = 'lru' AND frames = 16 AND path = '$program'")" "$(number references)|$(number hits)|$(number faults)"
check "live: references are those that were counted" is \
  "$(sql live.db "SELECT count(*) FROM measurement WHERE (reference_count IS NULL) = (policy = 'fifo')")" 8
faultline sweep --policy fifo --frames 64 --program "$GUESTS/bench-compute-musl 2000000000" \
  --run-options '--max-instructions 1000000' --output stopped.db
check "stopped: exit status" is "$status" 1
check "stopped: one line" contains "$stderr" "1 of 1 configurations came to no good end"
check "stopped: the reason" matches "$(sql stopped.db 'SELECT status, error, exit_status, faults > 0 FROM result')" \
  '^stopped\|.*stopped after 1000000 instructions\|124\|1$'
echo text >text
faultline sweep --policy fifo --frames 64 --program ./text --program "$program" --output failed.db
check "failed: exit status" is "$status" 1
check "failed: one line" one_line "$stderr"
check "failed: the others" is "$(sql failed.db 'SELECT status FROM result' | tr '\n' ' ')" "failed ok "
check "failed: its reason" contains "$(sql failed.db 'SELECT error FROM result WHERE id = 1')" "./text"

# --- tasks ---------------------------------------------------------------------------------------

grid=(--policy 'fifo,lru,clock' --frames 16..20 --program "$program" belady.txt long.txt)
faultline sweep "${grid[@]}" --output here.db
check "here: exit status: $stderr" is "$status" 0
faultline sweep "${grid[@]}" --emit slurm 'the tasks' --tasks 7
check "emit: exit status: $stderr" is "$status" 0
check "emit: says what there is" is "$stdout" "the tasks: 55 configurations in 7 tasks; sbatch the tasks/array.sh"
check "emit: one command a task" is "$(wc -l <'the tasks/jobs.txt')" 7
check "emit: the script is one" bash -n 'the tasks/array.sh'
check "emit: as many as it says" contains "$(<'the tasks/array.sh')" "#SBATCH --array=0-6"
cp 'the tasks/plan.json' plan.json
faultline sweep "${grid[@]}" --emit slurm 'the tasks' --tasks 7
check "emit: a second time it is the same" equal 'the tasks/plan.json' plan.json

faultline sweep --merge 'the tasks' --output merged.db
expect_complaint 1 "the tasks: 55 of 55 results are missing, of tasks 0-6; run again: sbatch --array=0-6"
check "merge: no file" missing merged.db
# One at a time, from another folder, and two at a time with a shell for each line, as GNU parallel does it.
for task in 0 4; do
  run env -C / "$FAULTLINE" sweep --job "$task" "$PWD/the tasks"
  check "job $task: exit status: $stderr" is "$status" 0
  check "job $task: is quiet" is "$stdout$stderr" ""
done
faultline sweep --merge 'the tasks' --output merged.db
expect_complaint 1 "of tasks 1-3,5-6; run again: sbatch --array=1-3,5-6 the tasks/array.sh"
run xargs -a 'the tasks/jobs.txt' -d '\n' -n 1 -P 2 sh -c
check "the list: exit status: $stderr" is "$status" 0
faultline sweep --merge 'the tasks' --output merged.db
check "merge: exit status: $stderr" is "$status" 0
check "merge: the file of one machine" equal merged.db here.db
check "merge: the folder stays" test -e 'the tasks/shards'
faultline sweep --merge 'the tasks' --output merged.db
check "merge: again" equal merged.db here.db

# The script, without Slurm: what it is told, and where it writes.
SLURM_ARRAY_TASK_ID=3 SLURM_CPUS_PER_TASK=2 run sh 'the tasks/array.sh'
check "the script: exit status: $stderr" is "$status" 0
check "the script: its log" test -e 'the tasks/logs/3.log'

# Lost, damaged and repeated ones.
shards=("the tasks/shards/2"*.jsonl)
cp -r 'the tasks' kept
rm "${shards[@]}"
faultline sweep --merge 'the tasks' --output merged.db
expect_complaint 1 "of task 2; run again: sbatch --array=2 "
faultline sweep --job 2 'the tasks'
check "lost: run again: $stderr" is "$status" 0
rm merged.db
faultline sweep --merge 'the tasks' --output merged.db
check "lost: the same file" equal merged.db here.db
cp kept/shards/1.jsonl 'the tasks/shards/1.99.jsonl'
rm merged.db
faultline sweep --merge 'the tasks' --output merged.db
check "repeated: the same file" equal merged.db here.db
sed -i '2s/"faults":/"faults" :/' 'the tasks/shards/1.99.jsonl'
rm merged.db
faultline sweep --merge 'the tasks' --output merged.db
check "damaged: one line" one_line "$stderr"
check "damaged: which" contains "$stderr" "1.99.jsonl: 1 of its lines are no results of this sweep, from line 2 on"
check "damaged: the same file" equal merged.db here.db

# What the tasks need is no longer there.
cp belady.txt kept.txt
echo 6 >>belady.txt
rm 'the tasks/shards/'*.jsonl
faultline sweep --job 3 'the tasks'
expect_complaint 2 "belady.txt: is no longer the file that this sweep was planned with"
mv kept.txt belady.txt
printf 'x' >>'the tasks/plan.json'
faultline sweep --job 1 'the tasks'
expect_complaint 2 "the tasks/plan.json: is no plan of a sweep"
faultline sweep --merge 'the tasks' --output merged2.db
expect_complaint 2 "the tasks/plan.json: is no plan of a sweep"
cp plan.json 'the tasks/plan.json'

# --- interrupted ---------------------------------------------------------------------------------

# Until there are some results, a signal; and then the rest. SIGKILL leaves no chance to tidy up.
slow=(--policy all --frames 16..64 --seed '1,2,3' --workers 2 --output slow.db long.txt)
"$FAULTLINE" sweep "${slow[@]/slow.db/whole.db}" >.stdout 2>.stderr
before=0
for signal in TERM KILL; do
  before=$((before + 50))
  "$FAULTLINE" sweep "${slow[@]}" >.stdout 2>.stderr &
  process=$!
  for ((tries = 0; tries < 600; ++tries)); do
    [[ $(cat /dev/null slow.db.parts/shards/*.jsonl 2>/dev/null | wc -l) -lt $before ]] || break
    sleep 0.02
  done
  kill "-$signal" "$process" || fail "SIG$signal: it was over before"
  status=0
  { wait "$process" || status=$?; } 2>/dev/null
  last=(kill "-$signal")
  check "SIG$signal: no file yet" missing slow.db
  check "SIG$signal: what there was is kept" test "$(cat /dev/null slow.db.parts/shards/*.jsonl | wc -l)" -ge "$before"
  before=$(cat /dev/null slow.db.parts/shards/*.jsonl | wc -l)
done
check "SIGKILL" is "$status" 137
faultline sweep --policy lru --frames 1 --output slow.db long.txt
expect_complaint 2 "slow.db.parts: belongs to a sweep of other configurations"
faultline sweep "${slow[@]}"
check "resumed: exit status: $stderr" is "$status" 0
check "resumed: the same file" equal slow.db whole.db
check "resumed: nothing is left" is "$(echo *.parts)" ""

"$FAULTLINE" sweep --policy fifo --frames 64 --output spin.db --program "$GUESTS/bench-compute-musl 2000000000" >.stdout 2>.stderr &
process=$!
for ((tries = 0; tries < 600; ++tries)); do
  [[ -z $(pgrep -P "$process") ]] || break
  sleep 0.02
done
child=$(pgrep -P "$process") || fail "no program runs"
kill -TERM "$process"
status=0
wait "$process" || status=$?
last=(kill -TERM "$process")
check "a live run: 128 + SIGTERM" is "$status" 143
check "a live run: one line" is "$(<.stderr)" "faultline: interrupted; the same command goes on where this one stopped"
for ((tries = 0; tries < 600; ++tries)); do
  kill -0 "$child" 2>/dev/null || break
  sleep 0.02
done
check "a live run: it goes as well" is "$(kill -0 "$child" 2>/dev/null || echo gone)" gone

# --- a terminal ----------------------------------------------------------------------------------

if command -v script >/dev/null; then
  run script -qec "'$FAULTLINE' sweep --policy lru --frames 1..9 --output shown.db long.txt" /dev/null
  check "a terminal: exit status" is "$status" 0
  # What takes longer has a bar: progress.sh.
  check "a terminal: nothing else" is "$stdout" $'shown.db: 18 results\r'
fi

# --- bad input -----------------------------------------------------------------------------------

bad() {
  local part=$1
  shift
  faultline sweep "$@"
  expect_complaint 2 "$part"
}
some=(--policy lru --frames 3)
bad "neither a recording nor a --program" "${some[@]}"
bad "--policy is missing" --frames 3 belady.txt
bad "--frames is missing" --policy lru belady.txt
bad "unknown policy 'sieev'; did you mean 'sieve'?" --policy sieev --frames 3 belady.txt
bad "load=2 is not possible" --policy lru,clock,load=2 --frames 3 belady.txt
bad "--frames: '0' is no number of frames" --policy lru --frames 0 belady.txt
bad "--frames: '' is no number" --policy lru --frames 1, belady.txt
bad "'9..3' ends before it begins" --policy lru --frames 9..3 belady.txt
bad "'1..9x1' is not of the form" --policy lru --frames 1..9x1 belady.txt
bad "'1..9x0.5' is not of the form" --policy lru --frames 1..9x0.5 belady.txt
bad "'1..9+0' is not of the form" --policy lru --frames 1..9+0 belady.txt
bad "'1..' is not of the form" --policy lru --frames 1.. belady.txt
bad "makes more than" --policy lru --frames 1..1000000000 belady.txt
bad "configurations; one sweep has 4000000 at most" --policy all --frames 1..4000000 long.txt
bad "--seed: '-1' is not a number" "${some[@]}" --seed=-1 belady.txt
bad "missing.refs: " "${some[@]}" missing.refs
bad "standard input" "${some[@]}" -
bad "--program: ./missing: " "${some[@]}" --program ./missing
bad "a ' has no other" "${some[@]}" --program "'./hello"
bad "--frames all: nobody knows" --policy lru --frames all --program "$program"
bad "opt: needs the future" --policy opt --frames 64 --program "$program"
bad "--frames 1: want 2 to" --policy lru --frames 1 --program "$program"
bad "there is no --program" "${some[@]}" --run-options '--mem 1G' belady.txt
for option in --stats=x --policy=lru --frames=4 '--clock host' '--timeout 3' ./other '--' '-x'; do
  bad "is not possible in a sweep" --policy lru --frames 64 --program "$program" --run-options "$option"
done
bad "--mem needs a value" --policy lru --frames 64 --program "$program" --run-options --mem
bad "would write to it" --policy lru --frames 64 --program "$program" --run-options "--bind .:/x:rw"
bad "--workers 0: want a number" "${some[@]}" --workers 0 belady.txt
bad "--emit: unknown value 'parallel'; there are: slurm" "${some[@]}" --emit parallel x belady.txt
bad "--tasks 1001: want a number from 1 to 1000" "${some[@]}" --tasks 1001 --emit slurm x belady.txt
bad "--tasks: belongs to --emit" "${some[@]}" --tasks 3 belady.txt
bad "go one at a time" --job 1 x --merge x
bad "all else is said by the folder" --merge x belady.txt
bad "all else is said by the folder" --job 1 x --policy lru
bad "nowhere/plan.json: cannot be opened" --merge nowhere
bad "nowhere/plan.json: cannot be opened" --job 1 nowhere
bad "--job 7: want a number from 0 to 6" --job 7 'the tasks'
bad "--job x: want a number" --job x 'the tasks'
mkdir full-of-files
touch full-of-files/one
bad "full-of-files: is there already, and is no sweep's folder" "${some[@]}" --emit slurm full-of-files belady.txt
bad "the tasks: belongs to a sweep of other configurations" "${some[@]}" --emit slurm 'the tasks' belady.txt
bad "unknown option '--nonsense'" --nonsense
bad "--policy= needs a value" --policy=
printf '\xff' >$'\xff.txt'
bad "is not in UTF-8" "${some[@]}" $'\xff.txt'
check "nothing is left behind" is "$(echo *.parts x)" "spin.db.parts x"

# Files that are somebody else's.
echo mine >mine.txt
bad "mine.txt: holds no results of a sweep, and is not written over" "${some[@]}" -o mine.txt belady.txt
bad "one.db: holds the results of another sweep" "${some[@]}" -o one.db belady.txt
bad "one.db: holds the results of another sweep" --merge 'the tasks' -o one.db
check "they are as they were" is "$(<mine.txt)" mine
check "and the other" equal one.db before.db
bad "nowhere/x.db.parts: cannot be made" "${some[@]}" -o nowhere/x.db belady.txt
bad "/proc/x.db.parts: cannot be made" "${some[@]}" -o /proc/x.db belady.txt
check "nothing there" missing nowhere

# A disk that is full, as a limit of a file's size is one: for a shard, and for the database.
full() {
  run bash -c 'ulimit -f 4; exec "$@"' - "$@"
  check "full: exit status" is "$status" 1
  check "full: one line" one_line "$stderr"
}
full "$FAULTLINE" sweep --policy all --frames 1..9 --output full.db long.txt
check "full: which file" matches "$stderr" '^faultline: full.db.parts/shards/0.jsonl: cannot be written: File too large; '
check "full: no file" missing full.db
faultline sweep --policy all --frames 1..9 --output full.db long.txt
check "full: goes on afterwards: $stderr" is "$status" 0
check "full: nothing is left" missing full.db.parts
faultline sweep --policy all --frames 1..9 --emit slurm many --tasks 100 long.txt
for ((task = 0; task < 100; ++task)); do "$FAULTLINE" sweep --job "$task" many || fail "job $task"; done
full "$FAULTLINE" sweep --merge many --output merged3.db
check "full: the database" matches "$stderr" '^faultline: merged3.db: '
check "full: nothing of it is left" is "$(echo merged3.db* x)" x
faultline sweep --merge many --output merged3.db
check "full: and then: $stderr" is "$status" 0
check "full: the same file" equal merged3.db full.db
passed
