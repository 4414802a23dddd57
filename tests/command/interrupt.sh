#!/usr/bin/env bash
# A signal from outside is the program's: it ends it as it would natively, and the trace up to then is kept.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# Long enough to be still running; SIGTERM, because a shell starts background commands with SIGINT ignored. The first
# system call on stderr says that the program has begun.
"$FAULTLINE" run --strace --trace=trace.jsonl --trace-format jsonl --stats=stats.json "$GUESTS/bench-compute-musl" 2000000000 \
  >.stdout 2>.stderr &
process=$!
for ((tries = 0; tries < 200; ++tries)); do
  [[ -s .stderr ]] && break
  sleep 0.1
done
kill -TERM "$process"
status=0
wait "$process" || status=$?
last=(kill -TERM "$FAULTLINE")

check "128 + SIGTERM" is "$status" 143
check "the trace was kept" test -s trace.jsonl
check "its last line is whole" is "$(tail -c 2 trace.jsonl)" "}"
check "so were the statistics" contains "$(cat stats.json)" '"signal": 15'

# All that the program has started gets it too: nobody is left to wait for.
cat >waits.c <<'C'
#include <unistd.h>
int main(void) {
    fork();
    pause();
}
C
gcc -static -O1 -o waits waits.c
run timeout --kill-after=60 1 "$FAULTLINE" run ./waits
check "timeout(1) ends a program and its child" is "$status" 124

passed
