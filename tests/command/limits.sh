#!/usr/bin/env bash
# --max-tasks, --max-instructions and --timeout: a program that would not end, and bad values.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

cat >bomb.c <<'C'
#include <unistd.h>
int main(void) {
    for (;;) fork();
}
C
cat >spin.c <<'C'
int main(void) {
    for (;;) __asm__ volatile("");
}
C
for name in bomb spin; do gcc -static -O1 -o $name $name.c; done

faultline run --max-tasks 50 ./bomb
check "a fork bomb is stopped" is "$status" 124
check "and said so in one line" matches "$stderr" 'bomb: stopped at 50 tasks$'
faultline run --max-tasks 50 --clock host ./bomb
check "under the host's clock too" is "$status" 124

faultline run --max-instructions 1000000 ./spin
check "instructions are counted" is "$status" 124
check "how many" matches "$stderr" 'spin: stopped after 1000000 instructions$'
faultline run --max-instructions 100000000 "$GUESTS/hello-musl"
check "a program that ends in time is left alone" is "$status" 0

faultline run --timeout 0.2 ./spin
check "time is up" is "$status" 124
check "how much" matches "$stderr" 'spin: stopped after 0.2 s$'
faultline run --timeout 0.2 --clock host ./spin
check "under the host's clock" is "$status" 124
faultline run --timeout 0.2 "$GUESTS/hello-musl"
check "hello does not wait" is "$status" 0

# Mappings that never had a page, in ever more processes: their vm_area_structs fill the RAM until fork finds none.
cat >maps.c <<'C'
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 60000; ++i) {
        if (mmap(0, 4096, i % 2 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 1;
    }
    pid_t child;
    while ((child = fork()) > 0) continue;
    if (child == 0) for (;;) pause();
    const int refused = errno;
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    return refused == ENOMEM ? 3 : 4;
}
C
gcc -static -O1 -o maps maps.c
faultline run --mem 16M ./maps
check "a bomb of mappings runs out of memory, as on Linux" is "$status" 3

for wrong in "--max-tasks 0" "--max-tasks x" "--max-instructions 0" "--timeout 0" "--timeout -1" "--timeout soon" \
  "--max-instructions 5 --clock host"; do
  # shellcheck disable=SC2086
  faultline run $wrong ./spin
  check "refused: $wrong" is "$status" 2
  check "in one line: $wrong" is "$(wc -l <<<"$stderr")" 1
done
passed
