#!/usr/bin/env bash
# --dump-mm and --dump-at: address spaces as text.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/brk-walk-musl" walk
faultline run ./walk
plain=$stdout
readonly agree='The list, the tree and /proc/2/maps agree: '

faultline run --dump-mm ./walk
check "the program succeeds" is "$status" 0
check "stdout is the guest's" is "$stdout" "$plain"
check "it names the process and when" matches "$stderr" '^process 2 \(walk\), at its end, after 9 page faults'
for field in task_size mmap_base highest_vm_end start_code end_code start_data end_data start_stack start_brk brk \
  arg_start arg_end env_start env_end saved_auxv mm_users mm_count map_count def_flags total_vm hiwater_vm locked_vm pinned_vm \
  shared_vm data_vm exec_vm stack_vm hiwater_rss MM_ANONPAGES MM_FILEPAGES MM_SHMEMPAGES pgtables pgd \
  vm_flags vm_page_prot vm_pgoff anon_vma vm_ops rb_subtree_gap find_vma; do
  check "it has the field: $field" contains "$stderr" "$field"
done
check "the views agree" contains "$stderr" "$agree"
check "the heap is grown" matches "$stderr" 'rw-p 00000000 00:00 0 +\[heap\]'
check "the tree's root is black" matches "$stderr" $'\n  [0-9a-f]+-[0-9a-f]+  black  0x'

# Each VMA with its line of maps, and as many nodes in the tree.
count=$(sed -n 's/.*agree: \([0-9]*\) VMAs.*/\1/p' <<<"$stderr")
check "VMAs in the list" is "$(grep -cE '^    [0-9a-f]+-[0-9a-f]+ [r-][w-][x-][ps] ' <<<"$stderr")" $((count + 1))
check "VMAs in the tree" is "$(grep -cE '(red|black)  0x' <<<"$stderr")" "$count"

faultline run --dump-mm=dump.txt ./walk
check "in a file: nothing on stderr" is "$stderr" ""
check "in a file: the views agree" contains "$(<dump.txt)" "$agree"

# At faults: before its first touch the heap has no page, and the last fault is the end's state.
faultline run --dump-at 3,7 ./walk
check "at two faults" is "$(grep -c "^process 2 " <<<"$stderr")" 2
check "the first" contains "$stderr" "at page fault 3 (file_major at 0x40102b)"
check "the second" contains "$stderr" "at page fault 7 (demand_zero at 0x409000)"
check "no dump at the end" lacks "$stderr" "at its end"
check "the program succeeds" is "$status" 0
faultline run --dump-mm=dump.txt --dump-at=7 ./walk
check "one file for all" is "$(grep -c "^process 2 " dump.txt)" 2
faultline run --dump-at 1 ./walk
check "faults of exec itself" matches "$stderr" '^process 2 \(walk\), at page fault 1 \(demand_zero at 0x7fffffffef'

# Beside a trace, which stays what it was.
faultline run --trace=without.jsonl --trace-format jsonl ./walk
faultline run --trace=with.jsonl --trace-format jsonl --dump-mm=dump.txt --dump-at 2 ./walk
check "the trace is the same" cmp -s without.jsonl with.jsonl

# A fault that never happens is said at the end.
faultline run --dump-at 7,1000,2000 ./walk
check "status 1" is "$status" 1
check "stdout is the guest's" is "$stdout" "$plain"
check "it says so" contains "$stderr" "faultline: --dump-at: page fault 1000, 2000 did not happen; there were 9 page faults"
check "the other one was dumped" contains "$stderr" "at page fault 7 ("
faultline run --dump-at 3 "$GUESTS/die-null-musl"
check "a program that dies has its own status" is "$status" 139

# What the command line gets wrong.
for wrong in 0 x -1 "" "," "3," ",3" "3,,4" 3x 1.5 99999999999999999999 "3 4"; do
  faultline run "--dump-at" "$wrong" ./walk
  expect_complaint 2 "--dump-at"
done
faultline run --dump-at= ./walk
expect_complaint 2 "--dump-at= needs a value"
faultline run --dump-mm= ./walk
expect_complaint 2 "--dump-mm= needs a value"
faultline run --dump-mm=both --stats=./both ./walk
expect_complaint 2 "cannot hold both the dump and the statistics"
faultline run --dump-mm=both --trace=./both ./walk
expect_complaint 2 "cannot hold both the trace and the dump"
check "nothing is left behind" missing both
faultline run --dump-at 1 --dump-mm=none ./nowhere
expect_complaint 125 "./nowhere"
check "nothing is left behind" missing none
passed
