#!/usr/bin/env bash
# What brings pages of 2 MiB in the background, and for a fault that finds none: --khugepaged, --kcompactd, defrag.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# gather KIND MILLISECONDS OPTIONS...: of the program's transcript what was large before its sleep, and after.
gather() {
  local kind=$1 milliseconds=$2
  shift 2
  faultline run "$@" "$GUESTS/gather-musl" "$kind" "$milliseconds"
  large=$(sed -n 's/^.*: AnonHugePages \(-*[0-9]*\) kB$/\1/p' .stdout | tr '\n' ' ')
  large="$status:${large% }"
}
intact() { [[ $stdout == *"intact: 512"* ]]; }

for option in --khugepaged --kcompactd; do
  faultline run $option perhaps "$GUESTS/hello-musl"
  expect_complaint 2 "$option: unknown value 'perhaps'; there are: on, off"
done

# --- khugepaged ----------------------------------------------------------------------------------------------------------
gather full 60000 --thp always
check "without it nobody gathers: $stderr" is "$large" "0:0 0"
gather full 9000 --thp always --khugepaged on
check "it looks every 10 s: $stderr" is "$large" "0:0 0"
for options in "--thp always" "--thp madvise" "--thp always --paranoid --mem 32M" "--thp always --kswapd on --frames 4000" \
  "--thp always --policy mglru --scope per-process --mem 64M" "--thp madvise --flusher on --kcompactd on"; do
  for kind in full half one; do
    # shellcheck disable=SC2086
    gather $kind 11000 $options --khugepaged on
    check "$kind under $options: $stderr" is "$large" "0:0 2048"
    check "nothing is lost" intact
  done
done
gather heap 11000 --thp always --khugepaged on
check "the heap: $stderr" is "$large" "0:0 2048"
gather heap 11000 --thp madvise --khugepaged on
check "not where it was not asked for: $stderr" is "$large" "0:0 0"
gather old 60000 --thp always --khugepaged on
check "not what nobody uses: $stderr" is "$large" "0:0 0"
gather shared 60000 --thp always --khugepaged on
check "not what is shared: $stderr" is "$large" "0:0 0"
gather full 60000 --khugepaged on
check "not where there are none" is "$status" 77
for name in first second; do
  faultline run --thp always --khugepaged on --trace=$name.jsonl --trace-format jsonl --stats=$name.json \
    "$GUESTS/gather-musl" full 25000
  check "a run with a trace: $stderr" is "$status" 0
done
check "the trace is the same" cmp -s first.jsonl second.jsonl
check "the statistics tell of it" grep -q '"collapse_alloc": 1,' first.json

# --- what it goes by -----------------------------------------------------------------------------------------------------
busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  script() {
    local text="cd /sys/kernel/mm/transparent_hugepage/khugepaged; $1"
    shift
    faultline run "$@" --env PATH=/bin:/guests --bind "$busybox:/bin/busybox" --bind "$GUESTS:/guests" "$busybox" sh -c "$text"
  }
  seen() { sed -n 's/^.*: AnonHugePages \(-*[0-9]*\) kB$/\1/p' .stdout | tr '\n' ' '; }
  on=(--thp always --khugepaged on)

  script 'for file in *; do echo "$file $(busybox cat $file)"; done' --thp always
  check "Linux's defaults: $stdout" is "$stdout" "alloc_sleep_millisecs 60000
defrag 1
full_scans 0
max_ptes_none 511
max_ptes_shared 256
max_ptes_swap 64
pages_collapsed 0
pages_to_scan 4096
scan_sleep_millisecs 10000"
  if [[ $EUID == 0 && -d /sys/kernel/mm/transparent_hugepage/khugepaged ]]; then
    check "the same files as the host's" is "$(busybox sed 's/ .*//' .stdout)" \
      "$(cd /sys/kernel/mm/transparent_hugepage/khugepaged && printf '%s\n' *)"
  fi
  script 'for file in max_ptes_none max_ptes_swap max_ptes_shared; do echo 512 >$file; done
    echo 0 >pages_to_scan; echo x >scan_sleep_millisecs; echo -1 >alloc_sleep_millisecs; echo 2 >defrag
    echo 4294967296 >scan_sleep_millisecs; echo " 5" >scan_sleep_millisecs; busybox cat *; echo 1 >full_scans || echo refused' "${on[@]}"
  check "what is no number of theirs is refused" is "$(grep -c 'Invalid argument' .stderr)" 9
  check "and changes nothing: $stdout" is "$stdout" "60000
