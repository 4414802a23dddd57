# shellcheck shell=bash
# Shared by the tests of this folder: each is a script of its own that sources this file first.
# Gets the command in $FAULTLINE and the folder of the guest programs in $GUESTS; runs in a folder of its own.
set -euo pipefail
shopt -s nullglob

: "${FAULTLINE:?the faultline command}" "${GUESTS:?the folder of the guest programs}"
FAULTLINE=$(realpath "$FAULTLINE")
GUESTS=$(realpath "$GUESTS")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ulimit -c 0

readonly new_line=$'\n'
checks=0

fail() {
  printf '%s: FAILED: %s\n' "${0##*/}" "$*" >&2
  printf -- '--- the last command: %s\n' "${last[*]:-none}" >&2
  for stream in stdout stderr; do
    [[ -e .$stream ]] && printf -- '--- %s (status %s)\n%s\n' "$stream" "${status:-?}" "$(head -c 2000 ".$stream" | cat -v)" >&2
  done
  exit 1
}

# run COMMAND...: keeps what it prints in $stdout and $stderr and its exit status in $status.
run() {
  last=("$@")
  status=0
  { "$@" </dev/null >.stdout 2>.stderr || status=$?; } 2>/dev/null
  stdout=$(tr -d '\0' <.stdout)
  stderr=$(tr -d '\0' <.stderr)
}

# faultline ARGUMENTS...: the command under test.
faultline() { run "$FAULTLINE" "$@"; }

# check WHAT CONDITION...: CONDITION is a command; WHAT says what did not hold.
check() {
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" || fail "$what"
}

is() { [[ $1 == "$2" ]]; }
matches() { [[ $1 =~ $2 ]]; }
contains() { [[ $1 == *"$2"* ]]; }
lacks() { [[ $1 != *"$2"* ]]; }
one_line() { [[ -n $1 && $1 != *"$new_line"* ]]; }
missing() { [[ ! -e $1 ]]; }

# What every complaint of the command looks like: nothing on stdout, one line on stderr, a status.
expect_complaint() {
  local expected=$1 part=$2
  check "exit status $expected" is "$status" "$expected"
  check "stdout is empty" is "$stdout" ""
  check "one line on stderr" one_line "$stderr"
  check "stderr starts with the command's name" matches "$stderr" '^faultline: '
  check "stderr says: $part" contains "$stderr" "$part"
}

passed() {
  ((checks > 0)) || fail "nothing was checked"
  echo "$checks checks passed"
}
