set -u
seq 1 20000 > a.txt; head -c 300000 /usr/bin/bash > b.bin; mkdir d; cp a.txt b.bin d/; ln -s a.txt d/l; touch -d '2020-01-01 UTC' a.txt b.bin d/* d -h
zstd -q -9 a.txt -o a.zst; zstd -q -T2 -19 b.bin -o b.zst; zstd -dc a.zst | cmp - a.txt; zstd --train d/* -o dict -q 2>&1| tail -1; zstd -lv a.zst
lz4 -q a.txt a.lz4; lz4 -dc a.lz4 | cmp - a.txt
brotli -q 5 a.txt -o a.br; brotli -dc a.br | cmp - a.txt
7z a -bd -mmt=2 t.7z a.txt b.bin d | grep -v '^p7zip\|CPU\|Scan' ; rm -f x; 7z l t.7z | tail -8; 7z t t.7z | tail -6
lzip -k a.txt; lzip -dc a.txt.lz | cmp - a.txt
bzip2 -k a.txt; xz -T2 -k b.bin; gzip -nk b.bin
tar --sort=name --owner=0 --group=0 -cf t.tar d; bsdtar -tvf t.tar; bsdtar -cf t2.tar --format=pax d; tar tvf t2.tar
(cd d; find . | sort | cpio -o -H newc 2>../cpio.err) > t.cpio; cpio -tv < t.cpio
zip -qr -X t.zip d; unzip -l t.zip; unzip -q t.zip -d uz; diff -r d uz/d
sha256sum *.lz *.bz2 *.xz *.gz *.zst *.br *.lz4 t.tar t2.tar
rm -f t.cpio t.7z t.zip t2.tar
