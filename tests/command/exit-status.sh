#!/usr/bin/env bash
# The exit status is the guest's; 125 and one line where there is no guest.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
hello=$GUESTS/hello-musl

faultline run "$hello"
check "a program that succeeds" is "$status" 0
check "nothing is said about it" is "$stderr" ""
faultline run "$GUESTS/bench-touch-musl" nonsense
check "a program that fails" is "$status" 1

declare -A deaths=([null]=11 [write-code]=11 [jump-data]=11 [hlt]=11 [stack-overflow]=11 [ud2]=4 [divide]=8 [abort]=6)
for death in "${!deaths[@]}"; do
  signal=${deaths[$death]}
  faultline run "$GUESTS/die-$death-musl"
  check "die-$death ends with 128 + $signal" is "$status" $((128 + signal))
  check "die-$death: what it printed before is there" matches "$stdout" .
  check "die-$death: stderr names the signal" contains "${stderr%%$'\n'*}" "die-$death-musl: ended by signal $signal ("
  # Of an access that it died of there is more to say: see crash.sh.
  ((signal == 11)) || check "die-$death: one line on stderr" one_line "$stderr"
done

not_started() {
  local part=$1 program=$2
  faultline run --trace=trace --stats=stats "$program"
  expect_complaint 125 "$program: "
  check "stderr says: $part" contains "$stderr" "$part"
  check "no trace is left behind" missing trace
  check "no statistics are left behind" missing stats
}

not_started "No such file or directory" ./nowhere
not_started "No such file or directory" nowhere/nothing
not_started "Not a directory" "$hello/x"
mkdir folder
not_started "is a directory" ./folder
not_started "not a regular file" /dev/null
mkfifo pipe
not_started "not a regular file" ./pipe
: >empty
not_started "" ./empty
echo "hello" >text
not_started "not an ELF" ./text
printf '#!/bin/sh\necho hello\n' >script
chmod +x script
not_started "script" ./script
for size in 1 3 16 63 64 100 200 4096 5000; do
  head -c "$size" "$hello" >cut-off
  not_started "" ./cut-off
done
not_started "dynamic" /bin/true

# patched NAME OFFSET BYTES: a copy of hello with some bytes (as printf escapes) replaced.
patched() {
  cp "$hello" "$1"
  printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
patched class32 4 '\x01'
patched big-endian 5 '\x02'
patched relocatable 16 '\x01\x00'
patched core-dump 16 '\x04\x00'
patched entry-size 54 '\x07\x00'
patched no-headers 56 '\x00\x00'
patched headers-outside 32 '\xff\xff\xff\xff\xff\xff\xff\x7f'
patched huge $((64 + 3 * 56 + 40)) '\xff\xff\xff\xff\xff'
for program in class32 big-endian relocatable core-dump entry-size no-headers headers-outside huge; do
  not_started "" "./$program"
done
patched arm 18 '\x28\x00'
not_started "not for x86-64" ./arm
patched overlap $((64 + 56 + 16)) '\x00\x00\x40'
not_started "overlap" ./overlap
if ((EUID != 0)); then
  cp "$hello" secret && chmod 000 secret
  not_started "Permission denied" ./secret
fi
# Names may hold anything; the message is one line all the same.
faultline run $'./two\nlines\e[1m'
expect_complaint 125 "./two?lines?[1m: No such file or directory"

# Too little RAM is refused, with the least that works. Anything else that is wrong with the program comes first.
# least OPTIONS... PROGRAM: what the refusal of 68 KiB names, in KiB.
least() {
  faultline run --mem 68K "$@"
  expect_complaint 2 "--mem: 68 KiB is too small for ${*: -1}; the least is "
  least=$(sed -n 's/.*; the least is \([0-9]*\) KiB$/\1/p' <<<"$stderr")
}
# runs_from OPTIONS... PROGRAM: with that much it runs, and with a page less it is refused in the same words.
runs_from() {
  least "$@"
  local program=${*: -1}
  run timeout -k 1 60 "$FAULTLINE" run --mem "$((least - 4))K" "$@"
  expect_complaint 2 "--mem: $((least - 4)) KiB is too small for $program; the least is $least KiB"
  run timeout -k 1 60 "$FAULTLINE" run --mem "${least}K" "$@"
  check "$* in $least KiB: $stderr" is "$status:$stderr" 0:
}
runs_from "$GUESTS/touch-musl"
runs_from "$GUESTS/touch-glibc"
runs_from "$GUESTS/hello-musl-pie"
pie=$least
runs_from --paranoid "$hello"
runs_from --kswapd on --flusher on "$hello"
with_threads=$least
runs_from "$hello"
check "a program whose parts lie close together needs fewer page tables" test "$pie" -lt "$least"
check "kernel threads have stacks, too" test "$with_threads" -gt $((least + 3 * 16))
for subcommand in 'inspect --at-exit' 'explain 1'; do
  read -ra words <<<"$subcommand"
  faultline "${words[0]}" --mem "$((least - 4))K" "${words[@]:1}" "$hello"
  expect_complaint 2 "too small for $hello; the least is $least KiB"
done
faultline inspect --at-exit --mem "${least}K" "$hello"
check "inspect in $least KiB" is "$status" 0
echo kept >trace.txt
faultline run --mem 68K --trace=trace.txt "$hello"
expect_complaint 2 "is too small"
check "what was in a file stays" is "$(<trace.txt)" kept
faultline run --mem 68K ./missing
expect_complaint 125 "./missing: No such file or directory"
faultline run --mem 68K ./arm
expect_complaint 125 "not for x86-64"
passed
