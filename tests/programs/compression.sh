#!/usr/bin/env bash
# zlib and Zstandard.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

twin "round trips" "$(program compression)"
passed
