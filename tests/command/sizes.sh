#!/usr/bin/env bash
# Sizes and numbers of pages, with units, wherever an option takes them.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
hello=$GUESTS/hello-musl

# memory SIZE FRAMES: the machine has so many.
memory() {
  faultline run --mem "$1" --stats=stats.json "$hello"
  check "--mem $1" is "$status" 0
  check "--mem $1 is $2 frames" contains "$(<stats.json)" "\"total\": $2"
}
for size in 4096pages 4096PAGES 16M 16384K 16777216 16777216B; do memory "$size" 4096; done
for size in 1pagess 4096page5 pages 1.5pages '4096 pages'; do
  faultline run --mem "$size" "$hello"
  expect_complaint 2 "--mem: '$size' is not a size"
done
faultline run --mem 1page "$hello"
expect_complaint 2 "'1page' is too small"
faultline run --mem 99999999999999999pages "$hello"
expect_complaint 2 "is too large"

# Where pages are counted a bare number is one of pages.
for frames in 32 32pages 128K 131072B; do
  faultline run --frames "$frames" --stats=stats.json "$hello"
  check "--frames $frames" is "$status" 0
  check "--frames $frames are 32" contains "$(<stats.json)" '"limit": 32'
done
faultline run --frames 99999999999999999999 "$hello"
expect_complaint 2 "--frames: '99999999999999999999' is too large"
for pages in 16 16pages 64K; do
  faultline run --fault-around "$pages" --stats=stats.json "$hello"
  check "--fault-around $pages" is "$status" 0
  cp stats.json "stats-$pages.json"
  check "--fault-around $pages is as 16" is "$(grep -v wall stats.json)" "$(grep -v wall stats-16.json)"
done
faultline run --fault-around 12K "$hello"
expect_complaint 2 "--fault-around: '12K' is not 0 or a power of two up to 512 pages"

# Swap is a size.
for size in 1M 256pages 1048576; do
  faultline run --swap-file swap --swap "$size" "$hello"
  check "--swap $size" is "$(stat -c %s swap)" 1048576
  rm swap
done

# Lists and ranges of frames.
echo "1 2 3 4 1 2 5 1 2 3 4 5" >belady.txt
table() {
  faultline replay belady.txt --policy fifo --frames "$1"
  check "--frames $1" is "$status" 0
}
table 2,3,4
plain=$stdout
for frames in 2..4 8K..16K 8K,3pages,16K 2pages..16K+4K; do
  table "$frames"
  check "--frames $frames is as 2,3,4" is "$stdout" "$plain"
done
table 2,4
plain=$stdout
table 8K..4x2
check "8K..4x2 is 2,4" is "$stdout" "$plain"
for frames in 4K..2K 1K 0pages '3,'; do
  faultline replay belady.txt --policy fifo --frames "$frames"
  expect_complaint 2 "--frames: "
done
passed
