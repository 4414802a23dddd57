#!/usr/bin/env bash
# A shell typed to in a real terminal: job control, ^C and ^Z, and the terminal as it was afterwards.
# shellcheck disable=SC2016  # what stands in single quotes the guest expands
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

busybox=$(command -v busybox || true)
if [[ -z $busybox || $(ldd "$busybox" 2>&1 || true) != *"not a dynamic"* ]]; then
  echo "terminal.sh: skipped: busybox-static is not installed"
  exit 77
fi
command -v script >/dev/null || { echo "terminal.sh: skipped: script is not installed"; exit 77; }

# start COMMAND: in a terminal of its own; what it shows is read by expect, what type says is typed.
start() {
  screen=
  last=("$1")
  coproc TERMINAL { exec script -qefc "$1" /dev/null 2>/dev/null; }
  # Descriptors of our own: those of the coprocess are gone when it is.
  terminal=$TERMINAL_PID
  exec {shown}<&"${TERMINAL[0]}" {typed}>&"${TERMINAL[1]}"
}
# Waits until the text is shown, and forgets all up to its end. The time is only there for a test that has failed.
expect() {
  local letter
  checks=$((checks + 1))
  while [[ $screen != *"$1"* ]]; do
    IFS= read -r -N 1 -t 60 letter <&"$shown" || fail "the terminal does not show '$1' but: $(cat -v <<<"$screen")"
    screen+=$letter
  done
  screen=${screen#*"$1"}
}
type() { printf '%b' "$1" >&"$typed"; }
finish() {
  wait "$terminal" || true
  exec {shown}<&- {typed}>&-
}

cat >shell <<END
#!/bin/bash
exec "$FAULTLINE" run --clock host --env "PS1=ready> " --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" sh -i
END
chmod +x shell
shell=$work/shell

start "trap : INT TSTP; stty cols 91 rows 31; $shell; stty -a"
expect 'ready> '
type 'tty; stty size\n'
expect $'\n/dev/pts/'
expect '31 91'
expect 'ready> '
# ^C ends what is in the foreground, not the shell. What a job says shows that it is there.
type 'sh -c "echo going; sleep 1000"\n'
expect $'\r\ngoing'
type '\003'
expect 'ready> '
type 'echo status=$?\n'
expect 'status=130'
expect 'ready> '
# ^Z stops it, and the shell goes on; it can be brought back.
type 'sh -c "echo again; read x; echo got \\$x"\n'
expect $'\r\nagain'
type '\032'
expect 'ready> '
type 'jobs\n'
expect 'Stopped'
expect 'ready> '
type 'fg\n'
expect 'sh -c'
type 'word\n'
expect $'\ngot word'
expect 'ready> '
# Who reads in the background is stopped.
type 'cat &\n'
expect 'ready> '
type 'sleep 0.2; jobs\n'
expect 'Stopped (tty input)'
expect 'ready> '
type 'kill -9 %1; wait; echo no jobs: $(jobs)\n'
expect 'no jobs:'
expect 'ready> '
type 'echo to the terminal >/dev/tty\n'
expect $'\r\nto the terminal'
expect 'ready> '
# What the program does to the terminal is gone afterwards.
type 'stty -icanon -echo; exit\n'
expect 'speed'
expect ' icanon'
expect ' echo '
finish

# Also where a signal ends it.
start "bash -c 'stty -a | grep -o \"[-]*echo \"; $shell; stty -a | grep -o \"[-]*echo \"; echo over'"
expect 'echo'
expect 'ready> '
type 'stty -echo; echo off; kill -9 $$\n'
expect $'\r\noff'
expect $'\necho'
expect 'over'
finish

# Without a terminal there is none.
faultline run --env PATH=/bin --bind "$busybox:/bin/busybox" "$busybox" sh -c 'tty; echo x >/dev/tty'
check "no terminal" contains "$stdout" "not a tty"
check "no /dev/tty" contains "$stderr" "No such device or address"
passed
