#!/usr/bin/env bash
# Files for traces and statistics: what can go wrong with them, and what stays as it was.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/hello-musl" hello
faultline run ./hello
greeting=$stdout

for option in --trace --stats --dump-mm --strace --report; do
  # What cannot be opened is known before the program starts.
  faultline run $option=nowhere/file ./hello
  expect_complaint 2 "nowhere/file: cannot be opened for writing: No such file or directory"
  mkdir -p folder
  faultline run $option=folder ./hello
  expect_complaint 2 "folder: cannot be opened for writing: Is a directory"
  faultline run $option=hello ./hello
  expect_complaint 2 "hello: is the program itself"
  check "the program is unharmed" cmp -s hello "$GUESTS/hello-musl"

  # A full disk: the guest's output is complete, then one line and status 1.
  faultline run $option=/dev/full ./hello
  check "$option=/dev/full: status" is "$status" 1
  check "$option=/dev/full: the guest's output" is "$stdout" "$greeting"
  check "$option=/dev/full: one line" one_line "$stderr"
  check "$option=/dev/full: the reason" contains "$stderr" "/dev/full: the "
  check "$option=/dev/full: the reason" contains "$stderr" "No space left on device"

  # An older file is replaced when the program starts, and untouched when it does not.
  seq 100000 >old
  cp old kept
  faultline run $option=old ./nowhere
  expect_complaint 125 "./nowhere"
  check "$option: an older file is untouched when nothing ran" cmp -s old kept
  faultline run --mem 0 $option=old ./hello
  check "$option: nor after a bad option" cmp -s old kept
  faultline run $option=old ./hello
  check "$option: and replaced when the program ran" matches "$(<old)" '(demand_zero|memory_pages|mm_struct|exit_group)'
  check "$option: as a whole" lacks "$(<old)" "99999"

  # Links are followed, pipes and devices take what they are given.
  ln -sf target link
  faultline run $option=link ./hello
  check "$option: a link stays a link" test -L link
  check "$option: its target has the bytes" test -s target
  faultline run $option=/dev/null ./hello
  check "$option=/dev/null" is "$status" 0
  "$FAULTLINE" run $option=>(cat >through-pipe) ./hello >.stdout
  # The reader is a process of its own and may be behind.
  for _ in {1..50}; do
    [[ ! -s through-pipe ]] || break
    sleep 0.1
  done
  check "$option: through a pipe" test -s through-pipe
  rm -f link target old kept through-pipe
done

faultline run --trace=both --stats=./both ./hello
expect_complaint 2 "cannot hold both"
check "nothing is left behind" missing both
faultline run --strace=both --trace=./both ./hello
expect_complaint 2 "cannot hold both the trace and the system calls"
faultline run --trace=one --stats=nowhere/two ./hello
expect_complaint 2 "nowhere/two"
check "no half of the outputs is left behind" missing one

# With a standard stream closed, the trace's file must not take its place.
"$FAULTLINE" run --trace=trace.txt --stats=stats.json ./hello >&- 2>.stderr || true
check "the guest's output is not in the trace" lacks "$(<trace.txt)" "$greeting"
check "nor in the statistics" lacks "$(<stats.json)" "$greeting"
"$FAULTLINE" run --trace=trace.txt ./hello >.stdout 2>&-
check "with stderr closed the guest's output is complete" is "$(<.stdout)" "$greeting"

# A large trace on a full disk ends neither the run nor the guest's output.
faultline run --trace=/dev/full --trace-format jsonl "$GUESTS/bench-touch-musl" 3000 2
check "a large trace: status" is "$status" 1
check "a large trace: the guest's output" is "$stdout" "2 rounds of 3000 pages"
check "a large trace: one line" one_line "$stderr"
passed
