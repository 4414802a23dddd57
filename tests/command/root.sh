#!/usr/bin/env bash
# --root: a folder of the host as the program's root, on which nothing is ever written.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
files=$GUESTS/host-files-musl
hello=$GUESTS/hello-musl

mkdir -p tree/bin tree/etc tree/data/deep tree/empty tree/proc tree/tmp outside
cp "$files" tree/bin/files
echo "host secret" >outside/secret
echo "root of the tree" >tree/etc/motd
printf '%s' "0123456789" >tree/data/digits
head -c 10000 /dev/zero | tr '\0' z >tree/data/large
echo below >tree/data/deep/below
ln tree/data/digits tree/data/twin
ln -s "$work/outside/secret" tree/link-absolute
ln -s ../../../outside/secret tree/link-up
ln -s /etc/motd tree/link-inside
echo hidden >tree/tmp/hidden
snapshot() { (cd tree && find . -printf '%p %y %m %s %T@ %C@ %l\n' | sort && find . -type f -exec md5sum {} +); }
before=$(snapshot)

run_tree() {
  faultline run --root tree tree/bin/files "$@"
  check "the program runs" is "$status" 0
  check "the host's tree is as it was" is "$(snapshot)" "$before"
}

run_tree list:/ read:/etc/motd read:/link-inside read:/link-up read:/link-absolute list:/tmp list:/proc/self read:/dev/null \
  status:/data/digits
check "the tree's names, with /proc, /dev and /tmp" matches "$stdout" "list /: bin data dev empty etc .*proc .*tmp"
check "a file of the tree" contains "$stdout" "read /etc/motd: root of the tree"
check "an absolute link starts at the guest's root" contains "$stdout" "read /link-inside: root of the tree"
check "a link out of the tree leads nowhere" contains "$stdout" "read /link-up: No such file"
check "nor does an absolute one" contains "$stdout" "read /link-absolute: No such file"
check "/tmp is ours" is "$(grep -c hidden .stdout)" 0
check "/proc is ours" matches "$stdout" "list /proc/self: .*maps"
check "the host's mode, links, size, time and inode" contains "$stdout" \
  "status /data/digits: 100$(stat -c '%a %h %s %Y %i' tree/data/digits)"

# Writing: seen by the program, by every name, and by nobody else.
run_tree append:/data/digits:ABC read:/data/digits read:/data/twin map:/data/twin:mapped read:/data/digits \
  cut:/data/digits:8 read:/data/twin cut:/data/digits:12 status:/data/digits write:/data/large:short read:/data/large
check "what was written is read" contains "$stdout" "read /data/digits: 0123456789ABC"
check "by its other name as well" contains "$stdout" "read /data/twin: 0123456789ABC"
check "through a mapping" contains "$stdout" "read /data/digits: mapped6789ABC"
check "cut short" contains "$stdout" "read /data/twin: mapped67"
check "made longer" matches "$stdout" "status /data/digits: 100[0-9]+ 2 12 "
check "written anew" contains "$stdout" "read /data/large: short"

# Names.
run_tree remove:/etc/motd read:/etc/motd list:/etc write:/etc/motd:again read:/etc/motd remove:/etc/motd list:/etc \
  remove:/data remove:/data/deep/below remove:/data/deep list:/data mkdir:/data/deep:755 list:/data/deep
check "a name that is removed is gone" contains "$stdout" "read /etc/motd: No such file"
check "and not in the list" is "$(grep -c '^list /etc:$' .stdout)" 2
check "it can be made again" contains "$stdout" "read /etc/motd: again"
check "a folder with something in it stays" contains "$stdout" "remove /data: Directory not empty"
check "a folder whose names are gone goes" contains "$stdout" "list /data: digits large twin"
check "a new folder of the name is empty" matches "$stdout" "list /data/deep:$"

run_tree move:/data:/moved list:/moved read:/moved/deep/below read:/data/digits write:/moved/deep/new:1 list:/moved/deep \
  move:/moved/digits:/etc/motd read:/etc/motd list:/moved status:/moved/twin remove:/moved/twin status:/etc/motd \
  link:/etc/motd:/third read:/third
check "a folder of the host moves with what is in it" contains "$stdout" "read /moved/deep/below: below"
check "its old name is gone" contains "$stdout" "read /data/digits: No such file"
check "new names in it" contains "$stdout" "list /moved/deep: below new"
check "a file moves over another" contains "$stdout" "read /etc/motd: 0123456789"
check "links count" matches "$stdout" "status /etc/motd: 100[0-9]+ 1 10"
check "a new link" contains "$stdout" "read /third: 0123456789"

run_tree chmod:/data/digits:4711 touch:/data/digits:7 status:/data/digits status:/data/twin chmod:/data:700 status:/data \
  mknod:/fifo:10644 status:/fifo symlink:/soft:etc/motd read:/soft
check "rights and times are kept" matches "$stdout" "status /data/digits: 104711 2 10 7 "
check "for every name" matches "$stdout" "status /data/twin: 104711 2 10 7 "
check "of folders too" matches "$stdout" "status /data: 40700 "
check "FIFOs and links" contains "$stdout" "read /soft: root of the tree"

# Where the program is, and starts.
(cd tree/data && "$FAULTLINE" run --root .. ../bin/files read:digits status:/bin/files read:/proc/self/comm) >.stdout
check "a folder below the root is where the program starts" contains "$(<.stdout)" "read digits: 0123456789"
check "the program is at its place in the tree" contains "$(<.stdout)" "read /proc/self/comm: files"
run_tree append:/bin/files:x cut:/bin/files:0 remove:/bin/files status:/bin/files
check "the program's own file is not written to while it runs" is "$(grep -c 'Text file busy' .stdout)" 2
check "but its name may go" contains "$stdout" "status /bin/files: No such file"
faultline run --root tree --bind outside:/data/out "$files" read:/data/out/secret write:/data/out/x:1 write:/data/x:1 list:/data
check "a bind in the root" contains "$stdout" "read /data/out/secret: host secret"
check "is read-only" contains "$stdout" "write /data/out/x: Read-only"
check "and the tree is not" contains "$stdout" "list /data: deep digits large out twin x"
check "the host's tree is still as it was" is "$(snapshot)" "$before"

for library in musl glibc; do
  faultline run --root tree "$GUESTS/bind-escape-$library" /data "$work/outside/secret"
  check "no way out of the root ($library)" is "$stdout" "no way out"
done

# Little memory: what was written leaves RAM and comes back.
head -c 3000000 /dev/zero | tr '\0' q >tree/data/huge
before=$(snapshot)
faultline run --mem 2M --root tree "$files" append:/data/huge:end status:/data/huge read:/data/large
check "a file larger than memory" contains "$stdout" "append /data/huge: 3"

bad() {
  local part=$1
  shift
  faultline run "$@" "$hello"
  expect_complaint 2 "$part"
}
bad "--root: none: No such file or directory" --root none
bad "--root: tree/etc/motd: is not a folder" --root tree/etc/motd
bad "--root: /proc: is a file of /proc" --root /proc
bad "--root: : No such file or directory" --root ''
passed
