#!/usr/bin/env bash
# SQLite as a library: databases in memory of ours and on the host's disk, where its own tools then find them sound.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

database=$(program database)

for journal in delete wal; do
  # Its own temporary folder on either side.
  run "$database" "$work" "$journal"
  native=$stdout
  faultline run "$database" /tmp "$journal"
  check "$journal, in memory: output" is "$stdout" "$native"
  check "$journal, in memory: status" is "$status" 0
  twin "$journal, on the host's disk" "$database" . "$journal"
  # A checker that is not emulated; the twin has compared the database byte by byte with the native one before.
  run "$database" check here/$journal.db
  check "$journal: sound" is "$stdout" "  ok"
done
# With fewer frames than it would like, where its pages come from the host's disk and go there.
for policy in fifo linux-2list; do
  options=(--frames 256 --policy "$policy")
  twin "in 256 frames under $policy" "$database" . delete
done
options=()
faultline run --paranoid --mem 16M "$database" /tmp wal
check "under --paranoid" is "$stdout" "$native"
passed
