#!/usr/bin/env bash
# busybox's shell and its tools, as the distribution builds them.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

busybox=$(static_shell busybox)
printf 'pear 3\napple 10\nplum 7\n' >start/fruit
# One name for each tool, where both sides find them.
mkdir tools
cp "$busybox" tools/busybox
for tool in $("$busybox" --list); do [[ -e tools/$tool ]] || ln -s busybox "tools/$tool"; done
environment=("PATH=$work/tools")
sides=(--bind "$work/tools:$work/tools" --bind "$work/tools/busybox:/bin/sh")

for script in "$sources"/busybox/*.sh; do
  cp "$script" start/script
  options=("${sides[@]}")
  twin "$(basename "$script")" "$work/tools/busybox" sh script
done
cp "$sources/busybox/jobs.sh" start/script
options=("${sides[@]}" --paranoid --mem 6M)
twin "jobs.sh under --paranoid" "$work/tools/busybox" sh script
# A folder that is not bound for writing stays as it is.
run "$FAULTLINE" run --bind "$work/start:/data" "$busybox" sh -c 'cat /data/fruit; echo >/data/new; rm /data/fruit; touch /data/fruit'
check "reading" contains "$stdout" "apple 10"
check "writing" contains "$stderr" "can't create /data/new: Read-only file system"
check "nothing changed" is "$(ls start)" "fruit${new_line}script"
passed
