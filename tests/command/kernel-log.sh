#!/usr/bin/env bash
# --dmesg and --module: the kernel's log, and what speaks in it.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/brk-walk-musl" walk
faultline run ./walk
plain=$stdout

# The machine's start.
faultline run --dmesg --mem 16M --swap 8M ./walk one 'two words'
check "the program succeeds" is "$status" 0
check "stdout is the guest's" is "$stdout" "$plain"
check "each line has its time" is "$(grep -cvE '^\[ +[0-9]+\.[0-9]{6}\] ' <<<"$stderr")" 0
check "the version" matches "$stderr" '^\[    0\.000000\] Linux version [0-9.]+-faultline '
check "the command line" contains "$stderr" '] Command line: mem=16384K init=./walk -- one "two words"'
check "RAM" contains "$stderr" "user: [mem 0x0000000000001000-0x0000000000ffffff] usable"
check "how much of it is free" matches "$stderr" 'Memory: 16[0-9]{3}K/16384K available \([1-9][0-9]*K reserved\)'
check "swap" contains "$stderr" "Adding 8192k swap on /swap."
faultline run --dmesg --swap 0 ./walk
check "no swap" lacks "$stderr" "swap on"
faultline run --dmesg=log.txt ./walk
check "in a file: nothing on stderr" is "$stderr" ""
faultline run --dmesg=again.txt ./walk
check "the same run has the same log" cmp -s log.txt again.txt
check "it is there" grep -q "Linux version" log.txt

# Crashes, word for word as the host's kernel tells of them.
faultline run --dmesg "$GUESTS/die-null-musl"
check "a segmentation fault" matches "$stderr" "\] die-null-musl\[2\]: segfault at 0 ip [0-9a-f]{16} sp [0-9a-f]{16} error [46] in die-null-musl\[[0-9a-f]+,401000\+[0-9a-f]+\] likely on CPU 0 \(core 0, socket 0\)"
check "and its code" matches "$stderr" '\] Code: ([0-9a-f]{2} ){42}<[0-9a-f]{2}>( [0-9a-f]{2}){21}'
emulated=$stderr
faultline run --dmesg "$GUESTS/die-hlt-musl"
check "a protection fault" matches "$stderr" '\] traps: die-hlt-musl\[2\] general protection fault ip:[0-9a-f]+ sp:[0-9a-f]+ error:0 in die-hlt-musl\['
faultline run --dmesg "$GUESTS/die-divide-musl"
check "a division by zero" matches "$stderr" '\] traps: die-divide-musl\[2\] trap divide error ip:'
faultline run --dmesg "$GUESTS/sigsegv-handler-musl"
check "what a handler takes is not told" lacks "$stderr" "segfault"
host_lines() { dmesg 2>/dev/null | grep -aA1 "die-null-musl\[.*segfault at" | tail -n 2 | sed 's/^\[[^]]*\] //'; }
if [[ $EUID == 0 && $(uname -r) == 6.18.* ]] && dmesg >/dev/null 2>&1; then
  run env -i setarch -R "$GUESTS/die-null-musl"
  same() { sed -E 's/^\[[^]]*\] //; s/\[[0-9]+\]: segfault/[]: segfault/; s/ sp [0-9a-f]+//; s/CPU .*//'; }
  if [[ $(host_lines) == *Code:* ]]; then
    check "as on the host" is "$(grep -E 'segfault|Code:' <<<"$emulated" | same)" "$(host_lines | same)"
  fi
fi

# The OOM killer.
faultline run --dmesg --mem 16M --frames 12 --swap 0 "$GUESTS/loop-scan-musl"
check "it was killed" is "$status" 137
check "who asked" matches "$stderr" '\] loop-scan-musl invoked oom-killer: gfp_mask=0x140cca\(GFP_HIGHUSER_MOVABLE\|__GFP_COMP\), order=0, oom_score_adj=0'
check "what --frames allows" contains "$stderr" "] memory: usage 48kB, limit 48kB"
check "what is free" matches "$stderr" '\] Node 0 Normal: [0-9]+\*4kB .* = [0-9]+kB'
check "how much RAM" contains "$stderr" "] 4096 pages RAM"
check "the tasks" matches "$stderr" "\] \[      2\]     0     2 +[0-9]+ +[1-9][0-9]* .* loop-scan-musl"
check "the choice" contains "$stderr" "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=loop-scan-musl,pid=2,uid=0"
check "the end" matches "$stderr" '\] Out of memory: Killed process 2 \(loop-scan-musl\) total-vm:[0-9]+kB, anon-rss:[1-9]'
check "the user is told without --dmesg, too" matches "$stderr" $'\nfaultline: Out of memory: Killed process 2 '

