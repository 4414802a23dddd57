#!/usr/bin/env bash
# Shells and their tools, unmodified, as Debian builds them: each script natively and here, with the same output and status.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

busybox=$(command -v busybox || true)
if [[ -z $busybox || $(ldd "$busybox" 2>&1 || true) != *"not a dynamic"* ]]; then
  echo "shell.sh: skipped: busybox-static is not installed"
  exit 77
fi
mkdir work
printf 'pear 3\napple 10\nplum 7\n' >work/fruit

# compare NAME SCRIPT: both sides start in the same folder with the same environment.
compare() {
  local expected expected_status=0
  rm -rf native && cp -r work native
  expected=$(cd native && env -i PATH=/bin "$busybox" sh -c "exec 2>&1; $2") || expected_status=$?
  faultline run --env PATH=/bin --bind "$busybox:/bin/busybox" --bind "$PWD/work:$PWD/native" "$busybox" sh -c \
    "exec 2>&1; cd $PWD/native && $2"
  check "$1: output" is "$stdout$stderr" "$expected"
  check "$1: status" is "$status" "$expected_status"
}

compare "a pipeline" 'echo one two three | tr " " "\n" | sort -r | head -n 2'
compare "a loop" 'for i in 1 2 3; do echo $((i * i)); done'
compare "a here-document" 'cat <<END
first
second $((1 + 1))
END'
compare "background jobs" '(sleep 0.1; echo later) & echo now; wait; echo done'
compare "exit status" 'false || true; (exit 7); echo $?; exit 3'
compare "awk, sed, grep" 'sort -k2n fruit | awk "{ s += \$2; print } END { print s }" | sed s/plum/grape/ | grep -v pear'
compare "md5sum, wc, find" 'find . -type f | sort; md5sum fruit; wc fruit | tr -s " "'
compare "gzip and tar" 'tar cf - fruit | gzip | gunzip | tar tf -'
compare "a signal" 'sh -c "kill -TERM \$\$"; echo $?; trap "echo caught" USR1; kill -USR1 $$; echo on'
compare "command substitution" 'x=$(echo $(echo deep)); echo "<$x>"; echo `seq 5 | tail -n 1`'
passed
