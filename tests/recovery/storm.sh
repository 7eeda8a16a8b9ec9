# SPDX-License-Identifier: BSD-2-Clause
# storm.sh FOLDER [UNTIL] - real programs whose output is known: a line for each says its name,
# status and the sum of what it printed, the same on Skink and on the host. With UNTIL, seconds
# since boot, in rounds until then, each compared with FOLDER/../expected; what differs goes to
# FOLDER/../bad.
t() {
	name=$1
	shift
	"$@" > out 2> err
	echo "$name $? $(md5sum < out | cut -c 1-12)"
}
p() {
	name=$1
	t "$name" sh -c "$2"
}
programs() {
	t seq seq 1 4000
	p numbers 'seq 1 4000 > numbers; wc numbers'
	p binary 'head -c 50000 /bin/busybox > binary; wc -c binary'
	t sha256sum sha256sum binary
	t sha1sum sha1sum binary
	t md5sum md5sum binary
	p sort 'sort -r numbers | head -50'
	p sort-n 'sort -n -k1 numbers | tail -50'
	p uniq 'sed "s/.*\(.\)/\1/" numbers | sort | uniq -c'
	p tr 'tr 0-9 a-j < numbers | tail -20'
	p cut 'cut -c 2-3 numbers | sort -u | wc -l'
	p paste 'head -30 numbers | paste - - -'
	p awk "awk '{ s += \$1 * \$1 } END { printf \"%d\\n\", s }' numbers"
	p primes "awk 'BEGIN { for (i = 2; i < 400; i++) { p = 1; for (j = 2; j * j <= i; j++)
		if (i % j == 0) { p = 0; break } if (p) print i } }'"
	p awk-words "awk '{ n[length(\$1)]++ } END { for (k in n) print k, n[k] }' numbers | sort"
	p sed 'sed -n "/7$/s/^/x/p" numbers | tail -5'
	p grep 'grep -c 99 numbers'
	p grep-v 'grep -v "[0-8]" numbers'
	p gzip 'gzip -c binary > b.gz; gunzip -c b.gz | cmp - binary && echo same'
	p bzip2 'bzip2 -c numbers > n.bz2; bunzip2 -c n.bz2 | cmp - numbers && echo same'
	p od 'od -A x -t x1 binary | tail -20'
	p hexdump 'hexdump -C binary | head -30'
	p tree 'mkdir -p d/e/f && cp binary d/e/b && cp numbers d/e/f/n && find d | sort'
	p tar 'tar cf d.tar d && mkdir x && tar xf d.tar -C x && diff -r d x/d && echo same'
	p tgz 'tar czf d.tgz d && tar tzf d.tgz | sort'
	p cpio 'find d | sort | cpio -o -H newc 2> /dev/null | cpio -t 2> /dev/null | sort'
	p move 'mv x/d x/g && ls x && mv x/g/e/b x/b && cmp x/b binary && echo same'
	p links 'ln -s ../binary d/l && ln binary d/h && cmp d/l d/h && readlink d/l && echo same'
	p stat 'stat -c "%s %F %a" d/e/b; chmod 640 d/e/b; stat -c "%a" d/e/b'
	p dd 'dd if=binary of=dd bs=777 skip=3 count=20 2> /dev/null; md5sum < dd'
	p truncate 'cp binary cut; truncate -s 12345 cut; wc -c < cut; cmp -n 12345 cut binary &&
		echo same'
	p append 'for n in 1 2 3 4 5 6 7 8; do echo $n >> log; done; tail -3 log'
	p tee 'tee t1 t2 < numbers | tail -1; cmp t1 t2 && echo same'
	p subshells '(cd d; (cd e; (ls | sort))); pwd > /dev/null; echo $((6 * 7))'
	p status 'sh -c "exit 3"; echo $?; false || echo no; sh -c "kill -TERM \$\$"; echo $?'
	p trap 'trap "echo caught" USR1; kill -USR1 $$; echo on'
	p jobs 'for n in 1 2 3; do (echo $n > j.$n) & done; wait; cat j.1 j.2 j.3'
	p pipeline 'cat numbers | cat | cat | cat | tail -1'
	p fifo 'rm -f f; mkfifo f; (cat numbers > f) & md5sum < f; wait'
	p many 'n=0; while [ $n -lt 12 ]; do n=$((n + 1)); expr $n \* $n; done'
	p xargs 'seq 1 40 | xargs -n 7 echo'
	p base64 'base64 binary > b64; base64 -d b64 | cmp - binary && echo same'
	p dc 'echo "2 100 ^ p" | dc; echo "7 3 * p" | dc'
	p factor 'factor 1234567 999983 65536'
	p comm 'comm -12 numbers numbers | wc -l'
	p diff 'sed 5d numbers > n2; diff numbers n2'
	p fold 'fold -w 17 numbers | wc -l; rev numbers | head -3; tac numbers | head -3'
	p cal 'cal 7 1969; date -u -d @86400 +%F'
	p here 'cat << EOT
$(echo a) $((1 + 1)) b
EOT'
	p env 'A=5 sh -c "echo \$A"; export B=6; sh -c "echo \$B"'
	p case 'for w in ab bc cd; do case $w in a*) echo 1;; *c) echo 2;; *) echo 3;; esac; done'
	p read 'while read a; do case $a in *00) echo $a;; esac; done < numbers | tail -2'
	p remove 'rm -r d x && ls | grep -c .'
}
round() {
	rm -rf "$1"
	mkdir -p "$1"
	(cd "$1" && programs)
}
now() { cut -d . -f 1 /proc/uptime; }
[ -n "$2" ] || { round "$1"; exit; }
here=${1%/*}
while [ "$(now)" -lt "$2" ]; do
	round "$1" > "$1.out" 2> "$1.err"
	cmp -s "$1.out" $here/expected || {
		diff $here/expected "$1.out" >> $here/bad
		cat "$1.err" >> $here/bad
	}
	echo >> "$1.done"
done
echo > "$1.end"
