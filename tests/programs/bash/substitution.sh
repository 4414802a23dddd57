# Process substitution, which names pipes by /dev/fd; shells in shells.
diff <(printf '1\n2\n') <(printf '1\n3\n') | tail -n 2; cat <(echo p1) <(echo p2); sort <(echo b; echo a)
while read -r l; do echo "got $l"; done < <(printf 'a\nb\n'); tee >(tr a-z A-Z >up) <fruit >/dev/null; sleep 0.2; cat up
read -t 0.1 line < <(sleep 1); (($? > 128)) && echo timed out
source /dev/stdin <<<'echo sourced'; cat /dev/stdin <<<"by name"; echo to stdout | cat /dev/fd/0 -
bash_child=$(echo 'echo $0 $1; exit 3' | bash-static -s arg); echo $bash_child $?
(exec -a newname bash-static -c 'echo $0'); bash-static -c 'exit 300'; echo $?
(bash-static -c 'kill -SEGV $$'; echo $?) 2>/dev/null
