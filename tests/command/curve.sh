#!/usr/bin/env bash
# Curves of a reference string: at every number of frames, at every window.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# The string of Belady, Nelson and Shedler, as page numbers.
printf '%s\n' 1 2 3 4 1 2 5 1 2 3 4 5 >belady.txt

faultline curve --csv all.csv --json all.json belady.txt
check "exit status" is "$status" 0
check "stderr is empty" is "$stderr" ""
check "how many references" contains "$stdout" "belady.txt: 12 references"
check "fits on a terminal" is "$(($(LC_ALL=C.UTF-8 wc -L <.stdout) <= 120))" 1
check "no blanks at the ends of lines" is "$(grep -c ' $' .stdout || true)" 0
check "both at 1 frame" matches "$stdout" "${new_line} +1 +12 +7 +100.000% +12 +7 +100.000%$new_line"
check "LRU has 8 faults at 4 frames, and OPT 6" matches "$stdout" "${new_line} +4 +8 +3 +66.667% +6 +1 +50.000%"
check "where only compulsory faults are left" \
  matches "$stdout" "${new_line} +5 +5 +0 +41.667% +5 +0 +41.667% +enough for lru, opt$new_line"
check "the working set of window 4" matches "$stdout" "${new_line} +4 +8 +3 +66.667% +3.33 +1.83$new_line"
check "a plot" contains "$stdout" "faults per reference by number of frames (lru above, opt below)"
check "reuse at distances 2 to 3" matches "$stdout" "${new_line} +2..3 +2 +16.667%"
check "first uses" matches "$stdout" "${new_line} +first use +5 +41.667%"

head -n 1 all.csv >head.csv
check "the head of the rows" is "$(cat head.csv)" "curve,at,faults,compulsory,others,miss_ratio,resident_sum,count"
faults() { awk -F, -v curve="$1" '$1 == curve { printf "%s%s", separator, $3; separator = " " }' all.csv; }
check "LRU at every number of frames" is "$(faults lru)" "12 12 10 8 5"
check "OPT at every number of frames" is "$(faults opt)" "12 9 7 6 5"
check "sums of resident pages" is "$(awk -F, '$1 == "ws" && $2 == 4 { print $7 }' all.csv)" 40
check "how often a page came back after 7" is "$(awk -F, '$1 == "irh" && $2 == 7 { print $8 }' all.csv)" 2
check "the object" is "$(python3 -c '
import json
all = json.load(open("all.json"))
print(all["references"], all["lru"]["faults"], all["opt"]["faults"], all["irh"]["first_uses"])')" \
  "12 [12, 12, 10, 8, 5] [12, 9, 7, 6, 5] 5"
printed=$stdout
mv all.csv first.csv
faultline curve --csv all.csv belady.txt
check "the same again" is "$stdout" "$printed"
check "the same rows again" cmp -s first.csv all.csv

faultline curve --kind lru,opt belady.txt
check "only what was asked for" lacks "$stdout" "window"

# In a loop over 40 pages LRU has a knee.
{
  for _ in 1 2 3 4 5; do seq 1 40; done
  printf '%s\n' 41 42 41 42 43
  for page in {1..60}; do printf '%s\n%s\n' $((page + 100)) $((page + 100)); done
  echo 101
} >loop.txt
faultline curve --kind lru --csv lru.csv loop.txt
check "the loop's knee" matches "$stdout" "${new_line} +40 +[0-9]+ +1 +[0-9.]+% +knee of lru"
check "LRU's rows alone" is "$(cut -d, -f1 lru.csv | sort -u | tr '\n' ' ')" "curve lru "
faultline curve --kind irh loop.txt
check "a loop's distances" matches "$stdout" "${new_line} +32..63 +160 "

bad() {
  local part=$1
  shift
  faultline curve "$@"
  expect_complaint 2 "$part"
}
bad "FILE is required"
bad "missing.refs: No such file or directory" missing.refs
: >empty.txt
bad "empty.txt: is empty" empty.txt
bad "--kind" --kind lfu belady.txt
bad "--kind= needs a value" --kind= belady.txt
bad "--speed" --speed belady.txt
bad "both files would be the same" --csv same --json same belady.txt
check "and neither is left" missing same
bad "is the reference string itself" --csv belady.txt belady.txt
check "which is still there" is "$(wc -l <belady.txt)" 12
bad "nowhere/x.csv: cannot be opened for writing" --csv nowhere/x.csv belady.txt
bad "missing.refs" --csv new.csv missing.refs
check "and no file is left" missing new.csv
if [[ -w /dev/full ]]; then
  faultline curve --csv /dev/full belady.txt
  check "a full disk: exit status" is "$status" 1
  check "a full disk: $stderr" contains "$stderr" "/dev/full: cannot be written: No space left on device"
  run bash -c '"$1" curve belady.txt >/dev/full' _ "$FAULTLINE"
  check "standard output that is full: exit status" is "$status" 1
  check "standard output that is full" one_line "$stderr"
fi

faultline curve --help
check "--help" is "$status" 0
check "--help says how it is used" contains "$stdout" "faultline curve [OPTIONS] FILE.refs"
check "--help fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
passed
