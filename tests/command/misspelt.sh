#!/usr/bin/env bash
# What the command says to misspelt options, subcommands, policies, their parameters and values: what was meant, where that
# can be told, in one line.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"

echo "1 2 3 4 1 2 5 1 2 3 4 5" >belady.txt

# says LINE WORD...: all that the command says to these words.
says() {
  local line=$1
  shift
  faultline "$@"
  expect_complaint 2 "$line"
  check "nothing else: $stderr" is "$stderr" "faultline: $line"
}

# Options, with a value and without, wherever they belong.
says "unknown option '--polcy'; did you mean --policy?" run --polcy lru program
says "unknown option '--polcy'; did you mean --policy?" run --polcy=lru program
says "unknown option '--polcy'; did you mean --policy?" sweep --polcy lru belady.txt
says "unknown option '--polcy'; did you mean --policy?" replay --frames 3 --polcy lru belady.txt
says "unknown option '--swapfile'; did you mean --swap-file?" run --swapfile swap program
says "unknown option '--swap-err'; did you mean --swap-errors?" run --swap-err=read=1 program
says "unknown option '--versoin'; did you mean --version?" --versoin
says "unknown option '--mapps'; did you mean --maps?" compare-native --mapps program
says "unknown option '--formt'; did you mean --format?" refs info --formt text belady.txt
# One of another subcommand is not meant.
says "unknown option '--kswapd'; see faultline curve --help" curve --kswapd belady.txt
says "unknown option '--bogus'; see faultline run --help" run --bogus program
says "unknown option '-x'; see faultline run --help" run -x program
says "unknown option '--nope'; see faultline refs head --help" refs head --nope belady.txt
# What follows a program is the program's.
faultline run "$GUESTS/hello-musl" --polcy
check "a program's option is nobody else's" is "$status" 0

# Subcommands.
says "unknown subcommand 'rnu'; did you mean 'run'?" rnu program
says "unknown subcommand 'RUN'; did you mean 'run'?" RUN program
says "unknown subcommand 'polices'; did you mean 'policies'?" polices
says "unknown subcommand 'convret'; did you mean 'convert'?" refs convret a b
says "unknown subcommand 'walk'; see faultline --help" walk
says "unexpected 'b'; see faultline curve --help" curve belady.txt b

# Policies, their parameters and values, alone and in lists.
says "unknown policy 'clok'; did you mean 'clock'?" run --policy clok program
says "unknown policy 'LRU'; did you mean 'lru'?" policies LRU
says "--policy: unknown policy 'sieev'; did you mean 'sieve'?" replay belady.txt --frames 3 --policy lru,sieev
says "policy clock: unknown parameter 'laod'; did you mean 'load'?" run --policy clock,laod=1 program
says "--policy: policy lfu: ties: unknown value 'ffio'; did you mean 'fifo'?" \
  replay belady.txt --frames 3 --policy lru,lfu,ties=ffio
says "policy lfu: ties: unknown value 'random'; there are: lru, fifo" policies lfu,ties=random

# Values that are one of some words.
says "--scope: unknown value 'globl'; did you mean 'global'?" run --scope globl program
says "--clock: unknown value 'virtaul'; did you mean 'virtual'?" run --clock virtaul program
says "--kswapd: unknown value 'yes'; there are: on, off; see faultline run --help" run --kswapd yes program
says "--kind: unknown value 'lur'; did you mean 'lru'?" curve --kind opt,lur belady.txt
says "--format: unknown value 'txt'; did you mean 'text'?" refs info --format txt belady.txt
says "--cost: unknown kind 'mnor'; did you mean 'minor'?" run --cost mnor=1us program
says "--swap-errors: unknown kind 'erase'; there are: read, write" run --swap-errors erase=1 program
says "--emit: unknown value 'slurn'; did you mean 'slurm'?" sweep --emit slurn folder
says "--run-options: '--mme' is not possible in a sweep; did you mean --mem?" \
  sweep --program program --policy lru --frames 3 --run-options '--mme 64M'

# Where nothing is near, the page of the subcommand that was asked for is named.
says "FILE is required; see faultline refs info --help" refs info
says "A subcommand is required; see faultline refs --help" refs
says "--format: unknown value 'xml'; there are: refs, text, u64, lackey, oracle-general; see faultline refs head --help" \
  refs head --format xml belady.txt
says "--trace= needs a value behind the '='; see faultline run --help" run --trace= program

# Misspellings of anything that a shell can pass on.
printf -v unprintable '\e[31m--x\n'
faultline run "--$unprintable" program
expect_complaint 2 "unknown option"
passed
