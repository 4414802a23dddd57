#!/usr/bin/env bash
# What the kernel says of pages in swap: its views agree with each other, and with what this command was told.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
views=$GUESTS/swap-views-musl

# swapped FRAMES OPTIONS...: all of the program's checks hold, and nothing is said but what it says.
swapped() {
  local frames=$1
  shift
  faultline run --frames "$frames" "$@" "$views" swapped
  check "everything was swapped out, and came back ($*)" is "$status:$stderr" "0:"
  check "all was compared ($*)" contains "$stdout" "swapped: the swap cache holds what was read"
}
swapped 64
swapped 48 --paranoid
swapped 64 --kswapd on
swapped 100 --scope per-process --policy wsclock
swapped 400 --swap 4M
swapped 64 --mem 8M --swap-file swap

# The same transcript with and without swap, with many frames and few.
faultline run "$views"
check "plenty" is "$status:$stderr" "0:"
plenty=$stdout
faultline run --swap 0 "$views"
check "without swap" is "$status:$stderr:$stdout" "0::$plenty"
for frames in 8 20 64; do
  faultline run --frames "$frames" "$views"
  check "$frames frames" is "$status:$stderr:$stdout" "0::$plenty"
done

# Holes and data of a file that is only in memory.
for program in memfd file-io; do
  faultline run "$GUESTS/$program-musl"
  plenty=$stdout
  faultline run --frames 8 "$GUESTS/$program-musl"
  check "$program with 8 frames" is "$status:$stderr:$stdout" "0::$plenty"
done

# The machine's own words, where there is a shell to ask for them.
busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  # read_of FILE OPTIONS...
  read_of() {
    local file=$1
    shift
    faultline run "$@" "$busybox" cat "$file"
    check "cat $file" is "$status:$stderr" "0:"
  }
  header=$'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority'
  read_of /proc/swaps --swap 0
  check "no swap" is "$stdout" "$header"
  read_of /proc/swaps --swap 3M
  check "swap in memory" is "$stdout" "$header${new_line}/swap                                   file"$'\t\t3072\t\t0\t\t-2'
  read_of /proc/swaps --swap 10G --swap-file "a b"
  name="$PWD/a\\040b"
  check "a wide size, and a blank in a name" contains "$stdout" "$name"
  check "its columns" contains "$stdout" $' file\t\t10485760\t0\t\t-2'
  read_of /proc/meminfo --swap 3M --mem 4M
  check "SwapTotal" contains "$stdout" "SwapTotal:          3072 kB"
  check "CommitLimit" contains "$stdout" "CommitLimit:        5068 kB"
  read_of /proc/zoneinfo --kswapd on --mem 64M
  check "watermarks" matches "$stdout" "min +[1-9][0-9]*${new_line} +low +[1-9][0-9]*${new_line} +high +[1-9]"
  read_of /proc/zoneinfo --mem 64M
  check "none where nobody reclaims in the background" matches "$stdout" "min +0${new_line} +low +0${new_line} +high +0"
fi
passed
