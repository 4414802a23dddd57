# shellcheck shell=bash
# Shared by the tests of this folder: one command natively and emulated, in equal folders.
# Where the tests find their scripts.
sources=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
# shellcheck source=tests/command/support.bash
source "$sources/../command/support.bash"

skip() {
  echo "${0##*/}: skipped: $*" >&2
  exit 77
}

# program NAME: the full path of a program of this folder that was built, if its libraries were there.
program() {
  [[ -x ${PROGRAMS:-}/$1 ]] || skip "$1 was not built"
  realpath "$PROGRAMS/$1"
}

# static_shell NAME: the full path of a program that the distribution has linked statically.
static_shell() {
  local path
  path=$(command -v "$1") || skip "$1 is not installed"
  [[ $(ldd "$path" 2>&1 || true) == *"not a dynamic"* ]] || skip "$path is not linked statically"
  realpath "$path"
}

# What both sides start with, and the options that the emulated one gets beside the folder.
mkdir start
options=()
environment=()

# twin WHAT COMMAND...: in ./here, a copy of ./start: first natively, then with that folder bound for writing. Output,
# status and what the folder holds afterwards, as the host sees it, are equal. The folders stay as ./here and ./native.
twin() {
  local what=$1 expected=0
  shift
  rm -rf here native && cp -a start here
  (
    cd here
    ulimit -S -n 1024 # as ours begins
    exec env -i "${environment[@]}" "$@"
  ) </dev/null >native.output 2>&1 || expected=$?
  mv here native && cp -a start here
  last=("$FAULTLINE" run "${options[@]}" "${environment[@]/#/--env=}" "$@")
  status=0
  (cd here && exec "$FAULTLINE" run --bind "$PWD:$PWD:rw" "${options[@]}" "${environment[@]/#/--env=}" "$@") \
    </dev/null >emulated.output 2>&1 || status=$?
  checks=$((checks + 1))
  diff -u native.output emulated.output >.stdout 2>.stderr || fail "$what: output"
  check "$what: status" is "$status" "$expected"
  run diff -r --no-dereference native here
  check "$what: what it leaves" is "$status$stdout" 0
}

# peak_of COMMAND...: run, and $peak_kib says how much of the host's memory the command had at most.
peak_of() {
  # What a sanitizer takes is not the emulator's.
  [[ $(ldd "$FAULTLINE") != *libasan* ]] || skip "built with AddressSanitizer"
  run "$(program measure)" .peak "$@"
  # shellcheck disable=SC2034  # for the tests
  peak_kib=$(<.peak)
}

at_most() { (($1 <= $2)); }
