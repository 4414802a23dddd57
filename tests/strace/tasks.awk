# awk -v prefix=NAME -f tasks.awk LOG: the log of strace -f, taken apart: NAME.1, NAME.2, ... are the lines of its tasks
# in the order they appear, NAME.count says how many there are. Process numbers become P1, P2, ...
#
# With several tasks the kernels schedule differently: calls that were cut off are put together again; SIGCHLD comes at
# other moments, so that its lines stand at the end and calls that it interrupted, which are made again, are left out.
{
  number = $1
  text = $0
  sub(/^[0-9]+ +/, "", text)
  if (!(number in index_of)) index_of[number] = ++count
  task[NR] = index_of[number]
  line[NR] = text
}
function numbers_replaced(text, out, rest, word) {
  out = ""
  rest = text
  while (match(rest, /[0-9A-Za-z_.]+/)) {
    word = substr(rest, RSTART, RLENGTH)
    out = out substr(rest, 1, RSTART - 1) ((word in index_of) && is_number_of_task(out substr(rest, 1, RSTART - 1)) ? "P" index_of[word] : word)
    rest = substr(rest, RSTART + RLENGTH)
  }
  return out rest
}
# Small numbers are descriptors and much else as well: those of tasks are known by what stands before them.
function is_number_of_task(before) {
  return before ~ /(si_pid=|pid=|parent_tid=\[|(kill|tkill|wait4|getpgid|setpgid|getsid|tgkill|set_tid_address|prlimit64|process_vm_[a-z]+|rt_sigqueueinfo|rt_tgsigqueueinfo|waitid)\((P_PID, |P_PGID, )?-?|tgkill\([0-9P]+, |setpgid\([0-9P]+, |(getpid|gettid|getppid|getpgrp|setsid|fork|vfork|clone|clone3|wait4|getpgid|getsid|set_tid_address)\(.*\) += )$/
}
END {
  for (i = 1; i <= NR; ++i) {
    text = line[i]
    if (count > 1) {
      if (text ~ / <unfinished \.\.\.>$/) {
        sub(/ <unfinished \.\.\.>$/, "", text)
        cut_off[task[i]] = text
        continue
      }
      if (sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", text)) text = cut_off[task[i]] text
      if (text ~ /= \? ERESTART/) continue
    }
    sub(/\) += /, ") = ", text)
    text = numbers_replaced(text)
    file = prefix "." task[i]
    if (count > 1 && text ~ /^--- SIGCHLD/) children[task[i]] = children[task[i]] text "\n"
    else print text >file
  }
  for (t = 1; t <= count; ++t) {
    if (t in children) printf "%s", children[t] >(prefix "." t)
  }
  print count >(prefix ".count")
}
