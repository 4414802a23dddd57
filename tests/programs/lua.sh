#!/usr/bin/env bash
# Lua: its garbage collector at work, and its libraries.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

scripts=$(program scripts)
cp "$sources"/lua/*.lua start
# What io.popen starts.
if busybox=$(command -v busybox) && [[ $(ldd "$busybox" 2>&1 || true) == *"not a dynamic"* ]]; then
  options=(--bind "$busybox:/bin/sh")
  twin "the language" "$scripts" language.lua
fi
twin "the collector" "$scripts" collector.lua
passed
