#!/usr/bin/env bash
# What the guest is given: its arguments untouched, and an environment that --env alone fills.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

cat >words.c <<'C'
#include <stdio.h>
extern char** environ;
int main(int count, char** words) {
    for (int i = 0; i < count; ++i) printf("argument <%s>\n", words[i]);
    for (char** entry = environ; *entry; ++entry) printf("environment <%s>\n", *entry);
}
C
musl-gcc -static -o words words.c

# expect LINES...: what the program printed.
expect() {
  local expected
  expected=$(printf '%s\n' "$@")
  check "exit status" is "$status" 0
  check "stderr is empty" is "$stderr" ""
  check "the program was given: $expected" is "$stdout" "$expected"
}

faultline run ./words
expect "argument <./words>"
faultline run ./words --trace --mem 0 -- --help -h run '' '[a,b]' 'two words' --bogus=1
expect "argument <./words>" "argument <--trace>" "argument <--mem>" "argument <0>" "argument <-->" \
  "argument <--help>" "argument <-h>" "argument <run>" "argument <>" "argument <[a,b]>" "argument <two words>" \
  "argument <--bogus=1>"
faultline run --mem 64M -- ./words -- x
expect "argument <./words>" "argument <-->" "argument <x>"
cp words ./-words
faultline run -- -words
expect "argument <-words>"
cp words run
faultline run run
expect "argument <run>"

# The host's environment stays outside.
SECRET=1 faultline run ./words
expect "argument <./words>"
faultline run --env A=1 --env 'B=two words' --env=C=x=y --env D= --env 'E=[1,2]' ./words
expect "argument <./words>" "environment <A=1>" "environment <B=two words>" "environment <C=x=y>" \
  "environment <D=>" "environment <E=[1,2]>"
faultline run --env A=1 --env B=2 --env A=3 ./words
expect "argument <./words>" "environment <A=3>" "environment <B=2>"
faultline run --env A=1 ./words B=2
expect "argument <./words>" "argument <B=2>" "environment <A=1>"

# --trace and --stats take a value with '=' alone: the next word is the program.
for options in --trace --stats "--trace --stats" "--stats --trace" "--trace --trace-format jsonl"; do
  # shellcheck disable=SC2086  # the words are meant to be split
  faultline run $options ./words x
  check "$options: the program ran" is "$stdout" "argument <./words>${new_line}argument <x>"
  check "$options: something was reported" matches "$stderr" .
done
passed
