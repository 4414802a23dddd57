# Archives and compression.
seq 15000 >big; mkdir tree; cp big fruit tree; ln -s fruit tree/link
gzip -k big; gunzip -c big.gz | cmp - big && echo gzip; zcat big.gz | tail -n 1
gzip -c <big | gunzip | cmp - big && echo through pipes
bzip2 -k fruit; bunzip2 -c fruit.bz2 | cmp - fruit && echo bzip2
tar cf tree.tar tree; tar tf tree.tar; mkdir x; tar xf tree.tar -C x; diff -r tree x/tree && echo tar; readlink x/tree/link
tar czf - tree | tar tzf -; tar cf - tree | gzip | gunzip | tar tvf - | awk '{ print $1, $3, $6, $7, $8 }'
find tree | sort | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null
dd if=/dev/zero bs=1k count=256 2>/dev/null | gzip -9 | gunzip | wc -c
printf 'not a gzip file' | gunzip 2>/dev/null; echo $?
unzip -l nothing.zip 2>/dev/null; echo $?
rm tree.tar big.gz
