#!/usr/bin/env bash
# A command line that makes no sense: status 2, a message that names it, nothing on stdout, no file left behind.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

hello=$GUESTS/hello-musl

# misused WHAT TEXT ARGUMENTS...
misused() {
  local what=$1 text=$2
  shift 2
  run "$@"
  check "$what: exit status" status_is 2
  check "$what: it names what is wrong" has err "$text"
  check "$what: nothing on stdout" is_empty out
}

misused "an unknown command" frobnicate frobnicate
misused "an unknown option" --frobnicate run --frobnicate "$hello"
misused "no program" PROGRAM run
misused "memory that is no size" plenty run --mem plenty "$hello"
misused "an unknown trace format" xml run --trace --trace-format xml "$hello"
misused "an unknown clock" sundial run --clock sundial "$hello"
misused "a seed that is no number" salt run --seed salt "$hello"
misused "a trace that cannot be written" missing/trace run --trace=missing/trace "$hello"
misused "statistics that cannot be written" missing/stats run --stats=missing/stats "$hello"

for arguments in --help "run --help"; do
  # shellcheck disable=SC2086  # split on purpose
  run $arguments
  check "$arguments: exit status" status_is 0
  check "$arguments: on stdout" has out --help
  check "$arguments: nothing on stderr" is_empty err
done
run --version
check "--version: exit status" status_is 0

finish
