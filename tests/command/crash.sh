#!/usr/bin/env bash
# What a program that dies of SIGSEGV or SIGBUS is told of the access it died of.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/crash-ways-musl" ways

# lesson WAY SIGNAL REASON PATTERN...: the program dies so, and is told so.
lesson() {
  local way=$1 signal=$2 reason=$3 pattern lines
  shift 3
  faultline run ./ways "$way"
  check "$way: its status" is "$status" $((128 + signal))
  check "$way: the signal" matches "$stderr" "^faultline: \./ways: ended by signal $signal \("
  check "$way: $reason" contains "$stderr" "$new_line  likely: $reason"
  for pattern in "$@"; do check "$way: $pattern" matches "$stderr" "$pattern"; done
  lines=$(wc -l <<<"$stderr")
  check "$way: a few lines" test "$lines" -ge 4 -a "$lines" -le 8
  check "$way: nothing on stdout" is "$stdout" ""
}

readonly here='guest-programs/crash-ways\.c:[0-9]+'
lesson null-read 11 "a null pointer was used" "  read from 0x0 by null_read\+0x[0-9a-f]+, $here" \
  '  no mapping there; 4\.0 MiB above it begins 0x400000-0x[0-9a-f]+ r--p .*/ways'
lesson null-member 11 "a null pointer was used, 24 bytes past it: a member" '  read from 0x18 by null_member' \
  '    0x[0-9a-f]+: mov .*\+ 0x18\]'
lesson null-call 11 "a call through a null function pointer" '  execution of what is at 0x0' \
  "called from null_call\+0x[0-9a-f]+, $here"
lesson constant-write 11 "a write to constant data" '  write to 0x[0-9a-f]+ by constant_write' \
  '  in the mapping 0x[0-9a-f]+-0x[0-9a-f]+ r--p .*/ways'
lesson after-munmap 11 "use after unmapping" '  munmap unmapped 0x[0-9a-f]+-0x[0-9a-f]+, at (__)?munmap'
lesson after-mremap 11 "use after unmapping" '  mremap moved 0x[0-9a-f]+-0x[0-9a-f]+ to 0x[0-9a-f]+, at (__)?mremap'
lesson after-brk 11 "use after unmapping" '  brk unmapped 0x[0-9a-f]+-0x[0-9a-f]+, at (__)?(brk|sbrk)|syscall'
lesson past-heap 11 "past the end of the heap (brk)" '  no mapping there; 4196 bytes below it ends .* \[heap\]'
lesson past-mapping 11 "past the end of a mapping" \
  '  no mapping there; 100 bytes below it ends 0x200000000000-0x200000004000 rw-p anonymous'
lesson before-mapping 11 "before the start of a mapping" \
  '  no mapping there; 16 bytes above it begins 0x200000000000-0x200000001000 rw-p anonymous'
lesson past-file 7 "the page is past the end of the mapped file, which has 100 bytes" \
  '  in the mapping 0x[0-9a-f]+-0x[0-9a-f]+ r--s /memfd:short'
lesson kernel-address 11 "a corrupted pointer, or a negative offset: the address is in the kernel's half" \
  '  read from 0xffff888000001234 by kernel_address'
lesson non-canonical 11 "a corrupted pointer: the address is not canonical" \
  '  read from 0x6867666564636261 by non_canonical' 'its bytes are the text "abcdefgh"'
lesson wild-read 11 "a wild pointer" '  read from 0x123456789000 by wild_read'
lesson wild-jump 11 "a wild jump" '  execution of what is at 0x123456789000' "called from wild_jump\+0x[0-9a-f]+, $here"
lesson heap-jump 11 "a jump to data: the page is not executable (NX)" '  in the mapping .* rw-p \[heap\]' \
  '  brk mapped 0x[0-9a-f]+-0x[0-9a-f]+ with PROT_READ\|PROT_WRITE, at ' "called from heap_jump\+0x[0-9a-f]+, $here"
lesson protected-write 11 "a write to memory that was made read-only" \
  '  mprotect gave 0x[0-9a-f]+-0x[0-9a-f]+ the rights PROT_READ, at (__)?mprotect'
