#!/usr/bin/env bash
# kswapd as programs see it: a kernel thread that /proc shows, that nothing kills, and that does the work in the background.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

busybox=$(command -v busybox || true)
if [[ -z $busybox || $(ldd "$busybox" 2>&1 || true) != *"not a dynamic"* ]]; then
  echo "kswapd.sh: skipped: busybox-static is not installed"
  exit 77
fi
# script SCRIPT OPTIONS...: in a shell that finds busybox by its name.
script() {
  local text=$1
  shift
  faultline run "$@" --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" sh -c "$text"
}

# What /proc says of the kernel threads, without their numbers and what they have used.
show='
for name in kthreadd kswapd0; do
  for folder in /proc/[0-9]*; do
    read -r comm <"$folder/comm" || continue
    [ "$comm" = $name ] || continue
    cd "$folder"
    echo "$comm: $(busybox cut -d " " -f "3,5-13,16-21,23-34,36-38,40-52" stat)"
    busybox grep -E "^(Name|Umask|TracerPid|[UG]id|FDSize|Groups|NSpgid|NSsid|Kthread|Threads|Sig[PBIC]|Shd|Cap|NoNew|Seccomp:|Vm|Rss|Huge|Core|THP)" status
    busybox cat statm oom_score oom_score_adj timerslack_ns personality
    for empty in cmdline maps smaps coredump_filter; do busybox wc -c $empty; done
    for link in exe cwd root; do echo "$link: $(busybox readlink $link)"; done
    for refused in smaps_rollup auxv environ pagemap mem clear_refs; do busybox cat $refused 2>&1; done
    for folder in fd fdinfo map_files; do echo "$folder: $(busybox ls $folder | busybox wc -l)"; done
    echo 1 >clear_refs; echo "$?"
    break
  done
done'
script "$show" --kswapd on
check "/proc shows them" is "$status:$stderr" "0:"
check "kthreadd" matches "$stdout" "^kthreadd: [SR] 0 0 0 -1 2129984 "
check "kswapd0" matches "$stdout" "${new_line}kswapd0: [SR] 0 0 0 -1 2230336 "
check "no memory" lacks "$stdout" "Vm"
check "nor sizes of any" contains "$stdout" "0 0 0 0 0 0 0${new_line}"
check "kernel threads say so" contains "$stdout" $'Kthread:\t1'
check "exe leads nowhere" contains "$stdout" "exe: ${new_line}cwd: /${new_line}root: /${new_line}"
check "no such process" contains "$stdout" "cat: can't open 'auxv': No such process"
# The same as the host's own, where that is the Linux in question and shows them.
emulated=$stdout
if [[ $EUID == 0 && $(uname -r) == 6.18.* ]] && grep -qsx kswapd0 /proc/[0-9]*/comm; then
  run env -i PATH=/bin "$busybox" sh -c "busybox() { '$busybox' \"\$@\"; }; $show"
  check "as the host's: $(diff .stdout <(echo "$emulated") || true)" is "$stdout" "$emulated"
fi

script 'echo $$; busybox ps -o pid,ppid,stat,args; busybox pidof kswapd0' --kswapd on
check "their numbers come first" matches "$stdout" "^4${new_line}"
check "ps shows kthreadd" matches "$stdout" "${new_line} +2 +0 +SW? +\[kthreadd\]${new_line}"
check "ps shows kswapd0" matches "$stdout" "${new_line} +3 +2 +SW? +\[kswapd0\]${new_line}"
check "pidof finds it" matches "$stdout" "${new_line}3\$"
script 'echo $$; busybox ps -o pid,args; busybox ls -d /proc/[0-9]*' --kswapd off
check "there are none where nobody asked for them" lacks "$stdout" "kthreadd"
check "nor of another name" lacks "$stdout" "/proc/3"
check "and the program has the number that it always has" matches "$stdout" "^2${new_line}"

# Nothing ends it, and the machine does not wait for it.
script 'kill -9 3; echo $?; kill -STOP 3; kill -TERM 2; kill -0 3; echo $?; read -r line </proc/3/stat; echo "$line"
  kill -9 -1; echo $?' --kswapd on
check "kill succeeds: $stderr" matches "$stdout" "^0${new_line}0${new_line}3 \(kswapd0\) [SR] 2 .*${new_line}0\$"
check "and the run ends" is "$status" 0

# It works when frames run short, in its own time.
starved='busybox seq 2000 | busybox sort -r >/tmp/sorted; busybox head -n 2 /tmp/sorted
  busybox grep ^voluntary /proc/3/status; busybox grep -E "^(pgsteal_kswapd|pageoutrun)" /proc/vmstat
  busybox cut -d " " -f 3,10-15 /proc/3/stat'
for options in '' '--clock host' '--scope per-process --policy sieve' '--paranoid --mem 16M' '--policy wsclock'; do
  # shellcheck disable=SC2086
  script "$starved" --frames 160 --kswapd on $options
  check "a starved run ($options): $stderr" is "$status:$stderr" "0:"
  check "the program is none the wiser ($options)" matches "$stdout" "^999${new_line}998${new_line}"
  check "it took pages ($options)" matches "$stdout" "pgsteal_kswapd [1-9]"
  runs=$(sed -n 's/^pageoutrun //p' .stdout)
  slept=$(sed -n 's/^voluntary_ctxt_switches:\t//p' .stdout)
  check "and slept before each time ($slept, $runs; $options)" test "$slept" -gt 1 -a "$slept" -le $((runs + 2))
  check "no page fault is its own" matches "$stdout" "${new_line}[SR] 0 0 0 0 [0-9]+ [0-9]+\$"
done

# The same run gives the same trace.
for name in first second; do
  faultline run --frames 16 --kswapd on --trace=$name.jsonl --trace-format jsonl "$GUESTS/processes-musl"
  check "a run with a trace: $stderr" is "$status" 0
done
check "the trace is the same" cmp -s first.jsonl second.jsonl
check "it tells of kswapd" grep -q '"reason":"kswapd"' first.jsonl
check "whose evictions are for no fault" test "$(grep '"reason":"kswapd"' first.jsonl | grep -vc '"for_fault":null')" = 0
faultline run --frames 16 "$GUESTS/processes-musl"
plain=$stdout
faultline run --frames 16 --kswapd on "$GUESTS/processes-musl"
check "the transcript is the one of a run without" is "$stdout" "$plain"
passed
