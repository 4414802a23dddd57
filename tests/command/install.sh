#!/usr/bin/env bash
# cmake --install into a folder: everything is there, with the right permissions, and works from there.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
build=$(dirname "$FAULTLINE")
[[ -e $build/share/made ]] || { echo "install.sh: skipped: the manual pages are not built"; exit 77; }

run cmake --install "$build" --prefix "$work/a place"
check "it installs: $stderr" is "$status" 0
prefix="$work/a place"

for file in bin/faultline include/faultline/policy.hpp share/bash-completion/completions/faultline \
  share/zsh/site-functions/_faultline share/man/man1/faultline.1 share/man/man1/faultline-run.1 \
  share/doc/faultline/README.md share/doc/faultline/LICENSE share/doc/faultline/copyright \
  share/doc/faultline/docs/policies.md share/doc/faultline/docs/examples/lifo.cpp \
  share/doc/faultline/docs/labs/README.md share/doc/faultline/docs/labs/demand.c; do
  check "$file is there" test -s "$prefix/$file"
done
check "nothing else than files, folders and one program" is "$(find "$prefix" -type f -perm /111 | wc -l)" 1
check "nobody else may write to them" is "$(find "$prefix" -perm /022)" ""
check "nothing of the build is there" is "$(find "$prefix" -name 'CMake*' -o -name '*.a' -o -name '*-musl')" ""
# Links between the pages lead somewhere; those that leave them are not followed.
while IFS=: read -r page link; do
  target=$(dirname "$page")/${link%%#*}
  check "the link of $page to $link leads somewhere" test -e "$target"
done < <(cd "$prefix/share/doc/faultline" && grep -roE --include='*.md' '\]\([^):# ]+[)#]' . | sed 's/[)#]$//' | sed 's/\](//' |
  sed "s|^|$prefix/share/doc/faultline/|")

# The command runs from anywhere, and is the one that was built.
mkdir elsewhere
cd elsewhere
run env -i "$prefix/bin/faultline" --version
check "it runs: $stderr" is "$status" 0
faultline --version
check "it is the same" is "$("$prefix/bin/faultline" --version)" "$stdout"
run env -i "$prefix/bin/faultline" run "$GUESTS/hello-musl"
check "it runs a program" is "$status" 0
check "the manual page is the one of the command" cmp -s "$prefix/share/man/man1/faultline-run.1" \
  <("$FAULTLINE" --generate man . && cat faultline-run.1)
# A policy of one's own needs nothing but the installed header.
if command -v c++ >/dev/null; then
  run c++ -std=c++20 -shared -fPIC -I "$prefix/include" -o lifo.so "$prefix/share/doc/faultline/docs/examples/lifo.cpp"
  check "the example is built against what is installed: $stderr" is "$status" 0
fi

# A second time, over what is there; and stripped.
run cmake --install "$build" --prefix "$prefix" --strip
check "again: $stderr" is "$status" 0
run "$prefix/bin/faultline" run "$GUESTS/hello-musl"
check "stripped it runs as well" is "$status" 0
check "without debug information" lacks "$(readelf -S --wide "$prefix/bin/faultline")" .debug_info
passed
