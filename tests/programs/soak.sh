#!/usr/bin/env bash
# Thousands of processes, one batch after another: whatever they had comes back. The check at a run's end looks for tasks,
# frames, files, timers, futexes and inodes; the emulator's own memory is looked at here.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

for case in musl:10000 glibc:2000; do
  soak=$GUESTS/soak-${case%:*} count=${case#*:}
  peak_of "$FAULTLINE" run --mem 64M "$soak" 200
  check "200 processes" is "$status" 0
  few=$peak_kib
  peak_of "$FAULTLINE" run --mem 64M "$soak" "$count"
  check "$count processes: $stderr" is "$status" 0
  native=$("$soak" "$count")
  check "the same as natively" is "$stdout" "$native"
  # 40 bytes for each process would show.
  check "$few KiB for 200, $peak_kib KiB for $count" at_most "$peak_kib" $((few + 2048))
done
passed
