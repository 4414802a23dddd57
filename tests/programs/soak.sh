#!/usr/bin/env bash
# Ten thousand processes, one batch after another: whatever they had comes back. The check at a run's end looks for tasks,
# frames, files, timers, futexes and inodes; the emulator's own memory is looked at here.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

for variant in musl glibc; do
  soak=$GUESTS/soak-$variant
  peak_of "$FAULTLINE" run --mem 64M "$soak" 200
  check "200 processes" is "$status" 0
  few=$peak_kib
  peak_of "$FAULTLINE" run --mem 64M "$soak" 5000
  check "5000 processes: $stderr" is "$status" 0
  native=$("$soak" 5000)
  check "the same as natively" is "$stdout" "$native"
  # 40 bytes for each process would show.
  check "$few KiB for 200, $peak_kib KiB for 5000" at_most "$peak_kib" $((few + 2048))
done
passed