1
0
511
256
64
0
4096
10000
refused"

  script 'echo 100 >scan_sleep_millisecs; gather-musl full 250; busybox cat pages_collapsed full_scans scan_sleep_millisecs
    busybox grep -E "^thp_(collapse|scan)" /proc/vmstat' "${on[@]}"
  check "its times are settings: $stderr" is "$(seen)" "0 2048 "
  check "it counts: $stdout" matches "$stdout" "${new_line}1${new_line}[1-9][0-9]*${new_line}100${new_line}"
  check "as vmstat does" contains "$stdout" "thp_collapse_alloc 1"
  script 'echo 0 >scan_sleep_millisecs; gather-musl full 20' "${on[@]}"
  check "no sleep at all: $stderr" is "$status:$(seen)" "0:0 2048 "
  script 'echo 255 >max_ptes_none; echo 50 >scan_sleep_millisecs; gather-musl half 250; echo 256 >max_ptes_none
    busybox grep none_pte /proc/vmstat; gather-musl half 250' "${on[@]}"
  check "max_ptes_none: $stderr" is "$(seen)" "0 0 0 2048 "
  check "places with too little count" matches "$stdout" "thp_scan_exceed_none_pte [1-9]"
  script 'echo 50 >scan_sleep_millisecs; gather-musl shared 250; busybox grep share_pte /proc/vmstat' "${on[@]}"
  check "max_ptes_shared: $stderr" is "$(seen)" "0 0 "
  check "and shared ones" matches "$stdout" "thp_scan_exceed_share_pte [1-9]"
  script 'echo never >../enabled; echo 50 >scan_sleep_millisecs; busybox sleep 5; busybox cat full_scans
    echo madvise >../enabled; gather-musl full 250' "${on[@]}"
  check "it stops, and goes on: $stderr" is "${stdout%%"$new_line"*}:$(seen)" "0:0 2048 "
  script 'echo 50 >scan_sleep_millisecs; (gather-musl full 800; gather-musl half 300) & gather-musl one 500; wait' "${on[@]}"
  check "several address spaces: $stderr" is "$(grep -c 'AnonHugePages 2048' .stdout)" 3

  script 'busybox ps -o pid,ppid,stat,args; for pid in 3 4; do busybox cut -d " " -f 2,9,18,19 /proc/$pid/stat; done' \
    --thp always --khugepaged on --kcompactd on
  check "they are kernel threads: $stdout" matches "$stdout" ' 3 +2 .*\[kcompactd0\].* 4 +2 .*\[khugepaged\]'
  check "as Linux's: $stdout" contains "$stdout" "(kcompactd0) 2162752 20 0${new_line}(khugepaged) 2097216 39 19"
  script 'busybox ps -o pid,args' --thp always
  check "there are none unless asked for" lacks "$stdout" kthreadd

  # Where nothing can happen but by the host, time does not run away.
  last=(a program that waits for its input)
  { sleep 0.3; echo; } | timeout -k 1 60 "$FAULTLINE" run "${on[@]}" --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" \
    sh -c 'read line; busybox cat /proc/uptime' >.stdout 2>.stderr || fail "waiting for input"
  uptime=$(cut -d . -f 1 .stdout)
  check "uptime after input: $uptime" test "$uptime" -lt 100

  # --- defrag --------------------------------------------------------------------------------------------------------------
  script 'cd ..; busybox cat defrag; for word in always defer defer+madvise madvise never; do echo $word >defrag
    busybox cat defrag; done; echo sometimes >defrag; echo >defrag; busybox cat defrag' --thp always
  check "its words: $stdout" is "$stdout" "always defer defer+madvise [madvise] never
[always] defer defer+madvise madvise never
always [defer] defer+madvise madvise never
always defer [defer+madvise] madvise never
always defer defer+madvise [madvise] never
always defer defer+madvise madvise [never]
always defer defer+madvise madvise [never]"
  check "and no others" is "$(grep -c 'Invalid argument' .stderr)" 2
  # try DEFRAG OPTIONS...: what two faults under MADV_HUGEPAGE find in scattered memory, the second one later.
  try() {
    local defrag=$1
    shift
    script "echo $defrag >../defrag; gather-musl scattered 10; busybox grep ^compact_ /proc/vmstat" --thp always --mem 14M "$@"
    check "defrag $defrag ($*): $stderr" is "$status:$stderr" "0:"
  }
  for word in always defer+madvise madvise; do
    try $word
    check "$word compacts: $stdout" is "$(seen)" "2048 2048 "
    check "and vmstat says so" matches "$stdout" "compact_stall [12]${new_line}compact_fail 0${new_line}compact_success [12]"
  done
  try never
  check "never does not: $stdout" is "$(seen)" "0 0 "
  check "so that nothing is looked at" contains "$stdout" "compact_stall 0"
  try defer
  check "defer, and nobody to leave it to: $stdout" is "$(seen)" "0 0 "
  try defer --kcompactd on
  check "kcompactd has done it for the next one: $stdout" is "$(seen)" "0 2048 "
  check "nobody waited" contains "$stdout" "compact_stall 0"
  check "it counts: $stdout" matches "$stdout" "compact_daemon_wake [1-9][0-9]*${new_line}compact_daemon_migrate_scanned [1-9]"
  try defer --kcompactd on --paranoid
  check "under --paranoid: $stdout" is "$(seen)" "0 2048 "
fi
passed
