#!/usr/bin/env bash
# A program that cannot be started: status 125 and one line that names the file. See also the loader's own tests.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

hello=$GUESTS/hello-musl

# patched NAME OFFSET BYTES: a copy of hello with some bytes (as printf escapes) replaced.
patched() {
  cp "$hello" "$1"
  printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

refused "no such file" 125 no-such-program run ./no-such-program
mkdir folder
refused "a folder" 125 folder run ./folder
: >empty
refused "an empty file" 125 empty run ./empty
echo 'just some words, and more of them than an ELF header is long, so that the length is not what is wrong' >text
refused "not ELF" 125 text run ./text
for size in 3 16 63 64 100 200 4096; do
  head -c "$size" "$hello" >"cut-$size"
  refused "cut short after $size bytes" 125 "cut-$size" run "./cut-$size"
done
patched class32 4 '\x01'
refused "32-bit" 125 class32 run ./class32
patched big-endian 5 '\x02'
refused "big-endian" 125 big-endian run ./big-endian
patched relocatable 16 '\x01\x00'
refused "a relocatable object" 125 relocatable run ./relocatable
patched machine 18 '\xb7\x00'
refused "another machine" 125 machine run ./machine
patched entry-size 54 '\x07\x00'
refused "a wrong program header size" 125 entry-size run ./entry-size
patched no-headers 56 '\x00\x00'
refused "no program header" 125 no-headers run ./no-headers
patched headers-outside 32 '\xff\xff\xff\xff\xff\xff\xff\x7f'
refused "program headers outside the file" 125 headers-outside run ./headers-outside
# Whatever the C library of this machine is, its shell is linked dynamically.
if readelf --wide --program-headers /bin/sh 2>/dev/null | grep -q INTERP; then
  refused "a dynamic program" 125 sh run /bin/sh
fi
refused "less memory than the program needs" 125 hello-musl run --mem 16K "$hello"

finish
