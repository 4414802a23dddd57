#!/usr/bin/env bash
# The kernel half as a user sees it: inspect's views, other page walkers, and what programs can read of it.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

walk=$GUESTS/brk-walk-musl

# --- inspect -----------------------------------------------------------------------------------------------------------
faultline inspect --at-fault 7 --mem 64M --show kernel "$walk"
check "the view: $stderr" is "$status" 0
check "the direct map: all of RAM" contains "$stdout" "0xffff888000000000-0xffff888004000000     64M  direct map"
check "whose first 2 MiB are small pages" matches "$stdout" '512 of 4K  P W A D G NX'
check "and the rest large ones" matches "$stdout" ' 31 of 2M  P W A D PS G NX'
check "a 64th of RAM for the memory map" contains "$stdout" "0xffffea0000000000-0xffffea0000100000      1M  memory map"
faultline inspect --at-fault 7 --show all "$walk"
check "it is among all views" contains "$stdout" "${new_line}kernel: "

# Any address of the direct map, to its frame and back.
faultline inspect --at-fault 7 --walk 0xffff888000345678 --phys 0x345678 "$walk"
check "the walk ends in a large page" matches "$stdout" 'pmd  table [^'"$new_line"']* -> frame 0x200'
check "at this place in it" contains "$stdout" "physical: 0x345678, "
check "of the direct map" contains "$stdout" "direct map${new_line}  the kernel's half"
check "and back" contains "$stdout" "  the kernel    0xffff888000345678  direct map"
faultline inspect --at-fault 7 --walk 0xffffea0000008000 "$walk"
check "the struct page of a frame" contains "$stdout" "memory map, struct page of frame 0x200"
faultline inspect --at-fault 7 --walk 0xffff800000000000 "$walk"
check "a hole" contains "$stdout" "mapping: none"

# What boot takes is at the top.
faultline inspect --at-fault 7 --mem 1M --show frames "$walk"
check "the tables" matches "$stdout" '  0xf4 +1  page table +pgd of the kernel, '
check "the memory map" matches "$stdout" '  0xfc-0xff +4  memory map'
check "the program's own root" matches "$stdout" '  0x[0-9a-f]{1,2} +1  page table +pgd of process 2, '

# --- other walkers -----------------------------------------------------------------------------------------------------
faultline run --check-walkers "$walk"
check "the walkers agree: $stderr" is "$status" 0
check "one line says so" one_line "$stderr"
check "of one address space" matches "$stderr" \
  "^faultline: walkers: [0-9]+ pages of 1 address space, [0-9]+ of the kernel half; Unicorn's MMU: [0-9]+ translations; KVM: "
check "and no difference" matches "$stderr" '; 0 differ$'
plain=$stdout
faultline run "$walk"
check "the program notices nothing" is "$stdout" "$plain"
check "and without the option nothing is said" is "$stderr" ""
faultline run --check-walkers "$GUESTS/processes-musl"
check "each process is walked: $stderr" matches "$stderr" 'pages of [1-9][0-9]+ address spaces'
if ((EUID == 0)) && command -v setpriv >/dev/null && [[ -c /dev/kvm && $(stat -c %a /dev/kvm) != *[67] ]]; then
  cp "$FAULTLINE" faultline && cp "$walk" walk && chmod 755 . faultline walk
  run setpriv --reuid 65534 --clear-groups ./faultline run --check-walkers ./walk
  check "without /dev/kvm it says so: $stderr" contains "$stderr" "; KVM: skipped: /dev/kvm: Permission denied; 0 differ"
  check "and goes on" is "$status" 0
fi

# --- what programs see -------------------------------------------------------------------------------------------------
if command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
  # shellcheck disable=SC2016
  faultline run --mem 64M --bind "$(command -v busybox):/bin/busybox" --env PATH=/bin "$(command -v busybox)" sh -c \
    'busybox grep -E "^(MemTotal|DirectMap|VmallocTotal)" /proc/meminfo; busybox stat -c %a /proc/vmallocinfo'
  check "RAM less 256 frames of memory map, 8 tables and frame 0" matches "$stdout" '^MemTotal: +64476 kB'
  check "the direct map's pages" matches "$stdout" 'DirectMap4k: +2048 kB'"$new_line"'DirectMap2M: +63488 kB'
  check "for root alone" matches "$stdout" "${new_line}400$new_line?\$"
fi
passed
