#!/usr/bin/env bash
# Options, their values, and what the command says to those it does not understand.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
hello=$GUESTS/hello-musl

# Help and version go to stdout and succeed.
for words in "--help" "-h" "run --help" "run -h" "trace --help" "trace convert --help"; do
  # shellcheck disable=SC2086  # the words are meant to be split
  faultline $words
  check "'$words' succeeds" is "$status" 0
  check "'$words' prints nothing on stderr" is "$stderr" ""
  check "'$words' shows how it is used" contains "$stdout" "usage: faultline"
  check "'$words' fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
done
for option in --mem --root --bind --trace --trace-format --report --filter --trace-last --stats --fault-around --strace --seed --clock --env --paranoid; do
  faultline run --help
  check "the help of run explains $option" matches "$stdout" "${new_line} +${option}[ []"
done
check "the help shows which values need '='" contains "$stdout" "--trace[=FILE]"
faultline --version
check "--version" is "$status" 0
version='[0-9]+\.[0-9]+'
check "--version: its own, Unicorn's and Capstone's" matches "$stdout" \
  "^faultline $version\.[0-9]+${new_line}Unicorn $version\.[0-9]+${new_line}Capstone $version\$"

# Without a word it shows what there is.
faultline
check "no arguments: exit status" is "$status" 2
check "no arguments: stdout is the guest's" is "$stdout" ""
check "no arguments: help" contains "$stderr" "usage: faultline"

# One line, exit status 2.
bad() {
  local part=$1
  shift
  faultline "$@"
  expect_complaint 2 "$part"
}
bad "unknown option '--bogus'" --bogus
bad "unknown subcommand 'walk'" walk
bad "PROGRAM is missing" run
bad "PROGRAM is missing" run --trace
bad "PROGRAM is missing" run --
bad "unknown option '--bogus'" run --bogus "$hello"
bad "unknown option '-x'" run -x "$hello"
bad "unknown option '--tra'; did you mean --trace?" run --tra "$hello"
bad "--mem" run --mem
bad "--trace-format" run --trace-format xml "$hello"
bad "--clock" run --clock sundial "$hello"
bad "--env: 'NAME' is not of the form NAME=VALUE" run --env NAME "$hello"
bad "--env: '=value' is not of the form" run --env =value "$hello"
bad "needs a value" run --trace= "$hello"
bad "needs a value" run --stats= "$hello"
for seed in -1 x 1x 0x '' 18446744073709551616; do bad "--seed: '$seed'" run --seed "$seed" "$hello"; done

for pages in -1 x 3 1024 '' 12K; do bad "--fault-around: '$pages'" run --fault-around "$pages" "$hello"; done

# Sizes.
for size in 0 1 4095 67K '0T' ; do bad "'$size' is too small" run --mem "$size" "$hello"; done
for size in '' ' ' M lots -1 +1M 1.5G 64Q 64MM 64iB 64MiBs '64 M' 0x100000 1e6; do
  bad "--mem: '$size' is not a size" run --mem "$size" "$hello"
done
for size in 16T 17T 16384GiB 99999999999999999999 18446744073709551615 16777216T; do
  bad "'$size' is too large" run --mem "$size" "$hello"
done
for size in 67108864 67108863 65536K 64M 64m 64MB 64MiB 64mib 64000KiB 1G 67108864B; do
  faultline run --mem "$size" "$hello"
  check "--mem $size" is "$status" 0
done
faultline run --mem 67108863 --stats=stats.json "$hello"
check "a size is rounded up to pages" contains "$(<stats.json)" '"total": 16384'
# A machine larger than the host can hold is a reason not to start.
# (Under AddressSanitizer calloc would end the process where it otherwise answers that there is no memory.)
ASAN_OPTIONS=${ASAN_OPTIONS:-}:allocator_may_return_null=1 faultline run --mem 17592186040320 "$hello"
check "the largest size starts or is refused in one line" matches "$status" '^(0|125)$'

# Said twice, the last one counts.
faultline run --mem 1 --mem 64M --seed 0xff --seed 5 --clock host --clock virtual "$hello"
check "options may be said twice" is "$status" 0
passed