# Of two processes the larger one ends, and what it had is the other's at once.
cat >two.c <<'C'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void touch(int pages) {
    volatile char* memory = malloc((size_t)pages * 4096);
    for (int i = 0; i < pages; ++i) memory[i * 4096] = 1;
}
int main(void) {
    if (fork() == 0) {
        touch(200);
        pause();
    }
    usleep(1000);
    touch(150);
    int status;
    wait(&status);
    return 7;
}
C
gcc -static -O1 -o two two.c
for options in "" "--kswapd on --paranoid"; do
  # shellcheck disable=SC2086
  faultline run --dmesg --frames 300 --swap 0 $options ./two
  check "the smaller one lives ($options)" is "$status" 7
  check "both stand in the list ($options)" is "$(grep -cE '\] \[ +[0-9]+\]     0 +[0-9]+ .* two$' <<<"$stderr")" 2
  check "the larger one ends ($options)" matches "$stderr" '\] Out of memory: Killed process ([35]) \(two\)'
  check "and gives what it has ($options)" contains "$stderr" \
    "] oom_reaper: reaped process ${BASH_REMATCH[1]} (two), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB"
done

# Modules.
faultline run --dmesg=log.txt --module vmashow,pid=2 --module pgwalk,va=0x400000,at-fault=7 --module memshow ./walk
check "modules: the program succeeds" is "$status:$stderr" "0:"
check "modules: stdout is the guest's" is "$stdout" "$plain"
log=$(<log.txt)
check "vmashow: counts" matches "$log" '\] vmashow: process 2 \(walk\): ([0-9]+) VMAs, mm_users 1, mm_count 1, pgd frame 0x[0-9a-f]+'
count=$(sed -nE 's/.*vmashow: process 2 \(walk\): ([0-9]+) VMAs.*/\1/p' log.txt)
check "vmashow: each VMA" is "$(grep -cE 'vmashow: vma [0-9]+: [0-9a-f]+-[0-9a-f]+ vm_flags 0x[0-9a-f]+ .*in the tree: (root|left child|right child), depth' log.txt)" "$count"
check "vmashow: each line of maps" is "$(grep -cE 'vmashow:   maps: [0-9a-f]+-[0-9a-f]+ [r-][w-][x-][ps] ' log.txt)" $((count + 1))
check "vmashow: they agree" contains "$log" "vmashow: the list, the tree and /proc/2/maps agree: $count VMAs"
check "pgwalk: all levels" matches "$log" 'pgwalk: walk: 0x400000 in process 2 \(walk\).*pgwalk:   pgd .*pgwalk:   pud .*pgwalk:   pmd .*pgwalk:   pte '
for line in '__get_free_page: 4096 bytes: va 0xffff88' 'kmalloc: 100 bytes: va 0xffff88' 'vmalloc: page 1 of 3: va 0xffffc9' \
  'vmalloc: page 3 of 3: va 0xffffc9'; do
  check "memshow: $line" matches "$log" "memshow: ${line}[0-9a-f]+, pa 0x[1-9a-f][0-9a-f]+, frame 0x[1-9a-f]"
done
check "memshow: the entries of three walks" is "$(grep -cE 'memshow:   (pgd|pud|pmd|pte)  table +0x[0-9a-f]+  \[ *[0-9]+\]  0x[0-9a-f]{16}  P W' log.txt)" 12
# The frame that a walk ends in is the one that it was called by.
frames=$(sed -nE 's/.*memshow: .*(page 1 of 3|bytes): va .*frame 0x([0-9a-f]+)$/\2/p' log.txt)
leaves=$(sed -nE 's/.*memshow:   pte .*  0x[0-9a-f]{4}0*([0-9a-f]+)[0-9a-f]{3}  P W A D G NX$/\1/p' log.txt)
check "memshow: the walks end there" is "$leaves" "$frames"
check "those at the start come first" matches "$log" 'vmashow.*memshow.*pgwalk: walk'
faultline run --paranoid --mem 1M --module memshow,at-fault=3 --module vmashow,at-fault=1 ./walk
check "nothing is left of them: $stderr" is "$status:$stderr" "0:"
before=$(faultline run --dmesg --module pgwalk,va=0x409000,at-fault=6 ./walk && grep pgwalk .stderr)
after=$(faultline run --dmesg --module pgwalk,va=0x409000,at-fault=7 ./walk && grep pgwalk .stderr)
check "before its fault the page is not there" contains "$before" "physical: none"
check "after it, it is" matches "$after" 'pgwalk:   physical: 0x[0-9a-f]+, anonymous'

