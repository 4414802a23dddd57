#!/usr/bin/env bash
# The C++ library: exceptions, threads, futures.
# shellcheck source=tests/programs/twin.bash
source "$(dirname "${BASH_SOURCE[0]}")/twin.bash"

library=$(program cxx-library)
twin "as it is" "$library"
options=(--paranoid --mem 16M)
twin "under --paranoid" "$library"
passed
