#!/usr/bin/env bash
# Programs that take all they can get: each is stopped, says why, and the host's memory stays within what
# docs/processes.md promises.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

bombs=$(program bombs)
readonly memory_kib=$((32 * 1024)) emulator_kib=$((32 * 1024)) task_kib=32

# bomb KIND TASKS OPTIONS...: in a machine of 32 MiB, with so many tasks at most.
bomb() {
  local kind=$1 tasks=$2
  shift 2
  # What is in pipes is not in the RAM's frames that stand for it, and those may be resident all the same: the host backs
  # RAM with large pages, and one slab between them brings 2 MiB.
  local beside_kib=0
  [[ $kind != pipes ]] || beside_kib=$memory_kib
  peak_of "$FAULTLINE" run --mem 32M --swap 0 --max-tasks "$tasks" "$@" "$bombs" "$kind"
  check "$kind: $peak_kib KiB of the host's memory" at_most "$peak_kib" \
    $((memory_kib + beside_kib + emulator_kib + tasks * task_kib))
}

for kind in fork vfork threads; do
  bomb $kind 300
  check "$kind: status" is "$status" 124
  check "$kind: message" is "$stderr" "faultline: $bombs: stopped at 300 tasks"
done
bomb pipes 10
check "pipes: status" is "$status" 0
check "pipes: and then no task" is "$stdout" "fork: Cannot allocate memory"
bomb exec 10 --max-instructions 30000000
check "exec: status" is "$status" 124
check "exec: message" is "$stderr" "faultline: $bombs: stopped after 30000000 instructions"
bomb memory 50
check "memory: status" is "$status" 0
check "memory: children" is "$stdout" "6 of 6 were killed"
check "memory: messages" is "$(grep -c 'Out of memory: Killed process [0-9]* (bombs)' <<<"$stderr")" 6
bomb files 10
check "files" is "$stdout" "file more than 100: No space left on device"
passed
