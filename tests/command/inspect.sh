#!/usr/bin/env bash
# faultline inspect: views on a stopped machine.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
cp "$GUESTS/brk-walk-musl" walk

for subcommand in inspect explain; do
  faultline $subcommand --help
  check "$subcommand --help succeeds" is "$status" 0
  check "$subcommand --help fits on a terminal" is "$(awk 'length > 120' .stdout)" ""
  check "$subcommand --help has run's options" contains "$stdout" "--frames PAGES|SIZE"
done

# Where it stops.
faultline inspect --at-fault 7 --show maps ./walk
check "status 0" is "$status" 0
check "after fault 7" matches "${stdout%%$'\n'*}" \
  '^stopped after page fault 7 \(demand_zero, a write to 0x409000\), in process 2 \(walk\), after [0-9]+ instructions, at [0-9]+ ns$'
check "the program's output is on stderr" contains "$stderr" "brk: 8192 bytes more, 0 page faults"
check "the program goes no further" lacks "$stderr" "page 0: first write"
check "the heap has its page" matches "$stdout" '0x409000 +0x40b000  rw-p +2 +1 +0 +0x?0  \[heap\]'
faultline inspect --at-fault 6 --show maps ./walk
check "before it the heap has none" matches "$stdout" '0x409000 +0x40b000  rw-p +2 +0 +0 +0x?0  \[heap\]'
faultline inspect --at-fault 1 --show maps ./walk
check "while exec builds the image" contains "$stdout" "stopped after page fault 1 (demand_zero, a write to 0x7ffffff"
check "nothing of the program has run" is "$stderr" ""
faultline inspect --at-exit --show maps ./walk
check "at the end: one page of the heap was touched again" matches "$stdout" '0x409000 +0x40b000  rw-p +2 +0 +0 +0x?0  \[heap\]'
check "at the end: it reads the page of zeroes" contains "$stdout" " 1 the zero page"
check "at the end: all is said" contains "$stderr" "page 0 again: 1 page fault, it holds 0 now"
faultline inspect --at-exit --show maps "$GUESTS/die-null-musl"
check "a program that dies can be looked at" is "$status" 0
faultline inspect --at-instruction 1000 --show maps ./walk
reached=$(sed -n '1s/.*after \([0-9]*\) instructions.*/\1/p' <<<"$stdout")
check "at an instruction, or a little later" test "$reached" -ge 1000 -a "$reached" -lt 1200
faultline inspect --at-instruction 1 --show maps ./walk
check "at the first block" matches "${stdout%%$'\n'*}" 'after [0-9]{1,2} instructions'

# Every view.
faultline inspect --at-fault 7 --show all --walk 0x409000 --phys 0x1000 ./walk
for view in maps: mm: pagetable: buddy: slab: frames: rmap: swap: lists: kernel: log: walk: phys:; do
  check "the view $view" contains "$stdout" "$new_line$view "
done
check "no line is too long" is "$(awk 'length > 140' <<<"$stdout")" ""
check "no blanks at the end of lines" is "$(grep -n ' $' <<<"$stdout")" ""
plain=$(faultline inspect --at-fault 7 ./walk; echo "$stdout")
check "without --show: maps and pagetable" matches "$plain" $'\nmaps: .*\npagetable: '
check "and no other" lacks "$plain" "frames:"

# The tree: the pages that the trace says are mapped at fault 7 are the ones of the tree.
faultline run --trace=t.jsonl --trace-format jsonl ./walk
pfn=$(sed -n 's/.*"seq":7,.*"pfn":\([0-9]*\).*/\1/p' t.jsonl)
faultline inspect --at-fault 7 --show pagetable ./walk
check "the heap's page" matches "$stdout" '\[  9\] +0x409000-0x40a000 +1  PWUA--  frame 0x[0-9a-f]+ +\[heap\]'
check "in the trace's frame" contains "$stdout" "frame $(printf '0x%x' "$pfn") "

