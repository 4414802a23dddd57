#!/usr/bin/env bash
# faultline explain: one page fault as a story, told truly: its numbers are those of the trace.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# field LINE NAME: a string or number of one JSON line; nested objects are not looked into.
field() { sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\)\"\{0,1\}[,}].*/\1/p" <<<"$1"; }
hex() { printf '0x%x' "$1"; }

# tell OPTIONS... -- PROGRAM...: explains the first fault of each kind that the run takes, against its trace.
told=()
tell() {
  local options=() kinds=() line kind seq code want
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  run timeout -k 1 120 "$FAULTLINE" run "${options[@]}" --trace=t.jsonl --trace-format jsonl "$@"
  # What is told of others than faults has kinds of its own.
  sed -i '/"event":/d' t.jsonl
  mapfile -t kinds < <(grep -o '"kind":"[a-z_]*"' t.jsonl | cut -d'"' -f4 | sort -u)
  for kind in "${kinds[@]}"; do
    line=$(grep -m 1 "\"kind\":\"$kind\"" t.jsonl)
    seq=$(field "$line" seq)
    run timeout -k 1 120 "$FAULTLINE" explain "${options[@]}" "$seq" "$@"
    check "$kind: status 0" is "$status" 0
    check "$kind: its head" contains "$stdout" "Page fault $seq of this run: $kind, in process $(field "$line" pid) ("
    check "$kind: its address" contains "$stdout" " $(field "$line" addr)"
    code=$(field "$line" error_code)
    check "$kind: its error code" contains "$stdout" "Error code $(hex "$code"): "
    [[ $(field "$line" symbol) == null ]] ||
      check "$kind: its instruction" contains "$stdout" "    $(field "$line" symbol) ($(field "$line" ip))"
    want=$(field "$line" tables_allocated)
    case $want in
      0) check "$kind: no tables" contains "$stdout" "No frame was allocated for page tables." ;;
      1) check "$kind: a table" contains "$stdout" "1 frame was allocated for page tables." ;;
      *) check "$kind: tables" contains "$stdout" "$want frames were allocated for page tables." ;;
    esac
    case $kind in
      segv_* | sigbus | poisoned | oom)
        check "$kind: it failed" contains "$stdout" "It failed, and counts neither as a minor nor as a major fault." ;;
      *)
        want='(minor fault: .*; 500 ns|major fault: .*; 100000 ns) under the cost model'
        case $kind in
          file_major) want='major fault: .*; 100000 ns under the cost model' ;;
          demand_zero | zero_* | file_minor | cow_reuse | write_notify | stack_grow)
            want='minor fault: .*; 500 ns under the cost model' ;;
        esac
        check "$kind: its cost" matches "$stdout" "  A $want"
        ;;
    esac
    want=$(field "$line" pfn)
    case $kind in
      demand_zero) check "$kind: its frame" contains "$stdout" "It took frame $(hex "$want"), full of zeroes" ;;
      zero_page) check "$kind: its frame" contains "$stdout" "the shared page of zeroes, frame $(hex "$want")" ;;
      zero_upgrade) check "$kind: its frame" contains "$stdout" "It put frame $(hex "$want") in the place of the page" ;;
      file_minor) check "$kind: its frame" contains "$stdout" "found in frame $(hex "$want")." ;;
      file_major) check "$kind: its frame" contains "$stdout" " into frame $(hex "$want")." ;;
      cow) check "$kind: its frame" contains "$stdout" " to frame $(hex "$want"), which is the program's own." ;;
      cow_reuse) check "$kind: its frame" contains "$stdout" "It made frame $(hex "$want") writable" ;;
      write_notify) check "$kind: its frame" contains "$stdout" ", in frame $(hex "$want"), writable" ;;
      swap_in)
        [[ $(field "$line" slot) == null ]] ||
          check "$kind: its slot" contains "$stdout" "It brought the page from slot $(field "$line" slot) " ;;
      stack_grow) check "$kind: its frame" contains "$stdout" "and the page is frame $(hex "$want")." ;;
    esac
    if grep -q '"victim":{' <<<"$line"; then
      check "$kind: who left" matches "$stdout" "evicted and [0-9]+ written; the policy looked at $(
        sed -n 's/.*"looked_at":\([0-9]*\).*/\1/p' <<<"$line") page"
    fi
    told+=("$kind")
  done
}

