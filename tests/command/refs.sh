#!/usr/bin/env bash
# faultline refs: recordings and other reference strings, looked at and converted.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

row() { sed -n "s/^$1 \+//p" .stdout; }

# A list of page numbers, as it stands in a textbook.
list="1 2 3 4 1 2 5 1 2 3 4 5"
echo "$list" >list.txt
faultline refs info list.txt
check "info: status" is "$status" 0
check "info: stderr" is "$stderr" ""
check "info: the format" is "$(row file)" "list.txt (text)"
check "info: references" is "$(row references)" "12: 0 fetches, 12 reads, 0 writes"
check "info: runs" is "$(row runs)" "12, of 1.0 references"
check "info: pages" is "$(row pages)" "5 distinct: 0 private, 0 of files, 5 known by number; 5 at once at most"
check "info: size" is "$(row size)" "24 bytes, 20.00 per 10 references"
check "info: damage" is "$(row damage)" "none"
check "info: fits on a terminal" is "$(awk 'length > 120' .stdout)" ""

# From format to format and back.
faultline refs convert list.txt list.refs
check "convert: status" is "$status" 0
check "convert: it says nothing" is "$stdout$stderr" ""
check "convert: a recording" is "$(head -c 7 list.refs)" "FLTREFS"
for to in list.u64 list.oracleGeneral list.oracleGeneral.bin.zst list.u64.zst list.txt.zst list.refs.zst; do
  faultline refs convert list.refs "$to"
  check "convert to $to" is "$status$stderr" 0
  faultline refs convert "$to" - --to text
  check "the list is the same after $to" is "$stdout" "$list"
done
check "u64: eight bytes each" is "$(stat -c %s list.u64)" 96
check "oracleGeneral: 24 bytes each" is "$(stat -c %s list.oracleGeneral)" 288
check "oracleGeneral: time, object, size, next request" is \
  "$(od -A n -t u4 -N 4 list.oracleGeneral)$(od -A n -t u8 -j 4 -N 8 list.oracleGeneral)$(od -A n -t u4 -j 12 -N 4 list.oracleGeneral)$(od -A n -t d8 -j 16 -N 8 list.oracleGeneral)" \
  "          0                    1       4096                    5"
check "oracleGeneral: none follows" is "$(od -A n -t d8 -j 280 -N 8 list.oracleGeneral | tr -d ' ')" -1
run bash -c "cat list.u64 | '$FAULTLINE' refs info --format u64 -"
check "standard input" is "$(row references)" "12: 0 fetches, 12 reads, 0 writes"
run bash -c "cat list.refs.zst | '$FAULTLINE' refs convert - out.txt"
check "standard input, packed" is "$(<out.txt)" "$list"
faultline refs convert list.u64 ./-odd-name --from u64 --to refs
check "a format that no name says" is "$status" 0

# Events.
cat >events.txt <<'END'
about "program" "a b"
process 2
map 2 0x400 3 r-xp "/bin/a"
page %0 2 0x400 "/bin/a"
%0i*12
page %1 2 0x7ffe ""
%1w %0i
gone %1
needed %0
exit 2
END
faultline refs convert events.txt events.refs
faultline refs convert events.refs -  --to text
check "all events are the same after a recording" is "$stdout" "$(<events.txt)"
faultline refs info events.refs
check "info: what is known" is "$(row program)" "a b"
check "info: processes" is "$(row processes)" "1: 0 forks, 0 execs, 1 exits"
check "info: mappings" is "$(row mappings)" "1 ranges mapped, 0 unmapped"
check "info: a range" contains "$stdout" "process 2: 00400000-00403000 r-xp /bin/a"
check "info: pages that ended" is "$(row ends)" "1 pages gone, 1 needed by the kernel"
faultline refs head events.refs
check "head: ten events, and a head" is "$(wc -l <.stdout)" 11
check "head: a fetch" matches "$stdout" "2 +0 +fetch +12 +/bin/a page 1024${new_line}"
check "head: a write" matches "$stdout" "2 +1 +write +1 +0x7ffe000${new_line}"
faultline refs head -n 2 events.refs
check "head -n" is "$(wc -l <.stdout)" 3
faultline refs head events.refs -n 100
check "head -n: more than there are" is "$(wc -l <.stdout)" 12
run bash -c "yes 7 | '$FAULTLINE' refs head -n 3 -"
check "head: of what never ends" is "$status:$(wc -l <.stdout)" 0:4

# valgrind's lackey.
printf '==1== Lackey\n==1==\nI  04016b20,3\nI  04016b23,5\n S 1ffeffff38,8\n M 04020ff8,16\n' >p.log
faultline refs info p.log
check "lackey: known by its lines" is "$(row file)" "p.log (lackey)"
check "lackey: an access over a page's end is two" is "$(row references)" "7: 2 fetches, 2 reads, 3 writes"
if command -v valgrind >/dev/null; then
  run valgrind --tool=lackey --trace-mem=yes --log-file=hello.lackey "$GUESTS/hello-musl"
  if [[ $status == 0 ]]; then
    faultline refs info hello.lackey
    check "lackey: of a real program" is "$status$stderr" 0
    loads=$(grep -c '^ [LM]' hello.lackey)
    reads=$(row references | sed 's/.* \([0-9]*\) reads.*/\1/')
    check "lackey: a read for each load" is "$((reads >= loads && reads < loads + loads / 10 + 10))" 1
  fi