# One address down, and up again.
faultline inspect --at-fault 7 --walk 0x409123 --walk 0x40a000 --walk 0 --walk 0x800000000000 ./walk
for level in pgd pud pmd pte; do check "level $level" matches "$stdout" "  $level  table +0x[0-9a-f]+  \[ *[0-9]+\]  0x[0-9a-f]{16}  P"; done
check "the physical address" contains "$stdout" "  physical: $(printf '0x%x123' "$pfn"), anonymous frame"
check "the next page is empty" contains "$stdout" "  physical: none: no page: the entry is empty"
check "what a write there would do" contains "$stdout" "  a write: fault demand_zero: it would get a frame full of zeroes"
check "nothing at 0" contains "$stdout" "  a read : fault segv_maperr: no mapping: SIGSEGV (SEGV_MAPERR)"
check "not canonical" contains "$stdout" "  not canonical: "
check "only the walks" lacks "$stdout" "maps:"
faultline inspect --at-fault 7 --phys "$(printf '0x%x123' "$pfn")" --phys 0xffffffffff ./walk
check "back to the virtual address" matches "$stdout" '  process 2 \(walk\)  0x409123  PWUA--  \[heap\]'
check "beyond RAM" contains "$stdout" "no memory: RAM ends at 0x10000000"

# Processes that share pages.
faultline run --trace=t.jsonl --trace-format jsonl "$GUESTS/bench-fork-musl"
seq=$(awk '/"pid":3,/ && /"kind":"cow"/ && !found++' t.jsonl | sed 's/.*"seq":\([0-9]*\).*/\1/')
faultline inspect --at-fault "$seq" --show rmap "$GUESTS/bench-fork-musl"
check "a child's fault" contains "$stdout" ", in process 3 ("
check "pages of both" matches "$stdout" ' 2:0x[0-9a-f]+(-0x[0-9a-f]+)?, 3:0x[0-9a-f]+'
faultline inspect --at-fault "$seq" --show maps --pid 2 "$GUESTS/bench-fork-musl"
check "the other one's maps" contains "$stdout" "maps: process 2 ("
faultline inspect --at-fault "$seq" --pid 77 "$GUESTS/bench-fork-musl"
check "no such process: status 1" is "$status" 1
check "no such process: nothing on stdout" is "$stdout" ""
check "no such process: which there are" contains "$stderr" "faultline: --pid 77: there is no such process then; there are 2, 3"

# Short of memory.
scan=$GUESTS/loop-scan-musl
faultline run --frames 16 --policy lru --trace=t.jsonl --trace-format jsonl "$scan"
seq=$(grep '"kind":"swap_in"' t.jsonl | tail -n 1 | sed 's/.*"seq":\([0-9]*\).*/\1/')
faultline inspect --at-fault "$seq" --frames 16 --policy lru --show swap,lists,frames "$scan" 
check "slots and who names them" matches "$stdout" $'\n +[0-9]+ +1  - +2:0x[0-9a-f]+\n'
check "the policy" contains "$stdout" "lists: policy lru ("
check "its pages" contains "$stdout" "  all: 16 pages resident"
frames=$(awk '/^frames:/ { on = 1 } on && $3 ~ /^(anonymous|file|shared)$/ { n += $2 } END { print n }' <<<"$stdout")
check "as many user frames as there may be" is "$frames" 16
for policy in fifo clock arc mglru working-set; do
  faultline inspect --at-fault "$seq" --frames 16 --policy "$policy" --show lists "$scan"
  [[ $stderr == *"did not happen"* ]] && continue
  check "$policy: status" is "$status" 0
  check "$policy: its name" contains "$stdout" "lists: policy $policy ("
done
faultline inspect --at-exit --frames 16 --scope per-process --show lists "$scan"
check "lists of their own" contains "$stdout" "  process 2: "
faultline inspect --at-exit --frames 64 --swap 0 --show swap "$scan"
check "no swap" contains "$stdout" "swap: none"

