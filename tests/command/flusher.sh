#!/usr/bin/env bash
# --flusher: the kernel thread that brings pages of files back to the host, by their age.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
mkdir shared
write_back() {
  local options=$1
  shift
  # shellcheck disable=SC2086
  faultline run $options --bind "$PWD/shared:/shared:rw" "$GUESTS/write-back-musl" /shared/file "$@"
}
lines() { sed -n 's/^after \(.*\) page faults$/\1/p' .stdout | tr '\n' ';'; }

write_back "" 60000
check "without it nothing is written back meanwhile: $stderr" is "$status:$(lines)" "0:60000 ms: 0;"
check "but in the end" is "$(head -c 1 shared/file)" c
# The first look at dirty pages is 5 s after the first write, and every 5 s from then; after 30 s the file is old.
write_back "--flusher on" 29000 2000 20000 11000
check "the age of 30 s counts from the first write: $stderr" is "$status:$(lines)" \
  "0:29000 ms: 0;2000 ms: 1;20000 ms: 0;11000 ms: 1;"
check "the host has it" is "$(head -c 1 shared/file)" c
write_back "--flusher on --trace=t.jsonl --trace-format jsonl" 40000
check "the fault is write_notify" is "$(grep -c '"kind":"write_notify"' t.jsonl)" 1
write_back "--flusher on --trace=u.jsonl --trace-format jsonl" 40000
check "the same run gives the same trace" cmp -s t.jsonl u.jsonl
write_back "--flusher on --paranoid --kswapd on --frames 64" 40000 40000
check "with all else on: $stderr" is "$status:$(lines)" "0:40000 ms: 1;40000 ms: 1;"
write_back "--flusher on --max-instructions 100000000" 40000
check "and no timer is left for a machine that waits: $stderr" is "$status" 0

faultline run --flusher maybe "$GUESTS/hello-musl"
expect_complaint 2 "--flusher: unknown value 'maybe'; there are: on, off"

busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  script() {
    local text=$1
    shift
    faultline run "$@" --env PATH=/bin --bind "$busybox:/bin/busybox" --bind "$GUESTS:/guests" \
      --bind "$PWD/shared:/shared:rw" "$busybox" sh -c "$text"
  }
  script 'cd /proc/sys/vm; echo 100 >dirty_writeback_centisecs; echo 200 >dirty_expire_centisecs; busybox head dirty_*
    /guests/write-back-musl /shared/file 1500 1000 2500; busybox ps -o pid,comm' --flusher on
  check "its times are settings: $stderr" contains "$stdout" $'dirty_expire_centisecs <==\n200'
  check "that count: $stdout" is "$(lines)" "1500 ms: 0;1000 ms: 1;2500 ms: 1;"
  check "it is a kernel thread" matches "$stdout" '2 kthreadd.*3 kworker/u1:0'
  script 'cd /proc/sys/vm; echo 0 >dirty_writeback_centisecs; /guests/write-back-musl /shared/file 40000; echo x >dirty_expire_centisecs
    echo -1 >dirty_expire_centisecs; busybox cat dirty_*_centisecs; busybox ps -o comm' --flusher on
  check "0 is never: $stdout" is "$(lines)" "40000 ms: 0;"
  check "what is no number is refused" contains "$stderr" "Invalid argument"
  check "and changes nothing" contains "$stdout" $'3000\n0\n'
  script 'busybox ps -o comm'
  check "there is none unless asked for" lacks "$stdout" kworker
fi
passed
