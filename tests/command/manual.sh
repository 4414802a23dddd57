#!/usr/bin/env bash
# The manual pages: one for the command and each subcommand, without anything that man or mandoc would complain of, with every
# option that the help has, and readable.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

mkdir pages
faultline --generate man pages
check "they are written: $stderr" is "$status" 0
check "in silence" is "$stdout$stderr" ""

faultline --help
subcommands=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' .stdout)
expected=faultline.1
for subcommand in $subcommands; do expected+=$new_line"faultline-$subcommand.1"; done
check "a page for each subcommand" is "$(cd pages && LC_ALL=C ls)" "$(LC_ALL=C sort <<<"$expected")"

# Not in here is what mandoc has to say of style.
if command -v mandoc >/dev/null; then
  for page in pages/*; do
    run mandoc -T lint -W warning "$page"
    check "mandoc finds nothing in $page: $stdout" is "$status" 0
  done
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
  for page in pages/*; do
    run env LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$page"
    check "man shows $page" is "$status" 0
    check "man finds nothing in $page" is "$stderr" ""
    check "$page has a name" matches "$stdout" "NAME$new_line +faultline[a-z-]* +- +[a-z]"
    check "$page has a synopsis" contains "$stdout" SYNOPSIS
    check "$page refers to others" contains "$stdout" "SEE ALSO"
  done
  # What the help says is there, with hyphens that can be copied.
  for subcommand in $subcommands; do
    [[ $subcommand != refs ]] || continue
    faultline "$subcommand" --help
    options=$(sed -n '/^Options:/,/^$/s/^  \(-[-,a-z]*\).*/\1/p' .stdout | tr ',' ' ')
    run env LC_ALL=C.UTF-8 MANWIDTH=120 man -l "pages/faultline-$subcommand.1"
    for option in $options; do
      check "the page of $subcommand has $option" matches "$stdout" "(^|[ ,$new_line])$option([ ,=[]|$new_line)"
    done
  done
  run env LC_ALL=C.UTF-8 MANWIDTH=100 man -l pages/faultline-refs.1
  for part in info head convert; do check "the page of refs has $part" contains "$stdout" "faultline refs $part"; done
  run env LC_ALL=C.UTF-8 MANWIDTH=100 man -l pages/faultline-run.1
  for part in 'EXIT STATUS' EXAMPLES FILES 'faultline run --trace ./program' 'trace[=FILE]'; do
    check "the page of run has $part" contains "$stdout" "$part"
  done
  run env LC_ALL=C.UTF-8 MANWIDTH=100 man -l pages/faultline.1
  for part in 'SIZES AND COUNTS' POLICIES 100pages; do check "the page of faultline has $part" contains "$stdout" "$part"; done
else
  echo "manual.sh: man and groff are not installed: not all is checked"
fi

# Bad words.
for words in "" man "mna pages" "man missing" "man pages more"; do
  # shellcheck disable=SC2086  # the words are meant to be split
  faultline --generate $words
  expect_complaint 2 ""
done
touch file
faultline --generate man file
expect_complaint 2 "file: is no folder"
passed