tell -- "$GUESTS/touch-musl"
tell -- "$GUESTS/brk-walk-musl"
tell -- "$GUESTS/stack-depth-musl"
tell -- "$GUESTS/file-mmap-musl"
tell -- "$GUESTS/processes-musl"
tell -- "$GUESTS/userfaultfd-musl"
tell -- "$GUESTS/die-null-musl"
tell -- "$GUESTS/die-write-code-musl"
tell -- "$GUESTS/crash-ways-musl" past-file
tell --frames 16 --policy clock -- "$GUESTS/loop-scan-musl"
tell --frames 12 --swap 0 -- "$GUESTS/loop-scan-musl"
for kind in demand_zero zero_page zero_upgrade file_minor file_major cow cow_reuse write_notify swap_in stack_grow \
  userfault segv_maperr segv_accerr sigbus oom; do
  check "$kind was told of" contains " ${told[*]} " " $kind "
done

# The whole of it, once.
cp "$GUESTS/brk-walk-musl" walk
faultline explain 7 ./walk
check "the heap's first page" is "${stdout%%$'\n'*}" "Page fault 7 of this run: demand_zero, in process 2 (walk)"
for part in "    main+0x" "guest-programs/brk-walk.c:" "    mov byte ptr [rbx], al" "  wanted to write at 0x409000." \
  "Error code 0x6: no page is there, a write access in user mode." \
  "  It ended at the last level: the entry is empty." "  0x409000-0x40b000 rw-p [heap]${new_line}  It is private memory without a file. It allows the write." \
  "The last system call that changed it is brk, called at " ": it mapped 0x409000-0x40b000." \
  "  demand_zero: first write to a page of anonymous memory" "  The entry became: P W U A NX." "  Nobody."; do
  check "it says: $part" contains "$stdout" "$part"
done
check "the program's output is on stderr" contains "$stderr" "brk: 8192 bytes more, 0 page faults"
check "the program goes no further" lacks "$stderr" "brk: back to where it was"
story=$stdout
faultline explain --output story.txt 7 ./walk
check "in a file: the same story" is "$(<story.txt)" "$story"
check "in a file: stdout is the program's" contains "$stdout" "brk: 8192 bytes more, 0 page faults"
faultline explain 1 ./walk
check "exec's own fault" contains "$stdout" "exec, which was building the program's address space, wanted to write at 0x7ffffff"

# Who left, and what the policy said of it: arc knows in which list the page was.
faultline run --frames 16 --policy arc --trace=t.jsonl --trace-format jsonl "$GUESTS/loop-scan-musl"
line=$(grep '"victim":{' t.jsonl | tail -n 1)
faultline explain --frames 16 --policy arc "$(field "$line" seq)" "$GUESTS/loop-scan-musl"
check "the policy" contains "$stdout" "  The policy is arc: "
victim=$(sed -n 's/.*"victim":{"page":\([0-9]*\).*/\1/p' <<<"$line")
check "the victim" contains "$stdout" "  Page $victim"
check "what was said of it" contains "$stdout" "    Before the fault the policy said of it: "

# Costs as the user sets them, and none where the host's clock counts.
faultline explain --cost minor=7us 7 ./walk
check "another cost" contains "$stdout" "; 7000 ns under the cost model"
faultline explain --clock host 7 ./walk
check "the host's clock" lacks "$stdout" "under the cost model"

# What goes wrong.
faultline explain 99 ./walk
check "no such fault: status 1" is "$status" 1
check "no such fault: nothing on stdout" is "$stdout" ""
check "no such fault: how many there were" contains "$stderr" \
  "faultline: ./walk: page fault 99 did not happen; there were 9 page faults"
for wrong in 0 x 1x 1.5; do
  faultline explain "$wrong" ./walk
  expect_complaint 2 "explain $wrong: want a number from 1"
done
faultline explain
expect_complaint 2 "explain: N is missing"
faultline explain 7
expect_complaint 2 "explain: PROGRAM is missing"
faultline explain 7 --frames 16 ./walk
expect_complaint 2 "explain: options stand before N; '--frames' is behind it"
faultline explain 7 ./nowhere
expect_complaint 125 "./nowhere"
faultline explain --nonsense 7 ./walk
expect_complaint 2 "--nonsense"
faultline explain --output none 7 ./nowhere
expect_complaint 125 "./nowhere"
check "nothing is left behind" missing none
passed
