# Background jobs, signals, traps.
trap 'echo at the end' EXIT
trap 'echo usr1' USR1
kill -USR1 $$
echo on
(sleep 0.2; echo later) & echo now; wait; echo done
sleep 0.05 & p=$!; wait $p; echo waited $?
sleep 10 & kill $!; wait $!; echo $?
(exit 5) & wait $!; echo $?
sh -c 'kill -TERM $$'; echo $?
sh -c 'kill -SEGV $$' 2>/dev/null; echo $?
sh -c 'trap "" TERM; kill -TERM $$; echo ignored'
sh -c 'trap "echo int; exit 9" INT; kill -INT $$; echo not here'; echo $?
for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.0$((10 - i)); echo $i >job.$i) & done; wait; cat job.* | sort -n | tr '\n' ' '; rm job.*; echo
timeout 0.1 sleep 5; echo $?
timeout 5 true; echo $?
nohup echo hung up 2>/dev/null
yes | head -n 3; echo $?
(trap 'echo child got it; exit 3' TERM; while :; do sleep 0.01; done) & p=$!; sleep 0.1; kill $p; wait $p; echo $?
sleep 0.3 & sleep 0.1 & jobs | wc -l; wait
(echo sub; exec echo replaced; echo never)
i=0; while [ $i -lt 20 ]; do i=$((i + 1)); (exit $i) & done; wait; echo $i
kill -0 $$ && echo alive; kill -0 99999 2>/dev/null || echo nobody
time -f '' true; usleep 1000
