# Files and folders: what is left is compared afterwards.
mkdir -p a/b/c d; cp fruit a/b; cp -r a d; mv a/b/fruit a/apple; ln a/apple a/hard; ln -s apple a/soft
ls -l a | awk '{ print $1, $2, $5, $9, $10, $11 }'; ls -R d; ls -1S a; ls -F a
chmod 640 a/apple; stat -c '%a %h %s %F %n' a/*; chmod -R g+w d; stat -c %a d/a/b/fruit
touch -d '2020-01-01 00:00:00' a/apple; stat -c %Y a/hard; touch new; test new -nt a/apple && echo newer
find . -type f | sort; find . -name 'f*' -exec echo found {} \; | sort; find . -newer a/apple -type d | sort
find d -type f -print0 | xargs -0 md5sum; find . -empty | sort; find a -links 2 | sort
dd if=/dev/zero of=zeroes bs=1k count=64 2>/dev/null; dd if=fruit of=zeroes bs=1 seek=1000 conv=notrunc 2>/dev/null; md5sum zeroes
truncate -s 100000 sparse; stat -c %s sparse; truncate -s 10 sparse; wc -c <sparse
rm -r d/a; ls d; rmdir d; rm nothing; echo $?; rm -f nothing; rmdir a; echo $?
mktemp -d /tmp/foo.XXXXXX | sed 's/......$/X/'; readlink a/soft; readlink -f a/soft | sed 's,.*/,,'; realpath a/../fruit | sed 's,.*/,,'
cd a && mv soft ../moved && cd .. && cat moved; test -L moved && echo dangling; ln -sf fruit moved; cat moved
echo a >x; echo b >y; mv -n x y; cat x y; mv x y; cat y; cat fruit fruit >twice; cp -u fruit twice
umask 022; mkdir -m 750 m; stat -c %a m; du -s m | wc -l; sync; pwd -P | sed 's,.*/,,'
for i in $(seq 100); do echo $i >many.$i; done; ls many.* | wc -l; cat many.* | sort -n | md5sum; rm many.*
mkdir deep; cd deep; for i in $(seq 30); do mkdir $i; cd $i; done; echo bottom >file; cd ..; cat 30/file; cd /; 
test -w / ; echo $?; [ fruit -ef fruit ]; echo $?