fi

# What is damaged is used up to there, with one line.
head -c 100 list.oracleGeneral >cut.oracleGeneral
faultline refs info cut.oracleGeneral
check "cut off: status" is "$status" 0
check "cut off: one line" is "$stderr" \
  "faultline: warning: cut.oracleGeneral: cut off at byte 100: a record has 24 bytes, the last one 4; what comes before is used"
check "cut off: what came before" matches "$(row references)" "^4: "
check "cut off: info says it as well" is "$(row damage)" \
  "cut.oracleGeneral: cut off at byte 100: a record has 24 bytes, the last one 4"
faultline refs convert cut.oracleGeneral cut.txt
check "cut off: converted" is "$status:$(<cut.txt)" "0:1 2 3 4"
check "cut off: one line" one_line "$stderr"
faultline refs head -n 100 cut.oracleGeneral
check "cut off: head" is "$status:$(wc -l <.stdout)" "0:9"
check "cut off: one line" one_line "$stderr"
faultline refs head -n 1 cut.oracleGeneral
check "damage that was not reached is not told" is "$stderr" ""

# Where nothing is of use there is one line, and nothing is left behind.
bad() {
  local part=$1
  shift
  faultline refs "$@"
  expect_complaint 2 "$part"
}
: >empty
printf 'x\n1 2' >bad.txt
printf '\177ELF\0' >binary
head -c 40 list.refs >cut.refs
for command in info head "convert out.refs"; do
  read -r command out <<<"$command"
  bad "nowhere: No such file or directory" "$command" nowhere ${out:+new.refs}
  bad "empty: is empty" "$command" empty ${out:+new.refs}
  bad ".: cannot be read: Is a directory" "$command" . ${out:+new.refs}
  bad "bad.txt: line 1: 'x' is neither a page number nor an event" "$command" bad.txt ${out:+new.refs}
  bad "binary: is neither a recording nor text" "$command" binary ${out:+new.refs}
  bad "cut.refs: cut off at byte 40" "$command" cut.refs ${out:+new.refs}
  bad "list.txt: not a recording" "$command" list.txt ${out:+new.refs} "--$([[ $out ]] && echo from || echo format)" refs
  check "$command: nothing is left behind" missing new.refs
done
check "nor beside it" is "$(echo new.refs*)" ""
bad "out: its name says no format; give one by --to" convert list.txt out
bad "out.lackey: lackey's format is only read" convert list.txt out.lackey
bad "nowhere/out.refs: cannot be written: No such file or directory" convert list.txt nowhere/out.refs
bad "--to" convert list.txt out --to lackey
bad "--format" info list.txt --format pcap
bad "needs a value" info list.txt --format=
bad "FILE is required" info
bad "OUT is required" convert list.txt
bad "-n" head list.txt -n x
bad "see faultline refs --help" frob
bad "see faultline refs --help"
mkdir folder
bad "folder: is a folder" convert list.txt folder --to refs

# The input is not replaced, by whatever name; an older file is, once the new one is whole.
cp list.refs kept.refs
ln -s list.refs link.refs
ln list.refs hard.refs
for name in list.refs ./list.refs link.refs hard.refs; do
  bad "$name: cannot be read and replaced at once" convert list.refs "$name"
done
check "the input is unharmed" cmp -s list.refs kept.refs
cp events.refs old.refs
bad "bad.txt: line 1" convert bad.txt old.refs
check "an older file stays where nothing came" cmp -s old.refs events.refs
ln -s old.refs to-old.refs
faultline refs convert list.txt to-old.refs
check "an older file is replaced" cmp -s old.refs list.refs
check "a link stays one" test -L to-old.refs

# Outputs that fail.
faultline refs convert list.txt /dev/full --to refs
expect_complaint 1 "/dev/full: cannot be written: No space left on device"
for command in "info list.txt" "head list.txt" "convert list.txt - --to text"; do
  # shellcheck disable=SC2086
  run bash -c '"$0" refs "$@" >/dev/full' "$FAULTLINE" $command
  expect_complaint 1 "standard output: cannot be written: No space left on device"
done
seq 1000000 >long.txt
run bash -c 'ulimit -f 16 && "$0" refs convert long.txt long.u64' "$FAULTLINE"
expect_complaint 1 "long.u64: cannot be written: File too large"
check "nothing half-written is left" is "$(echo long.u64*)" ""

for command in "" info head convert; do
  # shellcheck disable=SC2086
  faultline refs $command --help
  check "--help of '$command'" is "$status" 0
  check "--help of '$command' fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
done
passed
