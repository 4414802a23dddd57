#!/usr/bin/env bash
# What the tools that read /proc make of it, as Debian builds them.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

busybox=$(command -v busybox || true)
if [[ -z $busybox || $(ldd "$busybox" 2>&1 || true) != *"not a dynamic"* ]]; then
  echo "proc.sh: skipped: busybox-static is not installed"
  exit 77
fi
# script SCRIPT: in a shell that finds busybox by its name.
script() { faultline run --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" sh -c "$1"; }

script 'sleep 5 & busybox ps -o pid,ppid,stat,comm; kill $!'
check "ps works" is "$status:$stderr" "0:"
check "the shell" matches "$stdout" "2 +1 S +busybox"
check "its child" matches "$stdout" "3 +2 S +(sleep|busybox)"

script 'busybox ps -o user,args; true'
check "whose it is and how it was called" matches "$stdout" "root +$busybox sh -c"

script 'busybox top -bn1; true'
check "top works" is "$status:$stderr" "0:"
check "top shows memory" matches "$stdout" "Mem: [0-9]+K used, [0-9]+K free"
check "top shows load" matches "$stdout" "Load average: 0.00 0.00 0.00 1/2"

script 'busybox free -m | busybox awk "NR == 2 { print \$2 }"'
check "free shows the machine's memory" matches "$stdout" "^25[0-9]$"

script 'sleep 90; busybox uptime; cat /proc/uptime'
check "uptime counts virtual time" contains "$stdout" "up 1 min"
check "and it was idle" matches "$stdout" "9[0-9]\.[0-9]{2} 9[0-9]\.[0-9]{2}"

script 'i=0; while [ $i -lt 30 ]; do busybox seq 2000 >/dev/null; i=$((i + 1)); done; cat /proc/loadavg'
check "no load yet" matches "$stdout" "^0.0[0-9] 0.0[0-9] 0.0[0-9] 1/[12] "

script 'sleep 1000 & busybox pidof sleep; kill $!'
check "pidof" matches "$stdout" "^[0-9]+$"

script 'echo x >/tmp/a; exec 5</tmp/a; for link in /proc/[0-9]*/fd/5; do echo "$link $(busybox readlink "$link")"; done'
check "who has a file open, as lsof and fuser look for it" is "$stdout" "/proc/2/fd/5 /tmp/a"

script 'busybox mount; busybox df / | busybox tail -n 1'
check "mount" contains "$stdout" "proc on /proc type proc (rw,relatime)"

script 'cat /proc/cpuinfo'
check "one processor" is "$(grep -c '^processor' .stdout)" 1

# The same in every run, but for nothing.
script 'cat /proc/stat /proc/self/stat /proc/self/status /proc/sys/kernel/random/uuid /proc/self/sched'
first=$stdout
script 'cat /proc/stat /proc/self/stat /proc/self/status /proc/sys/kernel/random/uuid /proc/self/sched'
check "deterministic" is "$stdout" "$first"

# Identities and file descriptors as --strace prints them.
run "$FAULTLINE" run --strace "$GUESTS/pidfd-musl"
check "pidfd_open" matches "$stderr" 'pidfd_open\([0-9]+, PIDFD_NONBLOCK\) += [0-9]+'
check "pidfd_send_signal" contains "$stderr" 'pidfd_send_signal('
check "its flags" contains "$stderr" 'NULL, 0x1)'
check "waitid" contains "$stderr" 'waitid(P_PIDFD, '
run "$FAULTLINE" run --strace "$GUESTS/credentials-musl"
check "setresuid" contains "$stderr" 'setresuid(1, 2, 3) '
check "setreuid leaves one" contains "$stderr" 'setreuid(-1, 1000) '
check "prctl" contains "$stderr" 'prctl(PR_SET_KEEPCAPS, 1)'
run "$FAULTLINE" run --strace "$GUESTS/scheduling-musl"
check "sched_setscheduler" contains "$stderr" 'sched_setscheduler(0, SCHED_FIFO, '
check "getpriority" contains "$stderr" 'getpriority(PRIO_PROCESS, 0)'
passed
