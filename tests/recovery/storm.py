# SPDX-License-Identifier: BSD-2-Clause
"""Services, core servers included, are killed one by one while programs check their own work, and
while a fork bomb fills every table.

Limit: 400
"""
import os
import re
import subprocess
import sys

import machine
from guest import Guest, finish, scenario

EXEC = [sys.executable, os.path.join(machine.ROOT, 'tools', 'exec.py'), '--timeout', '240', '--']
ROUNDS = 200 if os.environ.get('SKINK_LONG') else 12
SCRIPT = r'''
sum=$(sha256sum < /bin/busybox)
work() {
	i=0
	while [ $i -lt %d ]; do
		i=$((i + 1))
		mkdir -p /tmp/w$1/d
		cp /bin/busybox /tmp/w$1/d/b || echo "BAD cp $1 $i"
		[ "$(sha256sum < /tmp/w$1/d/b)" = "$sum" ] || echo "BAD sum $1 $i"
		(cd /tmp/w$1 && tar czf t.tgz d && rm -r d && tar xzf t.tgz) || echo "BAD tar $1 $i"
		cmp /tmp/w$1/d/b /bin/busybox || echo "BAD cmp $1 $i"
		[ "$(seq 1 500 | grep -c 7)" = 95 ] || echo "BAD count $1 $i"
	done
	echo "done $1"
}
n=0
while :; do
	for s in vfs uart ext2 screen keyboard vm virtio_blk tmpfs pm tty rs procfs log ds sched \
			pci devfs is acpi rsguard rtc toy; do
		service kill $s || echo "BAD kill $s"
		n=$((n + 1))
		echo $n > /tmp/kills
		usleep 250000
	done
done &
killer=$!
work 1 & one=$!
work 2 & two=$!
wait $one $two
kill $killer
echo "kills $(cat /tmp/kills)"
service list
''' % ROUNDS

with scenario('two programs do their work right while a service is killed every quarter second'):
    done = subprocess.run(EXEC + ['sh', '-c', SCRIPT], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=260, text=True)
    out = done.stdout
    assert done.returncode == 0, (done.returncode, out[-2000:], done.stderr[-2000:])
    assert 'BAD' not in out and 'done 1' in out and 'done 2' in out, out
    kills = int(re.search(r'kills (\d+)', out)[1])
    assert kills >= 20, out
    rows = [line for line in out.split('\n') if ' running ' in line]
    assert len(rows) >= 12, out
    print('    %d services killed' % kills)
# A shell that cannot fork forgets the rest of its line: the bombs kill their own before it goes on.
BOMBS = ('/usr/lib/skink/assassin 20 %d vfs pm vm rs sched rsguard log ds tty uart tmpfs procfs '
         'ext2 virtio_blk pci devfs is acpi rtc screen keyboard & '
         'for i in 1 2 3; do /usr/lib/skink/fair bomb 1 || echo BAD; done; wait; echo ov""er\n')
with Guest(name='storm') as guest:
    guest.shell()
    with scenario('nothing stands still while services are killed and nobody can fork'):
        guest.send(BOMBS % ROUNDS)
        killed = guest.expect(r'\n(\d+) killed(?s:.*)\nover\r?\n', 150)
        assert b'BAD' not in killed[0] and int(killed[1]) >= 30, killed[0]
        out = guest.run("ps | grep -c '[/]fair'; service list | grep -vc ' running '")[1]
        assert out == '0\n1\n', out
finish()
