#!/usr/bin/env bash
# compare-native as a user types it.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
hello=$GUESTS/hello-musl

faultline compare-native
expect_complaint 2 "PROGRAM is missing"
faultline compare-native --no-such-option "$hello"
expect_complaint 2 "--no-such-option"
faultline compare-native --limit x "$hello"
expect_complaint 2 "limit"
faultline compare-native ./nowhere
expect_complaint 125 "nowhere: No such file or directory"
faultline compare-native -o nowhere/table "$hello"
expect_complaint 2 "nowhere/table"
faultline compare-native -o table ./nowhere
expect_complaint 125 "nowhere"
check "no table is left behind" missing table
faultline compare-native --help
check "help succeeds" is "$status" 0
check "help names the exit status" contains "$stdout" "125"

faultline compare-native "$hello"
if [[ $status == 125 && $stderr == *"page faults cannot be recorded here"* ]]; then
  check "the reason is one line" one_line "$stderr"
  passed
  exit 0
fi
check "hello takes the same faults" is "$status" 0
check "stdout ends with the verdict" matches "$stdout" $'\nequal: [0-9]+ page faults$'
check "stdout names the function" contains "$stdout" "_start+0x0"
check "the program's own output is not there" lacks "$stdout" "hello from"
check "nothing on stderr" is "$stderr" ""
faultline compare-native -o table "$hello"
check "-o leaves stdout empty" is "$stdout" ""
check "-o holds the table" matches "$(<table)" 'equal: [0-9]+ page faults'
faultline compare-native --maps "$hello"
check "hello has the same layout" is "$status" 0
check "--maps shows lines of maps" contains "$stdout" "[vdso]"
faultline compare-native --limit 2 "$GUESTS/touch-musl"
check "--limit cuts the table" contains "$stdout" "--all shows them"
faultline compare-native --all "$GUESTS/touch-musl"
check "--all does not" lacks "$stdout" "--all shows them"

# A program that is not told the truth twice: its process id decides which page it touches.
cat >differ.c <<'C'
#include <unistd.h>
static volatile char pages[1 << 24] __attribute__((aligned(4096)));
int main(void) { pages[(getpid() & 2047) * 4096 + 4096] = 1; return 0; }
C
if command -v gcc >/dev/null && gcc -static -O1 -o differ differ.c 2>/dev/null; then
  faultline compare-native ./differ
  check "a different fault is a difference" is "$status" 1
  check "the first difference is named" contains "$stdout" "the first difference is in row"
fi
passed
