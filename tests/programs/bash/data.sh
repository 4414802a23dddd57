# Arrays, strings, numbers and patterns.
a=(one two "three four"); echo ${#a[@]} "${a[2]}" "${a[@]:1}"; a+=(five); unset 'a[0]'; echo "${!a[@]}" "${a[-1]}"
declare -A m=([x]=1 [y]=2 [z]=3); m[w]=4; unset 'm[x]'; for k in $(printf '%s\n' "${!m[@]}" | sort); do echo $k=${m[$k]}; done
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[1]}-${BASH_REMATCH[2]}"
[[ foo == f* && 3 -lt 10 && ! -e /nonexistent ]] && echo conditions
s=hello; echo ${s^^} ${s:1:3} ${s/l/L} ${s//l/L} ${#s} ${s%lo} ${s#he} ${s: -2} "${s@Q}" ${!s@} ${s/%o/0}
echo $((2 ** 40 + 7 % 4)) $((16#ff)) $((1 << 5 | 3)) $((5 > 3 ? 1 : 0)) $((-7 / 2)) $((~5)); let z=5*5; ((z++)); echo $z
echo {1..5} {a..e..2} x{1,2}y {01..03} {a,b}{c,d}
printf -v v '%05.2f|%q|%b|%x' 3.14159 'a b' 'x\ty' 255; echo "$v"; printf '%s-%s\n' 1 2 3; printf '%(%Y)T\n' 0
mapfile -t lines <fruit; echo ${#lines[@]} "${lines[1]}"; mapfile -n 1 -s 1 q <fruit; echo -n "${q[0]}"
IFS=, read -r a1 b1 c1 <<<"1,2,3"; echo $c1; read -n 3 c <<<"abcdef"; echo $c; read -ra words <<<"p q r"; echo ${words[1]}
read -d : field <<<"up to:here"; echo "$field"; read -t 1 line <<<"fast"; echo $? $line
declare -i num=5; num+=3; echo $num; declare -r ro=1; (ro=2) 2>/dev/null || echo readonly; declare -u up=loud; echo $up
declare -n ref=s; ref=changed; echo $s; declare -p a m s 2>&1 | grep -c declare
shopt -s nullglob extglob globstar
echo *; echo nomatch*; echo !(fruit); mkdir -p d/e; touch d/e/f; echo **/f; [[ aab == +(a)b ]] && echo extended
sorted=($(printf '%s\n' 5 3 9 1 | sort -n)); echo "${sorted[*]}"; IFS=-; echo "${sorted[*]}"; unset IFS
z=0; for i in {1..1000}; do ((z += i)); done; echo $z; for ((i = 0, j = 9; i < 3; i++, j--)); do echo -n "$i$j "; done; echo
while getopts ab:c o -a -b val -c rest; do echo "opt $o ${OPTARG:-}"; done; echo $OPTIND
set -- x y z; echo "${@:2}" $# "${!#}"; shift 2; echo $1; echo "${BASH_VERSINFO[0]}" $SHLVL $-
