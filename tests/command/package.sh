#!/usr/bin/env bash
# The Debian package: what it says of itself, what is in it, and that the command in it runs.
# shellcheck source=tests/command/support.bash
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
build=$(dirname "$FAULTLINE")
for tool in cpack dpkg-deb dpkg-shlibdeps file; do
  command -v "$tool" >/dev/null || { echo "package.sh: skipped: $tool is not installed"; exit 77; }
done
[[ -e $build/share/made ]] || { echo "package.sh: skipped: the manual pages are not built"; exit 77; }
if [[ $(nm -D "$FAULTLINE" 2>/dev/null) == *__asan_init* ]]; then
  echo "package.sh: skipped: built with sanitizers"
  exit 77
fi

run cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/package"
check "it is made: $stdout$stderr" is "$status" 0
packages=(package/*.deb)
check "it is one" is "${#packages[@]}" 1
deb=$work/${packages[0]}
check "its name is Debian's" matches "${packages[0]}" '/faultline_[0-9.]+-1_amd64\.deb$'

field() { dpkg-deb --field "$deb" "$1"; }
faultline --version
version=$(sed -n '1s/faultline //p' .stdout)
check "its version" is "$(field Version)" "$version-1"
check "its name" is "$(field Package)" faultline
check "its section" is "$(field Section)" otherosfs
check "a maintainer" matches "$(field Maintainer)" '^[^<]+ <[^@ ]+@[^ ]+>$'
check "a description of several lines" test "$(field Description | wc -l)" -gt 3
check "whose paragraphs are apart, and none is preformatted" is "$(field Description | sed '1d' | grep -v '^ [a-zA-Z]')" " ."
for library in libc6 libunicorn libcapstone libdw libzstd libsqlite3; do
  check "it depends on $library" matches "$(field Depends)" "(^|, )${library}[0-9a-z.+-]* \\(>= "
done
check "Unicorn's version counts" matches "$(field Depends)" 'libunicorn[0-9a-z]* \(>= 2\.(1\.[2-9]|[2-9])'

dpkg-deb --extract "$deb" root
for file in bin/faultline include/faultline/policy.hpp share/man/man1/faultline.1.gz share/man/man1/faultline-run.1.gz \
  share/bash-completion/completions/faultline share/zsh/vendor-completions/_faultline share/doc/faultline/copyright \
  share/doc/faultline/changelog.Debian.gz share/doc/faultline/docs/labs/README.md; do
  check "$file is there" test -s "root/usr/$file"
done
check "nothing lies elsewhere" is "$(ls root root/usr)" "$(printf 'root:\nusr\n\nroot/usr:\nbin\ninclude\nshare')"
check "no page is left unpacked" is "$(find root -name '*.1')" ""
check "the changelog is of this version" contains "$(zcat root/usr/share/doc/faultline/changelog.Debian.gz)" "($version-1)"
check "all belongs to root" is "$(dpkg-deb --contents "$deb" | awk '$2 != "root/root"')" ""
check "files are 644, folders and the command 755" is \
  "$(dpkg-deb --contents "$deb" | awk '{ print $1 }' | sort -u | paste -sd ' ')" "-rw-r--r-- -rwxr-xr-x drwxr-xr-x"
check "only the command can be executed" is "$(find root -type f -perm /111)" root/usr/bin/faultline
run root/usr/bin/faultline run "$GUESTS/hello-musl"
check "the command runs" is "$status" 0
check "it is stripped" lacks "$(readelf -S --wide root/usr/bin/faultline)" .debug_info

# dpkg installs it, into a system of its own that believes to have all that it depends on, and takes it away again.
if ((EUID == 0)); then
  mkdir -p system/var/lib/dpkg/{info,updates}
  touch system/var/lib/dpkg/{status,available}
  options=(--root="$work/system" --force-not-root --force-script-chrootless --force-depends --log=/dev/null)
  run dpkg "${options[@]}" --install "$deb"
  check "dpkg installs it: $stderr" is "$status" 0
  check "the command is there" test -x system/usr/bin/faultline
  run dpkg "${options[@]}" --purge faultline
  check "dpkg removes it: $stderr" is "$status" 0
  check "nothing is left" is "$(find system/usr -type f 2>/dev/null)" ""
fi

if command -v lintian >/dev/null; then
  run lintian --allow-root --fail-on error --tag-display-limit 0 "$deb"
  check "lintian finds no error: $stdout" is "$status" 0
  # Nobody has asked Debian for a package, so that there is no bug to close.
  check "and warns of one thing" is "$(grep -v ' initial-upload-closes-no-bugs ' .stdout)" ""
fi
passed
