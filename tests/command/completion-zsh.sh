#!/usr/bin/env bash
# Completion in zsh: what Tab offers, from a zsh of its own with compinit and nothing else.
# shellcheck disable=SC2016  # what stands in single quotes is for zsh
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

zsh=$(command -v zsh || true)
[[ -n $zsh ]] || { echo "completion-zsh.sh: skipped: zsh is not installed"; exit 77; }

mkdir functions folder home
faultline --generate zsh functions
check "the function is written: $stderr" is "$status" 0
run "$zsh" -n functions/_faultline
check "and is zsh: $stderr" is "$status" 0
touch belady.txt 'two words.refs' folder/inside.refs

# A zsh in a terminal of zsh's own making gets the line and a Tab. compadd tells what it would offer, and the line itself
# stays as it is.
cat >press-tab <<'END'
zmodload zsh/zpty || exit 77
zpty shell zsh -f -i
zpty -w shell 'PS1= PS2= RPS1=; unsetopt zle_bracketed_paste 2>/dev/null; fpath=($PWD/functions $fpath)'
zpty -w shell 'autoload -Uz compinit && compinit -D -u'
zpty -w shell 'zstyle ":completion:*" list-grouped false; zstyle ":completion:*" insert-tab false; LISTMAX=0'
zpty -w shell 'compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a found before; local at
  builtin compadd -O found "$@"
  at=${@[(i)-p]}; before=""; (( at < $# )) && before=$@[at+1]
  (( $#found )) && print -rl -- "<"$IPREFIX$before${^found}">" >>offered
  builtin compadd "$@"
}'
zpty -w shell 'tab() { zle complete-word 2>/dev/null; print done >>offered; exit 0 }'
zpty -w shell 'zle -N tab; bindkey "^I" tab; print -r "ready:"$((1+1))'
zpty -r shell text '*ready:2*'
: >offered
zpty -n -w shell "$1"$'\t'
repeat 200; do
  grep -q '^done$' offered && break
  sleep 0.05
done
zpty -d shell
sed -n 's/^<\(.*\)>$/\1/p' offered | sort -u
END
tab() { run env HOME="$work/home" TERM=dumb "$zsh" -f ./press-tab "$1"; }
tab 'faultline '
[[ $status != 77 ]] || { echo "completion-zsh.sh: skipped: zsh has no module zpty"; exit 77; }

# offers LINE WORDS: exactly these, in any order.
offers() {
  tab "$1"
  check "'$1' is completed with: $2" is "$stdout" "$(tr ' ' '\n' <<<"$2" | sort -u)"
}
offers_some() {
  local word
  tab "$1"
  shift
  for word; do check "'${last[-1]}' offers $word" contains "$new_line$stdout$new_line" "$new_line$word$new_line"; done
}

offers_some 'faultline ' run replay refs sweep curve policies compare-native
offers 'faultline ru' run
offers 'faultline refs ' 'convert head info'
offers_some 'faultline run --' --mem --policy --trace --stats --bind
offers 'faultline run --swap-' '--swap-errors --swap-file'
offers 'faultline run --scope ' 'global per-process'
offers 'faultline run --scope=gl' '--scope=global'
offers 'faultline refs convert --to ' 'oracle-general refs text u64'
offers 'faultline curve --kind lru,w' 'lru,ws'
offers 'faultline run --policy clo' 'clock clock-pro'
offers 'faultline policies sie' sieve
offers 'faultline run --policy clock,' 'clock,load'
offers 'faultline run --policy lfu,ties=' 'lfu,ties=fifo lfu,ties=lru'
offers 'faultline replay belady.txt --policy lru,cl' 'lru,clock lru,clock-pro'
offers_some 'faultline sweep --policy ' all lru opt
offers 'faultline replay be' belady.txt
offers 'faultline run --root fo' folder
offers 'faultline run belady.txt --po' ''
passed
