// The ladder: command lines of real Debian programs, from simple to demanding. Each runs in a fresh copy of the
// same folder of inputs (inputs.ts) on Linux and in Kanmon, and has to print the same and end the same way.

export interface Rung {
  readonly name: string;
  /** Run by `bash -c`. */
  readonly script: string;
  /** Also with everything translated at once: for short ones. */
  readonly everyTier?: boolean;
}

const rung = (name: string, script: string, everyTier = false): Rung => ({ name, script, everyTier });

export const LADDER: readonly Rung[] = [
  rung('true', 'true', true),
  rung('echo', 'echo hello "two words"', true),
  rung('false', 'false', true),
  rung('cat', 'cat words.txt numbers.txt', true),
  rung('cat from a pipe', 'echo a | cat - words.txt | cat -n | tail -3', true),
  rung('ls', 'ls -1 && ls -l tree | cut -c1-10', true),
  rung('ls recursive', 'ls -R tree'),
  rung('head and tail', 'head -n 3 words.txt; tail -c 20 words.txt', true),
  rung('wc', 'wc words.txt numbers.txt'),
  rung('sort', 'sort words.txt | head -20; sort -rn numbers.txt | head -5; sort -u -k2 table.tsv'),
  rung('uniq', 'sort words.txt | uniq -c | sort -k1,1nr -k2 | head'),
  rung('tr', 'tr a-z A-Z < words.txt | head -5; echo abc | tr -d b', true),
  rung('cut and paste', 'cut -f2 table.tsv | paste -sd+; paste words.txt numbers.txt | head -4'),
  rung('join and comm', 'sort table.tsv > a; sort table.tsv | tail -n +3 > b; join a b; comm -3 a b'),
  rung('expr and test', 'expr 6 \\* 7; test 3 -lt 4 && echo yes; [ -d tree ] && echo dir', true),
  rung('seq and factor', 'seq 1 3 20; seq -w 8 11; factor 1234567890 600851475143', true),
  rung('printf', "printf '%5d|%-8s|%x|%08.3f|%e\\n' 42 abc 255 3.14159 123456.789", true),
  rung('date', "date -u -d @1000000000 '+%Y-%m-%d %H:%M:%S %A'", true),
  rung(
    'cksum family',
    'cksum words.txt; md5sum words.txt; sha1sum words.txt; sha256sum words.txt; sha512sum words.txt; b2sum words.txt',
  ),
  rung(
    'base64 and od',
    'head -c 64 random.bin | base64; od -An -tx1 -N 32 random.bin; head -c 20 random.bin | base32',
    true,
  ),
  rung('dd', 'dd if=random.bin of=out bs=512 count=7 skip=2 2>/dev/null; sha256sum out'),
  rung(
    'split and cat',
    'split -b 1000 random.bin part.; ls part.* | wc -l; cat part.* | cmp - random.bin && echo same',
  ),
  rung('cp, mv, rm', 'cp -r tree t2; mv t2 t3; rm -r tree; find t3 -type f | sort; ls'),
  rung(
    'ln',
    'ln words.txt hard; ln -s words.txt soft; readlink soft; stat -c "%h %F" hard soft; cat soft | wc -l',
  ),
  rung('mkdir and rmdir', 'mkdir -p x/y/z; rmdir x/y/z; ls x; rmdir x 2>&1; echo $?'),
  rung(
    'chmod and stat',
    'chmod 640 words.txt; stat -c "%a %s %A" words.txt; chmod u+x,g-r words.txt; stat -c %A words.txt',
    true,
  ),
  rung('touch', "touch -d '2001-02-03 04:05:06 UTC' f; stat -c '%y %s' f; date -ur f +%s"),
  rung('truncate and sparse files', 'truncate -s 1M big; stat -c "%s %b" big; echo x >> big; wc -c < big'),
  rung(
    'tee and xargs',
    'cat words.txt | tee copy | sed -n 1p; ls tree | xargs -n1 echo item; cmp copy words.txt; echo $?',
  ),
  rung('env and sleep', 'env -i A=1 B=2 env; sleep 0.01; echo $?', true),
  rung('id and uname', 'id -u; id -g; uname -s -m', true),
  rung(
    'sed',
    "sed -n '2,4p' words.txt; sed 's/a\\(.\\)/<\\1>/g; /^b/d' words.txt | head; echo abc | sed -E 's/(b)(c)/\\2\\1/'",
  ),
  rung('sed in place', "sed -i.bak 's/e/E/' words.txt; head -3 words.txt; ls words*"),
  rung('awk', "awk '{n[length($1)]++} END {for (k = 1; k < 20; k++) if (k in n) print k, n[k]}' words.txt"),
  rung(
    'awk floating point',
    'awk \'BEGIN {for (i = 1; i <= 1000; i++) s += sqrt(i) * sin(i); printf "%.10f %g %d\\n", s, exp(1), 2^40}\'',
  ),
  rung(
    'grep',
    "grep -n 'a.*e' words.txt | head -5; grep -c -i A words.txt; grep -rl needle tree | sort; grep -v a words.txt | head -3; grep -P '\\bq' words.txt",
  ),
  rung(
    'egrep with classes',
    "grep -E '^[bc][aeiou]+' words.txt | head; grep -o '[0-9]\\+' table.tsv | head -3",
  ),
  rung(
    'find',
    "find tree -type f -name '*.txt' | sort; find . -size +10k | sort; find tree -newer words.txt | sort | head -1; find tree -type f -name '*.txt' -exec cat {} + | sort",
  ),
  rung(
    'diff and patch',
    "sed 's/a/A/' words.txt > w2; diff words.txt w2 | head -8; diff -u words.txt w2 > p; patch words.txt p 2>&1; cmp words.txt w2 && echo patched",
  ),
  rung(
    'tar',
    'tar cf t.tar --mtime=@0 --owner=0 --group=0 --sort=name tree; tar tf t.tar; mkdir u; tar xf t.tar -C u; diff -r tree u/tree && echo same; sha256sum t.tar',
  ),
  rung(
    'gzip',
    'gzip -nk words.txt; gzip -l words.txt.gz | tail -1 | tr -s " "; zcat words.txt.gz | cmp - words.txt && echo same; sha256sum words.txt.gz',
  ),
  rung(
    'xz',
    'xz -k random.bin; xz -t random.bin.xz && echo ok; xz -dc random.bin.xz | cmp - random.bin && echo same; sha256sum random.bin.xz',
  ),
  rung('bzip2', 'bzip2 -k words.txt; bzip2 -dc words.txt.bz2 | cmp - words.txt && echo same'),
  rung('tar with gzip', 'tar czf t.tgz tree && tar tzf t.tgz | sort'),
  rung('bc', "echo 'scale=30; 4*a(1)' | bc -l; echo '2^200' | bc"),
  rung('file', 'file words.txt random.bin /bin/ls 2>/dev/null | cut -c1-60'),
  rung('jq', 'echo \'{"a":[1,2,{"b":3}]}\' | jq -c \'.a[2].b, (.a|length)\''),
  rung(
    'bash arithmetic',
    'for ((i = 1; i <= 5; i++)); do echo $((i ** 3 % 7)); done; echo $((16#ff ^ 0x0f))',
    true,
  ),
  rung(
    'bash arrays',
    'a=(x y "z w"); a+=(v); echo ${#a[@]} "${a[2]}" "${a[@]:1:2}"; declare -A m=([k]=1 [l]=2); echo ${m[k]} ${!m[@]}',
    true,
  ),
  rung(
    'bash strings',
    's=hello.tar.gz; echo ${s%.*} ${s##*.} ${s/l/L} ${s^^} ${#s} ${s:2:3}; printf -v q %q "a b"; echo "$q"',
    true,
  ),
  rung(
    'bash functions and traps',
    'f() { local x=$1; echo "f $x"; return 3; }; f 1; echo $?; trap "echo bye" EXIT; (exit 4); echo $?',
    true,
  ),
  rung(
    'bash pipelines and jobs',
    'sleep 0.05 & wait $!; echo done $?; true | false | true; echo ${PIPESTATUS[@]}; set -o pipefail; false | true; echo $?',
  ),
  rung(
    'bash here documents',
    'cat <<X | tr a-z A-Z\nvalue $((1 + 1)) $(echo sub)\nX\nread -r a b <<< "one two three"; echo "$b"',
  ),
  rung(
    'bash process substitution',
    'diff <(sort words.txt) <(sort -r words.txt | tac) | head -3; while read l; do echo "[$l]"; done < <(head -2 words.txt)',
  ),
  rung(
    'bash signals',
    "exec 2> /dev/null; trap 'echo got' USR1; kill -USR1 $$; (kill -TERM $BASHPID); echo $?; sh -c 'kill -9 $$'; echo $?",
  ),
  rung(
    'bash reads a script',
    'printf "#!/bin/bash\\necho script \\$0 \\$#\\nexit 9\\n" > s.sh; chmod +x s.sh; ./s.sh a b; echo $?',
  ),
  rung('dash', "sh -c 'i=0; while [ $i -lt 4 ]; do echo $i; i=$((i+1)); done'", true),
  rung(
    'make',
    "printf 'all: b\\n\\tcat b\\nb: words.txt\\n\\thead -2 words.txt > b\\n' > Makefile; make; make -s; touch -d 2001-01-01 b; make -n",
  ),
  rung(
    'perl',
    'perl -e \'my %h; $h{$_}++ for map { chomp; length } <>; print "$_ $h{$_}\\n" for sort { $a <=> $b } keys %h\' words.txt',
  ),
  rung(
    'perl regexes',
    "perl -ne 'print if /^(\\w)\\w*\\1$/' words.txt | head; perl -pe 's/(\\d+)/$1*2/e' table.tsv | head -3",
  ),
  rung(
    'perl processes',
    'perl -e \'my $p = fork; if (!$p) { exit 5 } waitpid $p, 0; print $? >> 8, "\\n"; print `echo sub`; printf "%.15g\\n", atan2(1, 1) * 4\'',
  ),
  rung('python', 'python3 -c \'print(sum(i * i for i in range(1000)), 2 ** 100, 1 / 3, "%.3f" % 2.5)\''),
  rung(
    'python subprocess',
    'python3 -c \'import subprocess; r = subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True); print(r)\'',
  ),
  rung(
    'python compression',
    'python3 -c \'import zlib, bz2, lzma, hashlib; d = open("words.txt", "rb").read(); print([hashlib.md5(m.compress(d)).hexdigest() for m in (zlib, bz2)], lzma.decompress(lzma.compress(d)) == d)\'',
  ),
  rung(
    'python threads',
    "python3 -c 'import threading, queue; q = queue.Queue(); t = [threading.Thread(target=lambda i=i: q.put(i * i)) for i in range(8)]; [x.start() for x in t]; [x.join() for x in t]; print(sorted(q.queue))'",
  ),
  rung(
    'python json and re',
    'python3 -c \'import json, re, decimal, datetime; print(json.dumps({"a": [1, 2.5, None]}), re.findall(r"[aeiou]+", "education"), decimal.Decimal(2).sqrt(), datetime.date(2024, 2, 29).isoformat())\'',
  ),
  rung(
    'python sockets',
    'python3 -c \'import asyncio, socket\nasync def main():\n  p = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=-1, stdout=-1)\n  print(await p.communicate(b"through asyncio"), p.returncode)\n  async def serve(r, w):\n    w.write((await r.readline())[::-1]); await w.drain(); w.close()\n  s = await asyncio.start_unix_server(serve, "sock")\n  r, w = await asyncio.open_unix_connection("sock"); w.write(b"hello\\n"); print(await r.read())\nasyncio.run(main())\'',
  ),
  rung(
    'perl sockets',
    'perl -MIO::Socket::UNIX -e \'$s = IO::Socket::UNIX->new(Local => "s", Listen => 1) or die $!; if (!fork) { $c = IO::Socket::UNIX->new(Peer => "s"); print $c "hi\\n"; print <$c>; exit } $c = $s->accept; $l = <$c>; print $c "got $l"; close $c; wait; print -S "s" ? "socket\\n" : "none\\n"\'',
  ),
  rung(
    'python multiprocessing',
    'python3 -c \'import multiprocessing as m\nif __name__ == "__main__":\n  p = m.get_context("fork").Pool(2); print(p.map(abs, [-3, 2, -1])); p.close(); p.join()\'',
  ),
  rung(
    'gcc',
    'printf \'#include <stdio.h>\\nint main(int c, char **v) { printf("%%d args %%.2f\\\\n", c, 2.0 / 3); return 7; }\\n\' > a.c; gcc -O2 -o a.out a.c && ./a.out x y; echo $?',
  ),
  rung(
    'gcc static',
    'printf \'#include <stdio.h>\\nint main(void) { puts("static"); return 0; }\\n\' > a.c; gcc -static -o a.out a.c && ./a.out',
  ),
  rung(
    'g++ with exceptions',
    'printf \'#include <iostream>\\n#include <stdexcept>\\n#include <map>\\nint main() { std::map<int, std::string> m{{1, "one"}}; try { m.at(2); } catch (const std::out_of_range &e) { std::cout << "caught" << std::endl; } }\\n\' > a.cc; g++ -O1 -o a.out a.cc && ./a.out',
  ),
  rung(
    'make builds and runs a program',
    "mkdir p; printf 'int f(int x) { return x * 3; }\\n' > p/f.c; printf '#include <stdio.h>\\nint f(int);\\nint main(void) { printf(\"%%d\\\\n\", f(14)); }\\n' > p/m.c; printf 'm: m.o f.o\\n\\tgcc -o $@ $^\\n' > p/Makefile; make -s -C p && p/m",
  ),
  rung(
    'musl',
    'printf \'#include <stdio.h>\\n#include <math.h>\\nint main(void) { printf("%%.12f %%Lf\\\\n", sin(1), 1.5L); }\\n\' > a.c; musl-gcc -static -o a.out a.c && ./a.out',
  ),
  rung(
    'busybox',
    'busybox sh -c "echo hi | busybox tr a-z A-Z; busybox seq 3; busybox ls -1 tree | busybox wc -l"',
    true,
  ),
  rung(
    'busybox awk and sed',
    "busybox awk '{print $2}' table.tsv | busybox sort | busybox head -3; echo abc | busybox sed s/b/x/",
  ),
  rung(
    'strings and objdump',
    'strings -n 12 /bin/true | head -3; objdump -d /bin/true --stop-address=0x2100 | tail -3; nm -D /bin/true | wc -l',
  ),
  rung(
    'sqlite in python',
    'python3 -c \'import sqlite3; c = sqlite3.connect("d.db"); c.execute("create table t(a, b)"); c.executemany("insert into t values (?, ?)", [(i, i * i) for i in range(100)]); c.commit(); print(c.execute("select sum(b), max(a) from t where a % 3 = 0").fetchone())\'',
  ),
  rung(
    'git',
    'git init -q r && cd r && git config user.email a@b.c && git config user.name n && echo 1 > f && git add f && git commit -qm one && echo 2 >> f && git diff --stat && git log --format=%s && git status --short',
  ),
  rung('timeout', 'timeout 0.2 sleep 5; echo $?', true),
  rung('a missing program', 'nosuchprogram; echo $?; /tmp/nosuch; echo $?', true),
  rung('a crash', "exec 2> /dev/null; bash -c 'kill -SEGV $$'; echo $?"),
];