# Where a page has left memory. kswapd runs in the address space of whoever ran before it: it counts in mm_count.
both_counts() { sed -nE 's/.* (mm_users|mm_count) +([0-9]+)$/\1=\2/p' <<<"$stdout" | paste -sd ' '; }
faultline run --frames 16 --kswapd on --trace=t.jsonl --trace-format jsonl "$scan"
line=$(grep '"event":"eviction"' t.jsonl | grep -n '"reason":"kswapd".*"pid":4' | sed -n 2p)
number=${line%%:*}
address=${line##*\"addr\":\"}
address=${address%%\"*}
faultline inspect --at-eviction "$number" --frames 16 --kswapd on --show mm "$scan"
check "at an eviction of kswapd's: $stderr" matches "${stdout%%$'\n'*}" "^stopped after eviction $number \
\(the page at $address of process 4 left memory; reason: kswapd\), in 3 \(kswapd0\), whose active_mm is that of process 4 \
\(loop-scan-musl\), after [0-9]+ instructions, at [0-9]+ ns\$"
check "the lender's address space" contains "$stdout" "mm: process 4 (loop-scan-musl)"
check "with the loan in mm_count alone" is "$(both_counts)" "mm_users=1 mm_count=2"
check "and who it is" contains "$stdout" "${new_line}active_mm of 3 (kswapd0): one of mm_count, none of mm_users"
faultline inspect --at-fault 20 --frames 16 --kswapd on --show mm "$scan"
check "nobody else borrows it" is "$(both_counts)" "mm_users=1 mm_count=1"
check "nor is it said" lacks "$stdout" active_mm
faultline inspect --at-eviction "$number" --frames 16 --kswapd on --json "$scan"
check "json: the loan" contains "$stdout" '"borrower":{"pid":3,"name":"kswapd0","active_mm":4}'
check "json: the eviction" contains "$stdout" "\"eviction\":{\"number\":$number,\"reason\":\"kswapd\",\"for_fault\":null,"
faultline inspect --at-eviction 5 --frames 16 --show rmap --walk 0x7fffffffe000 "$scan"
check "for a page fault: $stderr" matches "${stdout%%$'\n'*}" \
  '^stopped after eviction 5 \(.* left memory for page fault [0-9]+\), in process 2 \(loop-scan-musl\)'
faultline inspect --at-eviction 1000 --frames 16 "$scan"
check "one that does not come" is "$status:$stdout" 1:
check "how many there were" matches "$stderr" 'eviction 1000 did not happen; there were [0-9]+ evictions$'
for wrong in 0 x -1 ''; do
  faultline inspect --at-eviction "$wrong" "$scan"
  expect_complaint 2 --at-eviction
done
faultline inspect --at-eviction 1 --at-exit "$scan"
expect_complaint 2 "say one of --at-fault, --at-instruction, --at-eviction and --at-exit"

# The same at each run, and --output.
faultline inspect --at-fault 7 --show all ./walk
first=$stdout
faultline inspect --at-fault 7 --show all --output views.txt ./walk
check "in a file: the same" is "$(<views.txt)" "$first"
check "in a file: stdout is the program's" contains "$stdout" "brk: 8192 bytes more, 0 page faults"
check "in a file: nothing on stderr" is "$stderr" ""

# As JSON: the same as the text says.
if command -v python3 >/dev/null; then
  for options in "--at-fault 7 ./walk" "--at-fault $seq --frames 16 --policy lru $scan"; do
    read -ra words <<<"$options"
    words=(--show all --walk 0x409123 --walk 0x800000000000 --phys 0x9000 --phys 0xffffffffff "${words[@]}")
    faultline inspect "${words[@]}"
    cp .stdout views.txt
    faultline inspect --json "${words[@]}"
    check "json: status" is "$status" 0
    check "json: one line" is "$(wc -l <.stdout)" 1
    cp .stdout views.json
    cat >views.py <<'PYTHON'
import json, re
views, text = json.load(open("views.json")), open("views.txt").read()
names = ("maps", "mm", "pagetable", "buddy", "slab", "frames", "rmap", "swap", "lists", "kernel", "log")
whole = {name: text[text.index(f"\n{name}: ") + 1:] for name in names}
rows = lambda view, pattern: re.findall(pattern, whole[view].split("\n\n")[0], re.M)
def same(what, one, other): assert one == other, (what, one, other)
maps = [(m["start"], m["end"], m["prot"], m["pages"], m["in_memory"], m["in_swap"]) for m in views["maps"]["mappings"]]
same("maps", maps, [(a, b, c, int(d), int(e), int(f)) for a, b, c, d, e, f in
     rows("maps", r"^ +(0x\w+) +(0x\w+)  ([rwxps-]{4}) +(\d+) +(\d+) +(\d+)")])
for name, value in views["mm"].items():
    if name in ("brk", "start_brk", "mmap_base", "env_end"):
        assert f"{name} " in whole["mm"] and value in whole["mm"], name
same("tables", views["pagetable"]["tables"], int(rows("pagetable", r": (\d+) tables?,")[0]))
pages = sum(int(count) for count in rows("pagetable", r"0x\w+-0x\w+ +(\d+)  [PN]"))
same("pages", sum(r["count"] for r in views["pagetable"]["rows"] if r["level"] == 1 and int(r["entry"], 16) & 1), pages)
same("buddy", [(o["order"], o["free"], o["unusable"], o["extfrag"]) for o in views["buddy"]["orders"]],
     [(int(a), int(b), float(c), float(d)) for a, b, c, d in
      rows("buddy", r"^ +(\d+) +\d+[KM] +(\d+) +\d+ +(\S+) +(\S+)")])
for o in views["buddy"]["orders"]: same("blocks", len(o["blocks"]), o["free"])
same("frames", [(f"{r['first']:#x}", r["count"], r["state"]) for r in views["frames"]["runs"]],
     [(a, int(b), c) for a, b, c in rows("frames", r"^  (0x\w+)\S* +(\d+)  (\w+(?: \w+)?)")])
same("all frames", sum(r["count"] for r in views["frames"]["runs"]), views["frames"]["frames"])
same("rmap", [(f"{r['first']:#x}", r["count"], len(r["mappings"])) for r in views["rmap"]["runs"]],
     [(a, int(b), int(c)) for a, b, c in rows("rmap", r"^  (0x\w+)\S* +(\d+)  \w+ +(\d+)  ")])
same("slots", [(s["slot"], s["references"]) for s in views["swap"]["in_use"]],
     [(int(a), int(b)) for a, b in rows("swap", r"^ +(\d+) +(\d+)  ")])
same("lists", [p["page"] for p in views["lists"]["pages"]], [int(p) for p in rows("lists", r"^ +(\d+)  (?:0x|-)")])
assert f"policy {views['lists']['policy']} " in whole["lists"]
same("slab", [(c["name"], c["size"], c["used"], c["room"], c["frames"]) for c in views["slab"]["caches"]],
     [(a, int(b), int(c), int(d), int(e)) for a, b, c, d, e in
      rows("slab", r"^  (\S+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ +(\d+)  0x")])
half = views["kernel"]
same("kernel", [(r["start"], r["end"], r["name"]) for r in half["ranges"]],
     rows("kernel", r"^  (0x\w+)-(0x\w+) +\d+[KM]  ([^:\n]+)"))
same("kernel's pages", [p["count"] for r in half["ranges"] for p in (r["small_pages"], r["large_pages"]) if p["count"]],
     [int(count) for count in rows("kernel", r"^ +(\d+) of (?:4K|2M)  P")])
same("kernel's entries", [(s["index"], int(s["entry"], 16)) for s in half["shared"]],
     [(int(a), int(b, 16)) for a, b in rows("kernel", r"^ +\[ *(\d+)\]  (0x\w+)")])
same("vmalloc", [(a["start"], a["end"], a["pages"]) for a in half["vmalloc"]],
     [(a, b, int(c)) for a, b, c in rows("kernel", r"^(0x\w+)-(0x\w+) .*pages=(\d+)")])
assert half["ranges"] and half["shared"] and views["slab"]["caches"]
same("log", sum(r["text"].count("\n") + 1 for r in views["log"]["records"]), len(rows("log", r"^\[ *\d+\.\d+\]")))
walk, beyond = views["walks"]
assert beyond == {"addr": "0x800000000000", "canonical": False}, beyond
for step in walk["steps"]: assert f"{int(step['entry'], 16):#018x}" in text, step
same("walk", walk["phys"] or "none", re.search(r"  physical: (\w+)", text)[1])
fault = re.search(r"  a write: (?:fault (\w+)|no fault)", text)[1]
same("forecast", walk["faults"]["write"], fault)
assert views["phys"][1]["frame"] is None and views["phys"][0]["frame"] == 9
print("all")
PYTHON
    run python3 views.py
    check "json: the views are those of the text" is "$stdout$stderr" all
  done
fi
faultline inspect --at-exit --frames 64 --swap 0 --show swap --json "$scan"
check "json: no swap" matches "$stdout" '"swap":null'
faultline inspect --at-fault 99 --json ./walk
check "json: no such fault: status 1" is "$status" 1
check "json: no such fault: nothing on stdout" is "$stdout" ""

# A point that is never reached.
faultline inspect --at-fault 99 ./walk
check "no such fault: status 1" is "$status" 1
check "no such fault: nothing on stdout" is "$stdout" ""
check "no such fault: how many there were" contains "$stderr" \
  "faultline: ./walk: page fault 99 did not happen; there were 9 page faults"
faultline inspect --at-instruction 999999999 ./walk
check "no such instruction: status 1" is "$status" 1
check "no such instruction" matches "$stderr" 'instruction 999999999 was never reached; there were [0-9]+'

# What the command line gets wrong.
faultline inspect ./walk
expect_complaint 2 "inspect: say one of --at-fault, --at-instruction, --at-eviction and --at-exit"
faultline inspect --at-fault 1 --at-exit ./walk
expect_complaint 2 "inspect: say one of"
faultline inspect --at-exit
expect_complaint 2 "inspect: PROGRAM is missing"
for wrong in 0 x -1 7x 99999999999999999999; do
  faultline inspect "--at-fault=$wrong" ./walk
  expect_complaint 2 "--at-fault $wrong: want a number from 1"
  faultline inspect "--at-instruction=$wrong" ./walk
  expect_complaint 2 "--at-instruction $wrong: want a number from 1"
done
for wrong in nonsense "maps," "," "maps,x" "maps maps"; do
  faultline inspect --at-exit "--show=$wrong" ./walk
  expect_complaint 2 "--show: there is no view '"
done
for wrong in x 0x 0xg 10000000000000000000000 ""; do
  faultline inspect --at-exit --walk "$wrong" ./walk
  expect_complaint 2 "--walk: '$wrong' is not an address"
  faultline inspect --at-exit --phys "$wrong" ./walk
  expect_complaint 2 "--phys: '$wrong' is not an address"
done
faultline inspect --at-exit --pid 0 ./walk
expect_complaint 2 "--pid 0: want a number from 1"
faultline inspect --at-instruction 5 --clock host ./walk
expect_complaint 2 "--at-instruction: nothing counts instructions under --clock host"
faultline inspect --at-exit --frames 1 ./walk
expect_complaint 2 "--frames 1"
faultline inspect --at-exit --output ./walk ./walk
expect_complaint 2 "is the program itself"
faultline inspect --at-exit --output none ./nowhere
expect_complaint 125 "./nowhere"
check "nothing is left behind" missing none
if [[ -e /dev/full ]]; then
  run bash -c "'$FAULTLINE' inspect --at-exit ./walk >/dev/full"
  check "a full disk: status 1" is "$status" 1
  faultline inspect --at-exit --output /dev/full ./walk
  check "a full disk: status 1" is "$status" 1
  check "a full disk: it says so" contains "$stderr" "/dev/full"
fi
passed
