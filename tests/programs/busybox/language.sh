# The shell's own language.
echo "$0" $# $-
for i in 1 2 3; do echo $((i * i)); done
i=0; while [ $i -lt 200 ]; do i=$((i + 1)); done; echo $i
until [ $i -eq 195 ]; do i=$((i - 1)); [ $i -eq 197 ] && continue; [ $i -lt 190 ] && break; done; echo $i
f() { local x=$1; echo "f $x $#"; return 3; }
f a b; echo $?
fact() { if [ "$1" -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 10
(x=5; echo sub $x; exit 4); echo $? "${x:-unset}"
{ echo a; echo b >&2; } 2>&1
case abc in x) echo x ;; a*) echo star ;; *) echo none ;; esac
case "[" in "[") echo bracket ;; esac
echo $((0x10 + 010)) $((7 / 2)) $((-7 % 3)) $((1 << 10 | 1)) $((5 > 3 && 2 < 1)) $((i++)) $i $((i > 100 ? 1 : 2))
s=hello.tar.gz; echo ${s#*.} ${s##*.} ${s%.*} ${s%%.*} ${#s} "${none:-default}" "${none:=set}" "$none" ${s:+there}
set -- "a b" c; for w in "$@"; do echo "<$w>"; done; echo "$*"; shift; echo $1
IFS=:; set -- $(echo 1:2:3); echo $2 "$*"; unset IFS
x=$(echo $(echo deep)); echo "<$x>"; echo `seq 5 | tail -n 1`
cat <<END
$s $((1 + 1)) $(echo command)
END
cat <<'END'
literal $x
END
cat <<-END
	tabs go
	END
false || echo or; true && echo and; ! false; echo $?
false | true; echo $?
eval 'y=7; echo $y'
read a b <<END
first second third
END
echo "$b-$a"
printf '%05d|%-8s|%x|%s\n' 42 abc 255 "$(printf '\101')"
[ -f fruit ] && [ ! -d fruit ] && test -s fruit -a -r fruit; echo $?
echo *; echo [f]*; echo 'q*'
set -e; (false; echo not here) || echo left; set +e
readonly r=1; (r=2) 2>/dev/null; echo $?
exec 3>three; echo to3 >&3; exec 3>&-; cat three
exec 4<fruit; read line <&4; echo $line; read line <&4; echo $line; exec 4<&-
echo over >three; echo more >>three; cat <three; cat three 2>&1 >/dev/null
umask; umask 077; : >private; stat -c %a private
cd /tmp && pwd; cd - >/dev/null; type cd; command -v sh >/dev/null && echo found
getopts ab: o -b 7; echo $o $OPTARG
exit 7
