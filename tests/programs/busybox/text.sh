# Pipelines of the tools for text.
echo one two three | tr " " "\n" | sort -r | head -n 2
sort -k2n fruit | awk '{ s += $2; print } END { print s, NR }' | sed s/plum/grape/ | grep -v pear
sort fruit; sort -t' ' -k2,2nr fruit; cut -d' ' -f2 fruit | sort -n | uniq -c
seq 1 2000 | awk '{ s += $1; c[$1 % 7]++ } END { print s, NR; for (i = 0; i < 7; i++) printf "%d ", c[i]; print "" }'
seq 1 100 | sed -n '10,20p;30q' | tr '\n' ,; echo
seq 500 | shuf | sort -n | md5sum
seq 1000 | md5sum; seq 1000 | sha1sum; seq 1000 | sha256sum; seq 1000 | sha512sum; seq 1000 | sha3sum
md5sum fruit >sums; md5sum -c sums
od -An -tx1 fruit; od -c fruit | head -n 3; hexdump -C fruit | head -n 2
grep -n 'p[el]' fruit; grep -c . fruit; grep -oE '[0-9]+' fruit; grep -q nothing fruit; echo $?
seq 20000 >big; head -c 10 big; tail -n 3 big; tail -c 5 big; wc big | tr -s ' '; wc -l <big
diff fruit big | head -n 5; diff fruit fruit && echo equal; cmp fruit big; echo abc | rev; echo a-b | tac
seq 3 | xargs -I{} echo item {}; seq 10 | xargs -n 4 echo; tr a-z A-Z <fruit | cat -A
base64 fruit | base64 -d | cmp - fruit && echo base64; echo hello | tee one two | cat - one two
sed -i s/plum/grape/ fruit; cat fruit; sed -e '1d' -e 's/\(a\)\(p\)/\2\1/' -e '$a\last' fruit
awk 'BEGIN { while (("seq 3" | getline l) > 0) print "got", l; print "x" | "cat"; close("cat"); system("echo sys") }'
awk -F' ' 'BEGIN { printf "%.3f %s\n", 22 / 7, substr("hello", 2, 3) } { gsub(/p/, "P"); print toupper($1), length($0) }' fruit
expr 3 + 4; expr abc : 'a\(.*\)'; basename /a/b/c.txt .txt; dirname /a/b/c; echo '2^64 + 1' | bc; echo '3 4 * p' | dc
printf 'a\tb\n' | expand -t 4; fold -w 5 <big | head -n 2; nl fruit; paste fruit fruit | head -n 1; date -u -d @0 +%F
seq 200 | while read n; do [ $((n % 50)) = 0 ] && echo $n; done
env A=b env; echo a b c | { read a b c; echo $c$b$a; }
factor 1234567 360; seq -s ' ' 1 3 20; cal 2 2024 | head -n 3; strings -n 4 fruit; uudecode --help >/dev/null 2>&1; echo $?
