#!/usr/bin/env bash
# The list of policies, the page of one, and a policy of one's own.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
root=${BASH_SOURCE[0]%/tests/command/*}
[[ $root == /* ]] || root=$OLDPWD/$root

faultline policies
check "exit status" is "$status" 0
check "stderr is empty" is "$stderr" ""
check "fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
names=$(awk '/^[^ ]/ && NR > 1 { print $1 }' .stdout)
check "they are in order" is "$names" "$(LC_ALL=C sort <<<"$names")"
for name in fifo clock lru opt working-set mglru s3-fifo; do
  check "$name is in the list" matches "$stdout" "${new_line}$name +[a-z]+ "
done
check "what LRU needs" matches "$stdout" "${new_line}lru +every reference "

for name in $names; do
  faultline policies "$name"
  check "the page of $name: exit status" is "$status" 0
  check "the page of $name: title" matches "$stdout" "^$name - "
  check "the page of $name: needs" matches "$stdout" "${new_line}needs +[a-z]"
  check "the page of $name: source" matches "$stdout" "${new_line}source +[A-Z]"
  check "the page of $name: parameters" matches "$stdout" "${new_line}parameters"
  check "the page of $name: fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
done
faultline policies clock,load=0
check "a value, its range and its default" contains "$stdout" "load=0  (0..1, default 1)"

bad() {
  local part=$1
  shift
  faultline policies "$@"
  expect_complaint 2 "$part"
}
bad "unknown policy 'clok'; did you mean 'clock'?" clok
bad "unknown parameter 'laod'; did you mean 'load'?" clock,laod=1
bad "load=2 is not possible; a whole number 0..1" clock,load=2
bad "policy lfu: ties: unknown value 'x'; there are: lru, fifo" lfu,ties=x
bad "one NAME at a time, not 'lru' as well" clock lru
bad "policy ./mine.so: cannot open shared object file" ./mine.so
echo text >mine.so
bad "policy ./mine.so: " ./mine.so
bad "policy mine.so: " mine.so

faultline policies --help
check "--help" is "$status" 0
check "--help shows how a plugin is built" contains "$stdout" "c++ -std=c++20 -shared -fPIC"

# The command that the example prints, with the build folder of this build.
example=$root/docs/examples/lifo.cpp
build_command=$(sed -n 's|^// *\(c++ .*\)|\1|p' "$example")
check "the example says how it is built" matches "$build_command" '^c\+\+ '
check "the help says the same" contains "$stdout" "$build_command"
check "the example is short" is "$(($(wc -l <"$example") < 40))" 1
if command -v c++ >/dev/null; then
  build_command=${build_command/build\/include/$(dirname "$FAULTLINE")/include}
  run bash -c "${build_command/docs\/examples\/lifo.cpp/$example}"
  check "the example builds: $stderr" is "$status" 0
  for path in ./lifo.so "$PWD/lifo.so" lifo.so; do
    faultline policies "$path"
    check "the page of $path" matches "$stdout" "^lifo - the last page leaves first"
  done
  faultline policies ./lifo.so,keep=3
  check "its parameters" contains "$stdout" "keep=3  (0..1000, default 0)"
  bad "policy lifo: keep=-1 is not possible; a whole number 0..1000" ./lifo.so,keep=-1
fi
passed
