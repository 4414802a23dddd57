#!/usr/bin/env bash
# Pages of 2 MiB as a user sees them: --thp, what traces, views and statistics say of them, /sys and /proc.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

# huge NAME: a counter of the last --stats=stats.json.
huge() { sed -n "s/^ *\"$1\": \([0-9]*\),*\$/\1/p" stats.json | head -n 1; }
touch_words=("$GUESTS/bench-touch-musl" 4096 1)

# --- what is asked for -------------------------------------------------------------------------------------------------
faultline run --thp sometimes "$GUESTS/hello-musl"
expect_complaint 2 "--thp: unknown value 'sometimes'; there are: always, madvise, never"

# --- how many faults 16 MiB take --------------------------------------------------------------------------------------
faultline run --stats=stats.json "${touch_words[@]}"
check "no large page by default" is "$(huge fault_alloc)" 0
small=$(huge total)
faultline run --thp madvise --stats=stats.json "${touch_words[@]}"
check "none that was not asked for" is "$(huge fault_alloc)" 0
faultline run --thp always --stats=stats.json "${touch_words[@]}"
check "eight large pages" is "$(huge fault_alloc)" 8
check "4096 faults less, and eight more ($small, $(huge total))" is "$(huge total)" $((small - 4096 + 8))
faultline run --thp always --stats "${touch_words[@]}"
check "the table has them" contains "$stderr" "pages of 2 MiB"
# Where no block of 2 MiB is free, pages of 4 KiB do.
faultline run --thp always --mem 1500pages --stats=stats.json "$GUESTS/bench-touch-musl" 1024 1
check "status" is "$status" 0
check "fallbacks" test "$(huge fault_fallback)" -gt 0

# --- traces ------------------------------------------------------------------------------------------------------------
faultline run --thp always --trace=faults.jsonl --trace-format jsonl "${touch_words[@]}"
check "JSON lines" is "$(grep -c '"page_bytes":2097152' faults.jsonl)" 8
check "a walk of three levels" is "$(grep '"page_bytes":2097152' faults.jsonl | grep -o '"index"' | wc -l)" 24
faultline run --thp always --trace=faults.csv --trace-format csv "${touch_words[@]}"
check "CSV" is "$(grep -c ',2097152,' faults.csv)" 8
faultline run --thp always --trace=faults.txt "${touch_words[@]}"
check "text" is "$(grep -c 'anonymous 2M' faults.txt)" 8
faultline run --thp always --filter 'page_bytes=2097152' --trace=faults.txt --trace-format jsonl "${touch_words[@]}"
check "the filter" is "$(grep -c '"seq"' faults.txt)" 8
faultline trace convert faults.jsonl faults.db
check "status of the conversion" is "$status" 0
if command -v sqlite3 >/dev/null; then
  check "SQLite" is "$(sqlite3 faults.db 'SELECT count(*) FROM faults WHERE page_bytes = 2097152')" 8
fi
faultline run --thp always --report report.html "${touch_words[@]}"
check "a report is written" test -s report.html

# --- views -------------------------------------------------------------------------------------------------------------
large=$(sed -n 's/.*"addr":"\(0x[0-9a-f]*\)".*"page_bytes":2097152.*/\1/p' faults.jsonl | head -n 1)
fault=$(sed -n 's/.*"seq":\([0-9]*\),.*"page_bytes":2097152.*/\1/p' faults.jsonl | head -n 1)
after=$(printf '0x%x' $((large + 0x5123)))
faultline inspect --thp always --at-fault $((fault + 1)) --show pagetable --walk "$after" "${touch_words[@]}"
check "the tree has the large page" matches "$stdout" '\] +0x[0-9a-f]+-0x[0-9a-f]+ +2 MiB +PWUAD-'
check "the walk ends at the pmd" matches "$stdout" 'pmd  table[^'"$new_line"']*PS NX -> frame'
check "the walk finds the byte" matches "$stdout" 'physical: 0x[0-9a-f]*5123, anonymous frame with 1 reference and 1 mapping'
physical=$(sed -n 's/.*physical: \(0x[0-9a-f]*\),.*/\1/p' <<<"$stdout" | head -n 1)
faultline inspect --thp always --at-fault $((fault + 1)) --phys "$physical" "${touch_words[@]}"
check "and the byte its address" contains "$stdout" "$after"
faultline explain --thp always "$fault" "${touch_words[@]}"
check "the story tells of it" contains "$stdout" "for a large page of 2 MiB"

# --- /sys and /proc -----------------------------------------------------------------------------------------------------
if [[ -x /bin/busybox ]]; then
  script() {
    local text=$1
    shift
    faultline run "$@" --bind /bin/busybox:/bin/busybox --env PATH=/bin /bin/busybox sh -c "$text"
  }
  folder=/sys/kernel/mm/transparent_hugepage
  script "cd $folder; busybox cat enabled defrag hpage_pmd_size use_zero_page
    echo always >enabled && busybox cat enabled
    printf never >enabled && busybox cat enabled
    echo perhaps >enabled" --thp madvise
  check "enabled is read and written" is "$stdout" "always [madvise] never
always defer defer+madvise [madvise] never
2097152
0
[always] madvise never
always madvise [never]"
  check "what is none of its words is refused" contains "$stderr" "Invalid argument"
  script 'busybox grep -E "AnonHuge|^thp_fault" /proc/meminfo /proc/vmstat' --thp always
  check "meminfo" contains "$stdout" "AnonHugePages:"
  check "vmstat" contains "$stdout" "thp_fault_alloc"
fi

# --- under pressure: what is large is split, and nothing is lost --------------------------------------------------------
for options in '--frames 1200' '--frames 1200 --policy lru' '--frames 1200 --kswapd on' '--frames 3M --scope per-process'; do
  # shellcheck disable=SC2086
  faultline run --thp always --stats=stats.json $options "$GUESTS/bench-thrash-musl" 2048 2 write
  check "status under $options" is "$status" 0
  check "large pages under $options" test "$(huge fault_alloc)" -gt 0
  check "split under $options" test "$(huge split_page)" -gt 0
done

passed
