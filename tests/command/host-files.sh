#!/usr/bin/env bash
# The same random operations on a folder natively, through --bind with :rw, and on --root's layer in memory: a program
# notices no difference, the host's folder is what it would be natively, or as it was.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
files=$GUESTS/host-files-musl
readonly sequences=12 operations=60
names=(a d d/b d/e d/e/x d/twin f f/ld f/ld/b l dangling n n/m f/q d/e/ a/ l/x f/ld/e g)

make_tree() {
  rm -rf "$1"
  mkdir -p "$1/d/e" "$1/f"
  printf aaaa >"$1/a"
  printf 'b%.0s' {1..5000} >"$1/d/b"
  ln "$1/a" "$1/d/twin"
  ln -s a "$1/l"
  ln -s none "$1/dangling"
  # A link into the tree that leads nowhere else when it is moved.
  ln -s ../d "$1/f/ld"
}

name() { picked=${names[RANDOM % ${#names[@]}]}; }
operation() {
  local one two
  name && one=$picked && name && two=$picked
  case $((RANDOM % 16)) in
    0) word=read:$one ;;
    1) word=write:$one:w$((RANDOM % 99)) ;;
    2) word=append:$one:+$((RANDOM % 99)) ;;
    3) word=list:$one ;;
    4) word=status:$one ;;
    5 | 6) word=move:$one:$two ;;
    7) word=link:$one:$two ;;
    8) word=symlink:$one:$two ;;
    9) word=mkdir:$one:1755 ;;
    10) word=chmod:$one:700 ;;
    11) word=cut:$one:$((RANDOM % 6000)) ;;
    12 | 13) word=remove:$one ;;
    14) word=touch:$one:$RANDOM ;;
    15) word=may:$one:6 ;;
  esac
}

# Without times and inode numbers, and for folders without what their file system says of their size and links.
transcript() { sed -E 's/^(status [^ ]+: [0-9]+ [0-9]+ [0-9]+) .*/\1/; s/^(status [^ ]+: 4[0-9]{4}) .*/\1/' .stdout | tail -n +2; }
content() { (cd "$1" && find . -printf '%p %y %m %l\n' | sort && find . -type f -exec md5sum {} + | sort); }

for ((sequence = 1; sequence <= sequences; sequence++)); do
  RANDOM=$sequence
  words=()
  for ((i = 0; i < operations; i++)); do operation && words+=("$word"); done
  for one in "${names[@]}"; do words+=("status:$one" "read:$one" "list:$one"); done
  make_tree native
  make_tree bound
  make_tree rooted/w
  before=$(content rooted)
  # Where a moved link leads above the tree there is nothing for any of them.
  run "$files" go:native "${words[@]}"
  natively=$(transcript)
  faultline run --bind bound:/w:rw "$files" go:/w "${words[@]}"
  check "sequence $sequence: --bind with :rw answers as Linux does" diff <(echo "$natively") <(transcript)
  check "sequence $sequence: and the host's folder is the same" diff <(content native) <(content bound)
  faultline run --root rooted "$files" go:/w "${words[@]}"
  check "sequence $sequence: --root answers as Linux does" diff <(echo "$natively") <(transcript)
  check "sequence $sequence: and leaves the host's folder alone" is "$(content rooted)" "$before"
  rm -rf d
done
passed
