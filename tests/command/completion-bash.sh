#!/usr/bin/env bash
# Completion in bash: what Tab offers behind a command line, from a bash of its own that has nothing but the script.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

faultline --generate bash .
check "the script is written: $stderr" is "$status" 0
run bash -n ./faultline
check "and is bash: $stderr" is "$status" 0
if command -v shellcheck >/dev/null; then
  run shellcheck ./faultline
  check "shellcheck finds nothing: $stdout" is "$status" 0
fi

mkdir folder 'a folder'
touch belady.txt 'two words.refs' folder/inside.refs

# Calls the function as bash does: with the line cut at blanks, and at '=' and ':' unless BREAKS is without them.
cat >press-tab <<'END'
source ./faultline
# compopt is only there while bash itself completes.
compopt() { options+="${*:2} "; }
line=$1
read -r -a cut <<<"$(sed "s/[$2]/ & /g" <<<"$line")"
[[ $line != *' ' ]] || cut+=('')
# An empty word is between a break and the cursor, but the break itself is the word.
COMP_WORDS=("${cut[@]}")
COMP_CWORD=$((${#cut[@]} - 1))
COMP_LINE=$line
COMP_POINT=${#line}
complete -p faultline >/dev/null || exit 1
_faultline faultline "${cut[-1]}" "${cut[-2]}"
printf '%s\n' "${COMPREPLY[@]}"
END
# offers LINE WORDS: exactly these, in any order; one in each line where they have blanks.
tab() { run bash --norc ./press-tab "$1" "${2-=:}"; }
offers() {
  tab "$1"
  check "'$1': bash complains of nothing: $stderr" is "$stderr" ""
  check "'$1' is completed with: $2" is "$(LC_ALL=C sort <<<"$stdout")" "$(tr ' ' '\n' <<<"$2" | LC_ALL=C sort)"
}
offers_some() {
  local word
  tab "$1"
  shift
  for word; do check "'${last[3]}' offers $word" contains "$new_line$stdout$new_line" "$new_line$word$new_line"; done
}

# Subcommands, all that the help names.
faultline --help
offers 'faultline ' "$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' .stdout | tr '\n' ' ' | sed 's/ $//')"
offers 'faultline re' "$("$FAULTLINE" --help | sed -n '/^Subcommands:/,/^$/s/^  \(re[a-z-]*\) .*/\1/p' | tr '\n' ' ' | sed 's/ $//')"
offers 'faultline ru' 'run'
offers 'faultline refs ' 'info head convert'
offers 'faultline refs con' 'convert'
offers 'faultline --v' '--version'

# Options: all that the help has.
for words in run compare-native policies refs 'refs info' 'refs head' 'refs convert' replay sweep curve; do
  # shellcheck disable=SC2086  # the words are meant to be split
  faultline $words --help
  tab "faultline $words -"
  for option in $(sed -n '/^Options:/,/^$/s/^  \(-[-,a-z]*\).*/\1/p' .stdout | tr ',' ' '); do
    run bash --norc ./press-tab "faultline $words $option" '=:'
    check "'faultline $words' knows $option" contains "$new_line$stdout$new_line" "$new_line$option$new_line"
  done
done
offers 'faultline run --swap-' '--swap-file --swap-errors'
offers 'faultline run --po' '--policy'
# Of optional values the one with '=' as well.
offers 'faultline run --stat' '--stats --stats='

# Words to choose from, behind a blank and behind '='.
offers 'faultline run --scope ' 'global per-process'
offers 'faultline run --scope=' 'global per-process'
offers 'faultline run --scope=gl' 'global'
offers 'faultline refs info --format o' 'oracle-general'
offers 'faultline refs convert --to ' 'refs text u64 oracle-general'
offers 'faultline curve --kind lru,w' 'lru,ws'
offers 'faultline sweep --emit ' 'slurm'
offers 'faultline sweep --emit slurm fol' 'folder'
# Where '=' does not cut, the whole word is offered.
tab 'faultline run --scope=gl' ':'
check "a '=' that does not cut" is "$stdout" '--scope=global'

# Policies: one, with its parameters and their values; and lists.
offers 'faultline run --policy clo' 'clock clock-pro'
offers 'faultline run --policy=clo' 'clock clock-pro'
offers 'faultline policies sie' 'sieve'
offers 'faultline run --policy clock,' 'clock,load='
offers 'faultline run --policy lfu,ties=' 'lru fifo'
offers 'faultline run --policy lfu,ties=f' 'fifo'
offers 'faultline run --policy=lfu,ties=fifo,hi' 'fifo,history='
offers 'faultline replay belady.txt --policy lru,cl' 'lru,clock lru,clock-pro'
offers 'faultline replay belady.txt --policy lru,lfu,t' 'lru,lfu,ties='
offers 'faultline sweep --policy al' 'all'
offers_some 'faultline replay belady.txt --policy ' all lru fifo opt mglru
offers_some 'faultline sweep --policy lru,clock,' lru,clock,load= lru,clock,fifo

# Files and folders, with all that may be in their names.
offers 'faultline replay be' 'belady.txt'
offers 'faultline refs info fold' 'folder'
offers 'faultline run --trace=be' 'belady.txt'
offers 'faultline run --root fo' 'folder'
offers 'faultline run --root be' ''
offers 'faultline run --bind fo' 'folder'
offers 'faultline refs info folder/' 'folder/inside.refs'
tab 'faultline curve two'
check "a blank in a name" is "$stdout" 'two words.refs'
tab 'faultline run --root a'
check "a blank in a folder's name" is "$stdout" 'a folder'
# A number is nothing that could be offered, nor what belongs to the program.
offers 'faultline run --mem ' ''
offers 'faultline run belady.txt --po' ''
offers 'faultline run --policy lru belady.txt fold' 'folder'
passed
