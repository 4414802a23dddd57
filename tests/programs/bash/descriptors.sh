# Redirections, pipes and process substitution.
cat <<<"here string"; tr a-z A-Z <<<"upper"; cat <<END
a document $((1 + 1))
END
exec 5>out5; echo five >&5; exec 5>&-; cat out5; exec 6<>rw6; echo rw >&6; exec 6>&-; cat rw6
exec {fd}<fruit; read -u $fd x; echo $x; exec {fd}<&-; { echo out; echo err >&2; } 2>err >out; cat out err; echo both &>both; cat both
ulimit -n 64; ulimit -n; ulimit -Sn; (exec 63>/dev/null && echo 63; exec 64>/dev/null) 2>/dev/null; echo $?
printf '%s\n' {1..300} | while read n; do ((n % 100 == 0)) && echo $n; done
seq 1 3 | { read a; read b; echo $b$a; cat; }; echo x | tee a b >/dev/null; cat a b; set -o noclobber; echo y 2>/dev/null >a || echo kept; echo y >|a; cat a
yes | head -n 2; echo "${PIPESTATUS[@]}"; head -c 100000 /dev/zero | wc -c; { sleep 0.05; echo late; } | cat
