#!/usr/bin/env bash
# --bind: what a program sees of the host's folders, what it can change, and that it cannot leave them.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
files=$GUESTS/host-files-musl
hello=$GUESTS/hello-musl

mkdir -p inside/sub outside
echo "host secret" >outside/secret
echo "of a" >inside/a
echo "#!" >inside/sub/b
chmod 0751 inside/sub/b
touch -d @1000000000 inside/a
ln inside/a inside/twin
ln -s ../outside/secret inside/link-up
ln -s "$work/outside/secret" inside/link-absolute
ln -s ../outside inside/folder-link
ln -s ../../outside/secret inside/sub/link-up
ln -s "/proc/self/root$work/outside/secret" inside/link-proc
ln -s a inside/link
mkfifo inside/fifo
# Times of folders are left out, as a name that comes and goes again changes them.
snapshot() {
  (cd inside && find . -type d -printf '%p %m\n' -o -printf '%p %y %m %s %T@ %l\n' | sort && find . -type f -exec cat {} +)
}
before=$(snapshot)

# Read-only: everything can be seen, nothing changed.
faultline run --bind inside:/in "$files" read:/in/a read:/in/link read:/in/sub/b read:/in/none list:/in status:/in/sub/b \
  status:/in/a
check "a bind can be read" is "$status" 0
check "a file's bytes" contains "$stdout" "read /in/a: of a"
check "a link inside it" contains "$stdout" "read /in/link: of a"
check "a folder below it" contains "$stdout" "read /in/sub/b: #!"
check "what is not there" contains "$stdout" "read /in/none: No such file"
check "its names" contains "$stdout" "list /in: a fifo folder-link link link-absolute link-proc link-up sub twin"
check "the host's mode" contains "$stdout" "status /in/sub/b: 100751 1 3"
check "the host's links, size, time and inode" contains "$stdout" \
  "status /in/a: 100$(stat -c '%a %h %s %Y %i' inside/a)"

faultline run --bind inside:/in "$files" write:/in/a:x write:/in/new:x append:/in/a:x map:/in/a:x remove:/in/a \
  remove:/in/none move:/in/a:/in/c move:/in/a:/tmp/c link:/in/a:/in/c symlink:/in/c:a mkdir:/in/d:755 chmod:/in/a:600 \
  cut:/in/a:0 mknod:/in/f:10644 touch:/in/a:5 may:/in/a:2 may:/in/a:4 mkdir:/in/sub:755 remove:/in remove:/in/sub
check "nothing of it can be changed" is "$(grep -c 'Read-only file system' .stdout)" 16
check "what is there already is there" contains "$stdout" "mkdir /in/sub: File exists"
check "the mount point is busy" contains "$stdout" "remove /in: Resource busy"
check "it may be read" contains "$stdout" "may /in/a: 0"
check "the host's folder is as it was" is "$(snapshot)" "$before"

faultline run --bind inside:/in "$files" read:/in/fifo
check "a FIFO of the host is not opened" contains "$stdout" "No such device or address"

# ":rw": the host sees it at once.
mkdir out
echo "long before" >out/old
faultline run --bind out:/out:rw "$files" write:/out/new:hello append:/out/new:+more map:/out/old:LONG read:/out/old \
  mkdir:/out/d:750 write:/out/d/x:1 move:/out/new:/out/d/moved link:/out/d/x:/out/hard symlink:/out/soft:d/x \
  chmod:/out/d/x:604 touch:/out/d/x:12345 cut:/out/hard:0 status:/out/d/x remove:/out/none mknod:/out/f:10644 \
  chmod:/out/old:4755 list:/out
check "a bind with :rw works" is "$status" 0
check "new files, appended to and renamed" is "$(<out/d/moved)" "hello+more"
check "a shared mapping is written back" is "$(<out/old)" "LONG before"
check "a hard link" is "$(stat -c %h out/hard)" 2
check "a link" is "$(readlink out/soft)" "d/x"
check "rights and times" is "$(stat -c '%a %Y' out/d/x)" "604 $(stat -c %Y out/hard)"
check "a folder with the mode asked for" is "$(stat -c %a out/d)" 750
check "a file with the mode asked for" is "$(stat -c %a out/d/moved)" 640
check "set-user-ID does not reach the host" is "$(stat -c %a out/old)" 755
check "no FIFO is made" contains "$stdout" "mknod /out/f: Operation not permitted"
check "its names" contains "$stdout" "list /out: d hard old soft"
faultline run --bind out:/out:rw "$files" remove:/out/soft remove:/out/hard remove:/out/d move:/out/d:/out/e \
  remove:/out/e/x remove:/out/e/moved remove:/out/e list:/out
check "removing" is "$(ls out)" "old"
check "a folder that is not empty" contains "$stdout" "remove /out/d: Directory not empty"

# A file alone; two binds; a bind in a bind; a bind over something.
faultline run --bind inside/a:/etc/passwd --bind outside:/deep/er/out "$files" read:/etc/passwd read:/deep/er/out/secret \
  write:/etc/passwd:x remove:/etc/passwd list:/deep
check "a file alone" contains "$stdout" "read /etc/passwd: of a"
check "a file alone is read-only" contains "$stdout" "write /etc/passwd: Read-only file system"
check "a file alone is busy" contains "$stdout" "remove /etc/passwd: Resource busy"
check "folders on the way are made" contains "$stdout" "read /deep/er/out/secret: host secret"
faultline run --bind inside:/in --bind out:/in/sub:rw "$files" read:/in/a write:/in/sub/deep:x write:/in/a:x list:/in/sub
check "a bind in a bind" is "$(<out/deep)" "x"
check "the outer one stays read-only" contains "$stdout" "write /in/a: Read-only file system"
check "a bind hides what was there" contains "$stdout" "list /in/sub: deep old"
check "the host's folder is still as it was" is "$(snapshot)" "$before"

# No way out.
for mode in "" :rw; do
  for library in musl glibc; do
    faultline run --bind "inside:/in$mode" "$GUESTS/bind-escape-$library" /in "$work/outside/secret"
    check "no way out of a bind$mode ($library)" is "$stdout" "no way out"
    check "the secret is what it was" is "$(<outside/secret)" "host secret"
  done
done
check "and nothing is left behind" is "$(snapshot)" "$before"
# The test itself: where the secret is bound, it is found.
faultline run --bind "outside:/in/outside" --bind "inside:/in/inside" "$GUESTS/bind-escape-musl" /in/inside /in/outside/secret
check "the hostile program knows a secret when it sees one" contains "$stdout" "escaped by dots"

# One line, exit status 2.
bad() {
  local part=$1
  shift
  faultline run "$@" "$hello"
  expect_complaint 2 "$part"
}
bad "--bind: none: No such file or directory" --bind none:/in
bad "--bind: inside/fifo: is neither a folder nor a regular file" --bind inside/fifo:/in
bad "--bind: /proc: is a file of /proc" --bind /proc:/in
for words in inside inside: :/in inside:/in:x inside:/in:rw:rw '' :: ; do
  bad "--bind: '$words' is not of the form HOST:GUEST or HOST:GUEST:rw" --bind "$words"
done
bad "in is not absolute" --bind inside:in
bad "/ is the root; see --root" --bind inside:/
bad "/a/../b contains '..'" --bind inside:/a/../b
bad "/./b contains '.'" --bind inside:/./b
bad "/proc/self is in /proc" --bind inside:/proc/self
faultline run --bind inside:/dev/null/x "$hello"
expect_complaint 125 "nothing can be put at /dev/null/x"
passed
