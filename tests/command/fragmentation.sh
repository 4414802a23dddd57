#!/usr/bin/env bash
# Fragmented memory: what the kernel says of it, what compaction makes of it, and the module that takes blocks.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
program=$GUESTS/bench-touch-musl

# Its lines in the log: those of `fragment`.
said() { sed -n 's/^\[ *[0-9.]*\] fragment: //p' <<<"$stderr"; }

# Without load there is a block, and nothing moves for it.
faultline run --mem 8M --dmesg --module fragment,order=5,count=2 "$program" 64 1
check "the program is none the wiser" is "$status" 0
check "two blocks" matches "$(said)" "block 1 of order 5 at frame 0x[0-9a-f]+: 0 pages moved, 0 left memory"
check "and no third" lacks "$(said)" "block 3"
check "the index before" contains "$(said)" "for order 5 fragmentation index -1.000"
check "buddyinfo, before and after" is "$(said | grep -c '^Node 0, zone   Normal ')" 2
check "they are given back" contains "$(said)" "2 blocks given back"

# More than there is: as many as there are, and no others' pages for it.
faultline run --mem 8M --dmesg --module fragment,order=8,count=1000 --paranoid "$program" 64 1
check "the program runs on in what is left" is "$status" 0
check "none further" matches "$(said)" "no further block of order 8: [0-9]+ pages moved, 0 left memory"

# Under load, a block that pages have to leave for.
faultline run --mem 4M --dmesg --module fragment,order=7,count=3,effort=2,at-fault=900 --paranoid "$program" 1100 1
check "the program's pages are in swap meanwhile" is "$status" 0
check "three blocks" matches "$(said)" "block 3 of order 7 at frame 0x[0-9a-f]+: [0-9]+ pages moved"
check "for which pages moved" matches "$(said)" ": [1-9][0-9]* pages moved"
check "and left memory" matches "$(said)" ", [1-9][0-9]* left memory"
first=$(said)
faultline run --mem 4M --dmesg --module fragment,order=7,count=3,effort=2,at-fault=900 "$program" 1100 1
check "the same again" is "$(said)" "$first"
faultline run --mem 4M --dmesg --module fragment,order=7,effort=0,at-fault=900 "$program" 1100 1
check "none where nothing is to be done for it" contains "$(said)" "no block of order 7: 0 pages moved, 0 left memory"

# A wrong argument.
for wrong in fragment fragment,order fragment,order=0 fragment,order=11 fragment,order=2,count=0 fragment,order=2,effort=3 \
  fragment,order=two fragment,order=2,size=1; do
  faultline run --module "$wrong" "$program" 1 1
  expect_complaint 2 "module fragment"
done

# As a shell sees it.
busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  in_shell() { faultline run --mem 16M --paranoid "$busybox" sh -c "$1"; }
  in_shell 'read line </sys/kernel/debug/extfrag/extfrag_index; echo "$line"'
  check "extfrag_index" matches "$stdout" "^Node 0, zone   Normal( +-?[0-9.-]+){11}"
  in_shell 'read line </sys/kernel/debug/extfrag/unusable_index; echo "$line"'
  check "unusable_index" matches "$stdout" "^Node 0, zone   Normal( [01]\.[0-9]{3}){11}"
  in_shell 'echo 1 >/proc/sys/vm/compact_memory && while read -r line; do
    case $line in pgmigrate_success*) echo "$line";; esac; done </proc/vmstat'
  check "compact_memory moves pages, the shell's own among them" matches "$stdout" "^pgmigrate_success [1-9]"
  in_shell 'echo 2 >/proc/sys/vm/compact_memory'
  check "nothing but 1" contains "$stderr" "nvalid argument"
  in_shell 'read line </proc/sys/vm/compact_memory'
  check "it cannot be read" contains "$stderr" "ermission denied"
  in_shell 'while read -r line; do echo "$line"; done </proc/pagetypeinfo'
  check "pagetypeinfo" contains "$stdout" "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate"
fi
passed
