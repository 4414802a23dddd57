#!/usr/bin/env bash
# bash, as the distribution builds it statically.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

bash=$(static_shell bash-static)
busybox=$(static_shell busybox)
printf 'pear 3\napple 10\nplum 7\n' >start/fruit
mkdir tools
cp "$bash" "$busybox" tools
for tool in $("$busybox" --list); do [[ -e tools/$tool ]] || ln -s busybox "tools/$tool"; done
environment=("PATH=$work/tools")
sides=(--bind "$work/tools:$work/tools" --bind "$work/tools/busybox:/bin/sh")

for script in "$sources"/bash/*.sh; do
  cp "$script" start/script
  options=("${sides[@]}")
  twin "$(basename "$script")" "$work/tools/bash-static" script
done
cp "$sources/bash/control.sh" start/script
options=("${sides[@]}" --paranoid --mem 8M)
twin "control.sh under --paranoid" "$work/tools/bash-static" script
passed