lesson no-rights 11 "the mapping has no rights at all (PROT_NONE)" '  mmap mapped 0x[0-9a-f]+-0x[0-9a-f]+ with PROT_NONE'
lesson guard-page 11 "a guard page was touched"
lesson stack-overflow 11 "stack overflow: the stack may not grow beyond 8 MiB (RLIMIT_STACK)" \
  '  write to 0x7fffff7f[0-9a-f]+ by descend\+' '\[stack\]'
lesson thread-stack 11 "stack overflow of a thread" '  write to 0x[0-9a-f]+ by descend\+'

# Who called the C library's function, in every variant: musl's has no call frame information.
for variant in musl musl-pie glibc glibc-pie; do
  for way in after-munmap:munmap after-mremap:mremap protected-write:mprotect; do
    faultline run "$GUESTS/crash-ways-$variant" "${way%:*}"
    function=${way%:*}
    check "$variant: who called ${way#*:}" matches "$stderr" \
      ", at (__)?${way#*:}[^,]*, called from ${function//-/_}\+0x[0-9a-f]+, $here"
  done
done

# The instruction named is the one that faulted, and the address the one of the trace.
faultline run --trace=t.jsonl --trace-format jsonl ./ways after-munmap
last_fault=$(grep '"kind":"segv_maperr"' t.jsonl | tail -n 1)
address=$(sed -n 's/.*"addr":"\(0x[0-9a-f]*\)".*/\1/p' <<<"$last_fault")
symbol=$(sed -n 's/.*"symbol":"\([^"]*\)".*/\1/p' <<<"$last_fault")
source=$(sed -n 's/.*"source":"\([^"]*\)".*/\1/p' <<<"$last_fault")
check "as in the trace" contains "$stderr" "  write to $address by $symbol, $source$new_line"

# Other programs of the family, in every variant.
for variant in musl musl-pie glibc glibc-pie; do
  faultline run "$GUESTS/die-null-$variant"
  check "die-null-$variant" matches "$stderr" "write to 0x0 by main\+0x[0-9a-f]+, guest-programs/die-null.c:[0-9]+$new_line"
  faultline run "$GUESTS/die-stack-overflow-$variant"
  check "die-stack-overflow-$variant" contains "$stderr" "likely: stack overflow: the stack may not grow beyond 8 MiB"
  faultline run "$GUESTS/die-jump-data-$variant"
  check "die-jump-data-$variant" contains "$stderr" "likely: a jump to data: the page is not executable (NX)"
  check "die-jump-data-$variant: from where" contains "$stderr" "called from main+0x"
  faultline run "$GUESTS/die-write-code-$variant"
  check "die-write-code-$variant" contains "$stderr" "likely: a write to code, which is mapped read-only"
done
faultline run "$GUESTS/die-hlt-musl"
check "a privileged instruction" contains "$stderr" "likely: the processor refused the instruction itself"
check "which" matches "$stderr" '0x[0-9a-f]+: hlt'
faultline run "$GUESTS/die-no-signal-stack-musl"
check "a handler without a stack" contains "$stderr" "its signal handler could not run: there is no room for it at the stack pointer, 0x0"

# With few frames, without a symbol, and with the host's clock it is the same.
faultline run --frames 16 ./ways after-munmap
check "with few frames" contains "$stderr" "likely: use after unmapping"
strip -o stripped ./ways 2>/dev/null && {
  faultline run ./stripped null-read
  check "without names" matches "$stderr" "  read from 0x0 by 0x[0-9a-f]+$new_line"
}
faultline run --clock host ./ways past-file
check "with the host's clock" contains "$stderr" "likely: the page is past the end of the mapped file"
faultline run --paranoid ./ways null-call
check "under --paranoid" contains "$stderr" "likely: a call through a null function pointer"

# No lesson: signals that somebody sent, others than these two, and those that are handled.
for way in raised killed; do
  faultline run ./ways "$way"
  check "$way: ended by a signal" contains "$stderr" "ended by signal"
  check "$way: one line" one_line "$stderr"
done
for program in die-abort die-divide die-ud2; do
  faultline run "$GUESTS/$program-musl"
  check "$program: one line" one_line "$stderr"
done
for program in sigsegv-handler sigaltstack-overflow; do
  faultline run "$GUESTS/$program-musl"
  check "$program: nothing is said" is "$stderr" ""
done
# Nor of children, whose parent sees to them.
faultline run ./ways
check "children: all are waited for" is "$status" 0
check "children: nothing is said" is "$stderr" ""
passed
