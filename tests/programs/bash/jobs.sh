# Signals, background jobs, job control.
trap 'echo got usr1' USR1; kill -USR1 $$; trap 'echo term' TERM; kill -TERM $BASHPID; trap - TERM
(trap '' INT; kill -INT $BASHPID; echo ignored); (kill -INT $BASHPID; echo no); echo $?
(sleep 0.02; exit 5) & (sleep 0.4; exit 6) & wait -n; echo first $?; wait -n; echo second $?
(exit 3) & p=$!; wait $p; echo $?; wait -n; echo $?
set -m
sleep 0.1 & jobs -r | sed 's/ *&//'; wait %1; echo job $?
sleep 5 & p=$!; kill -STOP $p; sleep 0.1; jobs | awk '{ print $2 }'; kill -CONT $p; sleep 0.1; kill $p; wait $p 2>/dev/null; echo killed $?
sleep 5 & disown; kill $!; (sleep 0.1; echo from a group) & fg %+ >/dev/null; echo fg $?
set +m
for i in {1..30}; do (exit $i) & pids+=($!); done; s=0; for p in "${pids[@]}"; do wait $p; ((s += $?)); done; echo sum $s
sleep 10 & kill -KILL $!; wait $! 2>/dev/null; echo $?; kill -l 9 15; kill -0 $$; echo $?
(trap 'exit 7' TERM; while :; do sleep 0.01; done) & sleep 0.2; kill $!; wait $!; echo handler $?
trap 'echo alarm' ALRM; (sleep 0.1; kill -ALRM $$) & sleep 0.3; wait
trap 'echo child' CHLD; (exit 0); true & wait $!; trap - CHLD
