# Functions, errors, traps of all kinds.
trap 'echo exit trap' EXIT
trap 'echo err trap $?' ERR; false; true; (exit 3); trap - ERR
f() { local x=1; trap 'echo "debug: $BASH_COMMAND"' DEBUG; x=2; trap - DEBUG; echo $x; }; f
g() { trap 'echo return trap' RETURN; return 2; }; g; echo $?; trap - RETURN
fib() { (($1 < 2)) && { echo $1; return; }; echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); }; fib 7
x=$(exit 9); echo $?; ! true; echo $?; false | true; echo "${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?; set +o pipefail
(set -e; false; echo not here); echo set -e: $?
(set -u; echo $nope) 2>/dev/null; echo set -u: $?
case x in [a-m]) echo low ;; [n-z]) echo high ;;& x) echo also ;& y) echo through ;; esac
select i in a b; do echo chose $i; break; done <<<2 2>/dev/null
deep() { (($1 == 0)) && { echo "${#FUNCNAME[@]} frames"; return; }; deep $(($1 - 1)); }; deep 50
type cd | head -n 1; command -v echo; builtin echo b; hash -r; caller 0; echo ${FUNCNAME[0]:-main} $LINENO
exec 3>&1; { echo to three >&3; } | cat; exec 3>&-
eval 'for i in 1 2; do echo $i; done'; echo 'echo sourced $1' >part; source ./part with; echo "$_"
while :; do while :; do break 2; done; done; echo out; for i in 1 2 3; do [[ $i == 2 ]] && continue; echo $i; done
coproc UP { while read -r x; do echo "${x^^}"; done; }
echo quiet >&"${UP[1]}"; read -r r <&"${UP[0]}"; echo "$r"; eval "exec ${UP[1]}>&-"; wait $UP_PID; echo coproc $?
exit 4
