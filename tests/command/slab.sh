#!/usr/bin/env bash
# The kernel's own objects as a user sees them: /proc/slabinfo, /proc/meminfo, `inspect --show slab`, and memory that runs
# out for them.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# field LABEL: what /proc/meminfo, in $stdout, says of it, in KiB.
field() { sed -n "s/^$1: *\([0-9]*\) kB\$/\1/p" <<<"$stdout"; }
# cache NAME COLUMN: of a line of /proc/slabinfo, in $stdout.
cache() { awk -v name="$1" -v column="$2" '$1 == name { print $column }' <<<"$stdout"; }

# --- what is told ------------------------------------------------------------------------------------------------------
faultline inspect --at-exit --show slab "$GUESTS/hello-musl"
check "inspect: $stderr" is "$status" 0
check "the first program's task is in memory" matches "$stdout" $'\n''  task_struct +4288 +1 +7 +1 +0 +8  0xffff8880[0-9a-f]+, 1 of 7 used'$'\n'
check "and its address space" matches "$stdout" $'\n''  mm_struct +1600 +1 '
check "caches without a slab are counted" matches "$stdout" $'\n''  [0-9]+ caches without a slab; 0 blocks of kmalloc'
faultline inspect --at-exit --show frames "$GUESTS/hello-musl"
check "frames say whose slab they are: $stderr" matches "$stdout" ' slab +vm_area_struct'$'\n'
check "and that four are the thread's stack" is \
  "$(awk '$3 == "stack" && $4 == "kernel_clone," { frames += $2 } END { print frames }' <<<"$stdout")" 4

if busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1; then
  show() { faultline run --bind "$busybox:/bin/busybox" --env PATH=/bin "$@"; }
  show "$busybox" cat /proc/meminfo
  check "meminfo: $stderr" is "$status" 0
  check "Slab is its two parts" is "$(field Slab)" $(($(field SReclaimable) + $(field SUnreclaim)))
  check "there is one" test "$(field Slab)" -gt 0
  check "one thread, one stack" is "$(field KernelStack)" 16
  check "which is all that vmalloc has" is "$(field VmallocUsed)" 16
  show "$busybox" cat /proc/vmallocinfo
  check "whose it is" is "$stdout" \
    "0xffffc90000000000-0xffffc90000005000   20480 kernel_clone pages=4 vmalloc N0=4"
  # shellcheck disable=SC2016
  show "$busybox" sh -c 'busybox cat /proc/vmallocinfo; busybox grep -E "^(KernelStack|VmallocUsed)" /proc/meminfo; true'
  check "two tasks, two stacks" is "$(grep -c ' kernel_clone pages=4 vmalloc N0=4$' <<<"$stdout")" 2
  check "each aligned to its size" contains "$stdout" "0xffffc90000008000-0xffffc9000000d000"
  check "with the one of the next child" is "$(field KernelStack):$(field VmallocUsed)" 32:32
  show "$busybox" cat /proc/slabinfo
  check "slabinfo: $stderr" is "$status" 0
  check "its version" is "$(head -n 1 <<<"$stdout")" "slabinfo - version: 2.1"
  check "the columns are Linux's" is "$(sed -n 2p <<<"$stdout")" "# name            <active_objs> <num_objs> <objsize> \
<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>"
  check "one task" is "$(cache task_struct 2)" 1
  check "of Linux's size" is "$(cache task_struct 4)" 4288
  check "one file table" is "$(cache files_cache 2)" 1
  # Two processes, of which one has forked the other and waits.
  # shellcheck disable=SC2016
  show "$busybox" sh -c 'busybox cat /proc/slabinfo; true'
  check "two tasks" is "$(cache task_struct 2)" 2
  check "two address spaces" is "$(cache mm_struct 2)" 2
  show "$busybox" stat -c %a /proc/slabinfo
  check "for root alone" is "$stdout" 400
fi

# --- memory runs out ---------------------------------------------------------------------------------------------------
objects="$GUESTS/kernel-objects-musl"
faultline run --paranoid "$objects"
check "with memory to spare all is had: $stderr" is "$status" 0
check "and none is refused" is "$(grep -c 'then' <<<"$stdout")" 0
for kind in mappings:mprotect files:open pipes:pipe sockets:socketpair names:mkdir; do
  run timeout -k 1 60 "$FAULTLINE" run --paranoid --mem 512K --swap 0 "$objects" 4000 "${kind%:*}"
  check "$kind in 512 KiB: $stderr" is "$status" 0
  check "$kind: refused, and given back" matches "$stdout" \
    "^${kind#*:}: [0-9]+ of 4000, then (Cannot allocate memory|Out of memory|No space left on device)\$"
done
# Children, and others that share the memory: who is short of a page may end the first of them, as on Linux. That and
# what the first is told both happen among these sizes, whatever the paths of this test have cost; nobody goes round for
# ever.
for kind in sharers:clone:464 children:fork:880; do
  IFS=: read -r name call size <<<"$kind"
  refused=0 killed=0
  for ((more = 0; more < 120; more += 4)); do
    run timeout -k 1 60 "$FAULTLINE" run --paranoid --mem "$((size + more))K" --swap 0 "$objects" 4000 "$name"
    case $status in
      0)
        check "$name in $((size + more)) KiB: refused, and given back" matches "$stdout" \
          "^$call: [0-9]+ of 4000, then Out of memory\$"
        refused=$((refused + 1))
        ;;
      137)
        check "$name in $((size + more)) KiB: nothing is wrong but that" matches "$stderr" \
          '^(faultline: Out of memory: Killed process [^'$'\n'']*'$'\n''?)+$'
        killed=$((killed + 1))
        ;;
      *) fail "$name in $((size + more)) KiB: status $status" ;;
    esac
  done
  check "$name: refused in some sizes" is "$((refused > 0))" 1
  check "$name: killed in others" is "$((killed > 0))" 1
done
passed
