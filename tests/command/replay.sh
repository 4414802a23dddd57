#!/usr/bin/env bash
# Reference strings under any policies at any number of frames, and why a page left.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# faults FRAMES POLICY: of the last table.
faults() { awk -v frames="$1" -v policy="$2" '/^[0-9]+ frames?$/ { at = $1 } at == frames && /^  / && $1 == policy { print $2 }' .stdout; }

echo "1 2 3 4 1 2 5 1 2 3 4 5" >belady.txt
echo "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1" >silberschatz.txt
faultline replay belady.txt --policy fifo,clock,lru --frames 3,4
check "status" is "$status" 0
check "stderr is empty" is "$stderr" ""
check "fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
check "what was played" matches "$stdout" "^belady.txt: 12 references to 5 pages$new_line"
for answer in "3 fifo 9" "4 fifo 10" "3 clock 9" "4 clock 10" "3 lru 10" "4 lru 8" "3 opt 7" "4 opt 6"; do
  read -r frames policy expected <<<"$answer"
  check "$policy with $frames frames" is "$(faults "$frames" "$policy")" "$expected"
done
check "opt was added" contains "$stdout" "opt is the bound for all others; it was added"
faultline replay silberschatz.txt --policy fifo --policy lru,opt --policy clock,clock,load=0,mru --frames 3
for answer in "fifo 15" "lru 12" "opt 9" "clock 14" "clock,load=0 11" "mru 16"; do
  check "$answer" is "$(faults 3 "${answer% *}")" "${answer#* }"
done
check "opt was named" lacks "$stdout" "it was added"

faultline policies
policy_count=$(awk '/^[^ ]/ && NR > 1' .stdout | wc -l)
faultline replay belady.txt --policy all --frames all
check "all: status" is "$status" 0
check "all sizes" is "$(grep -c '^[0-9]* frames\?$' .stdout)" 5
check "all policies" is "$(grep -c '^  [a-z0-9]' .stdout)" "$((5 * (policy_count + 1)))"
for frames in 1 2 3 4 5; do
  check "no policy beats opt at $frames" is \
    "$(awk -v f="$frames" '/^[0-9]+ frames?$/ { at = $1 } at == f && $3 != "x" && $3 < 1 && NF > 5' .stdout)" ""
done
cp .stdout one.txt
faultline replay belady.txt --policy all --frames all -j 7
check "the order does not hang on workers" is "$(<one.txt)" "$stdout"
faultline replay belady.txt --policy lru --frames 1..5+2,2..4x2
check "ranges" is "$(sed -n 's/^\([0-9]*\) frames\?$/\1/p' .stdout | tr '\n' ' ')" "1 2 3 4 5 "

faultline replay belady.txt --policy lru,clock,load=0 --frames 3 --csv out.csv --json out.json --cost minor=100ns,major=1us
check "csv: status" is "$status$stderr" 0
check "csv: names" is "$(head -1 out.csv)" "policy,frames,references,faults,refaults,hit_ratio,clean_evictions,dirty_evictions,write_backs,resident_mean,access_ns,opt_faults"
check "csv: a row" is "$(sed -n 2p out.csv)" "lru,3,12,10,5,0.16666666666666666,7,0,0,2.75,458.5,7"
check "csv: a name with a comma" matches "$(sed -n 3p out.csv)" '^"clock,load=0",3,'
if command -v jq >/dev/null; then
  check "json: a row" is "$(jq -r '.replays[0] | [.policy, .faults, .opt_faults, .access_ns] | join(" ")' out.json)" "lru 10 7 458.5"
  check "json: the head" is "$(jq -r '[.file, .references, .pages, .costs_ns.major_fault] | join(" ")' out.json)" "belady.txt 12 5 1000"
fi

# Of three pages the first is written.
printf ' S 1000,8\n L 2000,8\n L 3000,8\n' >writes.lackey
faultline replay writes.lackey --format lackey --policy lru --frames 1
check "evictions, clean and dirty" is "$(awk '$1 == "lru" { print $5, $6 }' .stdout)" "1 1"

faultline refs convert belady.txt belady.refs
faultline replay belady.refs --policy lru --frames 3
check "a recording" is "$(faults 3 lru)" 10

faultline replay belady.txt --policy clock --frames 3 --explain -n 2
check "explain: status" is "$status$stderr" 0
check "explain: fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
check "explain: who" contains "$stdout" "eviction 1 at reference 4: page 3 (number 4) comes, page 0 (number 1) leaves"
check "explain: the hand" contains "$stdout" "why   clock of 3, hand at 0"
check "explain: its use" contains "$stdout" "clean, resident for 3 references, last used 3 references ago, next used in 1 reference"
check "explain: opt" contains "$stdout" "opt   takes page 2 (number 3) of these pages, next used in 6 references"
check "explain: a loss" contains "$stdout" "page 0 (number 1) comes, page 1 (number 2) leaves   LOST: opt has no fault here"
check "explain: no more" contains "$stdout" "(2 of 6 evictions; -n and --from choose others)"
check "explain: the end" contains "$stdout" "clock: 9 faults, 6 evictions; opt: 7 faults, 4 evictions"
check "explain: where" contains "$stdout" "lost at reference 5, 6"
faultline replay belady.txt --policy clock --frames 3 --explain --from 11
check "explain: from" lacks "$stdout" "at reference 10"
check "explain: from there" contains "$stdout" "eviction 6 at reference 11"
faultline replay belady.txt --policy opt --frames 3 --explain
check "opt loses nothing" contains "$stdout" "lost to opt: 0 faults"

bad() {
  local part=$1
  shift
  faultline replay "$@"
  expect_complaint 2 "$part"
}
bad "--policy: unknown policy 'clok'; did you mean 'clock'?" belady.txt --policy clok --frames 3
bad "--policy: policy lru has no parameters" belady.txt --policy lru,x=1 --frames 3
bad "--frames: '0' is no number of frames" belady.txt --policy lru --frames 0
bad "--frames: '4..2' ends before it begins" belady.txt --policy lru --frames 4..2
bad "--policy is required" belady.txt --frames 3
bad "--frames is required" belady.txt --policy lru
bad "FILE is required" --policy lru --frames 3
bad "missing.txt: " missing.txt --policy lru --frames 3
bad "--seed x: want a number" belady.txt --policy lru --frames 3 --seed x
bad "--workers 0: want a number from 1" belady.txt --policy lru --frames 3 -j 0
bad "--cost: unknown kind 'x'" belady.txt --policy lru --frames 3 --cost x=1ns
bad "--explain: want one policy" belady.txt --policy lru,fifo --frames 3 --explain
bad "--explain: want one number of frames" belady.txt --policy lru --frames 3,4 --explain
bad "--explain: is text" belady.txt --policy lru --frames 3 --explain --csv no.csv
bad "--from 0: want a number from 1" belady.txt --policy lru --frames 3 --explain --from 0
bad "unknown option '--nope'" belady.txt --policy lru --frames 3 --nope
check "nothing was written" missing no.csv
faultline replay belady.txt --policy lru --frames 3 --csv none/out.csv
expect_complaint 1 "none/out.csv"
head -c 30 belady.refs >cut.refs
faultline replay cut.refs --policy lru --frames 3
check "a recording that is cut off: one line" one_line "$stderr"
passed
