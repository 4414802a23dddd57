# What the command tests share. They are sourced with $FAULTLINE (the command) and $GUESTS (the guest programs' folder).
# shellcheck shell=bash
set -euo pipefail
: "${FAULTLINE:?the faultline command}" "${GUESTS:?the folder of the guest programs}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

checks=0
failures=0

# Runs faultline with the arguments; leaves $status, and the files out and err.
run() {
  status=0
  "$FAULTLINE" "$@" </dev/null >out 2>err || status=$?
}

# check WHAT COMMAND...: one check, which holds if the command succeeds.
check() {
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" && return
  failures=$((failures + 1))
  echo "FAILED: $what ($*)"
  echo "  status ${status:-?}; stdout and stderr begin:"
  head -n 5 out err | sed 's/^/  /'
}

status_is() { [[ $status == "$1" ]]; }
lines_are() { [[ $(wc -l <"$1") == "$2" ]]; }
is_empty() { [[ ! -s $1 ]]; }
has() { grep -qiF -- "$2" "$1"; }
has_not() { ! has "$@"; }

# refused WHAT STATUS TEXT ARGUMENTS...: the command says one line on stderr that holds the text, and nothing else.
refused() {
  local what=$1 expected=$2 text=$3
  shift 3
  run "$@"
  check "$what: exit status" status_is "$expected"
  check "$what: one line on stderr" lines_are err 1
  check "$what: it names what is wrong" has err "$text"
  check "$what: nothing on stdout" is_empty out
}

finish() {
  echo "$checks checks, $failures failed"
  ((failures == 0))
}