# An address that memshow was given, seen from a process: its page tables have the kernel's half too.
faultline run --dmesg=log.txt --module memshow ./walk
area=$(sed -nE 's/.*vmalloc: page 2 of 3: va (0x[0-9a-f]+), .*/\1/p' log.txt)
frame=$(sed -nE 's/.*vmalloc: page 2 of 3: .*frame (0x[0-9a-f]+)$/\1/p' log.txt)
faultline run --dmesg=log.txt --module memshow --module "pgwalk,va=$area,pid=2" ./walk
check "a process's own tables lead there" grep -qE "pgwalk:   pte .* -> frame $frame\$" log.txt
check "it is memshow's" grep -q "pgwalk:   mapping: .* vmalloc, memshow_init" log.txt

# What cannot be done is said at the end; the program runs.
faultline run --module vmashow,pid=77 ./walk
check "no such process" is "$status" 1
check "it is said" is "$stderr" "faultline: --module vmashow: there is no process 77 then that has memory; there are 2"
check "stdout is the guest's" is "$stdout" "$plain"
faultline run --dmesg --module memshow,at-fault=1000 ./walk
check "no such fault" is "$status" 1
check "it is said" contains "$stderr" "faultline: --module memshow: page fault 1000 did not happen; there were 9 page faults"
for wrong in "" memshaw "memshow," memshow,pid=1 vmashow,pid=x pgwalk "pgwalk,va=0x1,at-fault=0"; do
  faultline run --module "$wrong" ./walk
  expect_complaint 2 "--module"
done
faultline run --module memshaw ./walk
expect_complaint 2 "--module: unknown module 'memshaw'; did you mean 'memshow'?"
faultline run --module pgwalk,av=1 ./walk
expect_complaint 2 "unknown argument 'av'"
faultline run --dmesg=both --strace=./both ./walk
expect_complaint 2 "cannot hold both the system calls and the kernel's log"
faultline run --dmesg=none ./nowhere
expect_complaint 125 "./nowhere"
check "nothing is left behind" missing none
faultline run --dmesg=/dev/full ./walk
check "a log that cannot be written" is "$status" 1
check "it is said" contains "$stderr" "/dev/full: the kernel's log could not be written: No space left on device"

# The log as inspect shows it.
faultline inspect --at-fault 7 --show log ./walk
check "inspect shows the log" matches "$stdout" $'\nlog: .*\n\[    0\.000000\] Linux version '
faultline inspect --at-fault 7 --show mm ./walk
check "inspect shows mm_users and mm_count" matches "$stdout" 'mm_users +1.*mm_count +1'
faultline inspect --at-fault 14 --show mm "$GUESTS/threads-musl"
check "threads are users" matches "$stdout" 'mm_users +[2-9].*mm_count +1'
faultline inspect --at-fault 12 --show mm "$GUESTS/userfaultfd-musl"
check "a userfaultfd holds on to the structure" matches "$stdout" 'mm_users +1.*mm_count +2'

# What programs make of it.
busybox=$(command -v busybox || true)
if [[ -n $busybox && $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  script() {
    local text=$1
    shift
    faultline run "$@" --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" sh -c "$text"
  }
  script 'echo "<3>from a program" >/dev/kmsg; busybox dmesg; busybox cat /proc/modules /proc/cmdline' --dmesg=log.txt --module vmashow
  check "dmesg: $stderr" is "$status:$stderr" "0:"
  check "dmesg shows what --dmesg shows" is "$(sed -E 's/^<[0-9]+>//' .stdout | head -n "$(wc -l <log.txt)")" "$(<log.txt)"
  check "what a program writes" matches "$stdout" '\] from a program'
  check "/proc/modules" contains "$stdout" "vmashow 0 0 - Live 0x0000000000000000"
  check "/proc/cmdline" contains "$stdout" "mem=262144K init=$busybox -- sh -c"
  script 'exec busybox head -n 1 /etc/passwd' --paranoid --dmesg=log.txt --module vmashow,at-fault=20 --module vmashow,at-fault=80
  counts=$(grep -cE 'vmashow: process 2 \(busybox\): .*, mm_users 1, mm_count 1, pgd' log.txt)
  check "exec brings an address space with counts of its own: $stderr" is "$status:$counts" "0:2"
  check "and page tables" test "$(sed -n 's/.* pgd frame //p' log.txt | sort -u | wc -l)" = 2
  script 'busybox dmesg -c >/tmp/x; busybox dmesg; busybox head -n 1 /tmp/x'
  check "dmesg -c clears it: $stderr" matches "$stdout" '^\[    0\.000000\] Linux version [^'"$new_line"']*$'
fi
passed
