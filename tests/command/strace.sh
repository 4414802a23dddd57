#!/usr/bin/env bash
# --strace: which task a line is about, and lines that are cut off. (What lines say: tests/strace, the unit tests.)
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/strace-tasks-musl" tasks
cp "$GUESTS/touch-musl" touch

faultline run --strace ./tasks
check "the program's own lines" contains "$stdout" "done"
check "one task needs no number" matches "$stderr" '(^|\n)execve\("\./tasks", \["\./tasks"\], 0x7f[0-9a-f]+ /\* 0 vars \*/\) = 0'
check "several do" contains "$stderr" '[pid     2] read(3, '
check "a call that another task interrupts is cut off" contains "$stderr" '[pid     2] read(3,  <unfinished ...>'
check "and resumed" contains "$stderr" '<... read resumed>"x", 1)'
check "a handler ends a call" contains "$stderr" '= ? ERESTARTSYS (To be restarted if SA_RESTART is set)'
check "or one that nothing restarts" contains "$stderr" 'pause()                                 = ? ERESTARTNOHAND (To be restarted if no handler)'
check "the call's answer behind the handler" contains "$stderr" 'rt_sigreturn({mask=[]})                 = -1 EINTR (Interrupted system call)'
check "a sleep goes on" contains "$stderr" 'restart_syscall(<... resuming interrupted nanosleep ...>'
check "a task stops" contains "$stderr" '--- stopped by SIGSTOP ---'
check "is killed" contains "$stderr" '+++ killed by SIGKILL +++'
check "and exits" contains "$stderr" '+++ exited with 3 +++'
check "an ignored signal is told of" contains "$stderr" '--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=3, si_uid=0, si_status=3,'

faultline run --strace=log ./tasks
check "to a file: nothing on stderr" is "$stderr" ""
check "each line has a number" is "$(grep -cvE '^[0-9]+ +[^ ]' log)" 0
check "the end" is "$(tail -n 1 log)" "2     +++ exited with 0 +++"

# Looking on changes nothing.
faultline run --trace=without ./touch
faultline run --trace=with --strace=log ./touch
check "the faults are the same" cmp -s without with
passed
