# SPDX-License-Identifier: BSD-2-Clause
"""The service command and the information server: what an operator asks, and what is refused.

Limit: 240
"""
import re
import time

from guest import Guest, finish, scenario, until

KEY = '/usr/lib/skink/iskey'
PAGES = {
    'processes': r' virtio_blk +\S+ +24 +24 ', 'services': r'vfs +6 +11 running',
    'privileges': r'pm: id 5, rank 5', 'devices': r'interrupt +line 4\n',
    'grants': r'vfs: may make', 'memory': r'vm.s account', 'names': r'procfs',
    'trace': r'send +service -> is is\.dump', 'routes': r'vfs:\n +answers +read',
    'priorities': r' vfs +0 +3 +\d+ ',
    'programs': r' 1 +0 .* init', 'ipc': r'service +waits for is +is\.dump',
}


def refused(guest, command, text, status=1):
    got = guest.run(command + ' 2>&1')
    assert got[0] == status and text in got[1], got


with Guest() as guest:
    guest.shell()
    with scenario('every page that is listed can be dumped, and says what it is about'):
        status, out = guest.run('service dump')
        listed = re.findall(r'^  (\w+) +(?:Shift\+F\d+)? ', out, re.M)
        assert status == 0 and sorted(listed) == sorted(PAGES), out
        for page, pattern in PAGES.items():
            status, out = guest.run('service dump ' + page)
            assert status == 0 and re.search(pattern, out), (page, out)
    with scenario('the dump of a service shows its rights, its routes and its own account'):
        for name, patterns in {
                'virtio_blk': ('interrupt +msi 0', 'may call +ds vm pci\n', 'serves +block\n'),
                'uart': ('ports +0x3f8-0x3ff', 'interrupt +line 4', r'\d+ messages, 0 requests'),
                'vfs': (r'answers +read write', r'\d+ open files'),
                'rsguard': ('it answers nobody', ), 'is': ('it makes this dump', ),
                'log': (r'lines \d+ to \d+', 'heartbeat every 1000 ms'),
                'rs': ('manage-services', 'names in ds +rs'), }.items():
            status, out = guest.run('service dump ' + name)
            for pattern in patterns:
                assert status == 0 and re.search(pattern, out), (name, pattern, out)
    with scenario('only root may make dumps'):
        refused(guest, "su -s /bin/sh nobody -c 'service dump vfs'", 'only root may do that')
    with scenario('errors say what is wrong'):
        refused(guest, 'service start vfs', 'service: vfs: already running')
        refused(guest, 'service start nosuch', 'service: nosuch: no such service')
        refused(guest, 'service status a-name-that-is-much-too-long', 'no such service')
        refused(guest, 'service stop ds', 'cannot be stopped')
        refused(guest, 'service dump nosuch', 'no such service, and no such page')
        refused(guest, 'service kill -FOO toy', '-FOO: no such signal', 2)
        refused(guest, 'service kill -65 toy', '-65: no such signal', 2)
        refused(guest, 'service frobnicate', 'usage: service list', 2)
        refused(guest, "su -s /bin/sh nobody -c 'service kill toy'", 'only root may do that')
    with scenario('what holds the state of programs is not started afresh on request'):
        for name in ('rs', 'vm', 'pm', 'vfs', 'tmpfs', 'devfs', 'tty'):
            refused(guest, 'service restart ' + name, 'service kill %s lets it recover' % name)
        assert guest.run('ls /bin/busybox /dev/null; echo $?')[1].endswith('0\n')
    with scenario('a service is stopped, is then not running, and is started again'):
        assert guest.run('service stop toy')[0] == 0
        assert 'toy: stopped' in guest.run('service status toy')[1]
        refused(guest, 'service kill toy', 'service: toy: not running')
        refused(guest, 'service kill -0 toy', 'service: toy: not running')
        assert guest.run('service start toy')[0] == 0
        assert 'toy: running' in guest.run('service status toy')[1]
    with scenario('kill -0 and ignored signals change nothing, deadly ones are a defect'):
        before = guest.service('toy')[:2]
        for signal in ('0', 'CONT', 'SIGCHLD', 'WINCH', '23'):
            assert guest.run('service kill -%s toy' % signal)[0] == 0
        assert guest.service('toy')[:2] == before
        assert guest.run('service kill -SEGV toy')[0] == 0
        until(lambda: guest.service('toy').recoveries > before[1])
        restarts, recoveries, _, out = guest.service('toy')
        assert 'last defect: signal 11' in out and recoveries == before[1] + 1, out
    with scenario('a service that is stopped by a signal is found by its heartbeats'):
        assert guest.run('service kill -STOP toy')[0] == 0
        assert guest.service('toy').recoveries == recoveries
        out = guest.run('service dump toy')[1]
        assert 'process       frozen' in out and 'it stands still' in out, out
        until(lambda: guest.service('toy').recoveries != recoveries, said='nobody has noticed')
        out = guest.service('toy').text
        assert 'last defect: hung' in out, out
    with scenario('restart begins afresh, and stats counts it'):
        restarts = guest.service('hello').restarts
        total = int(re.search(r'restarts +(\d+)', guest.run('service stats')[1])[1])
        assert guest.run('service restart hello')[0] == 0
        assert guest.service('hello').restarts == restarts + 1
        assert int(re.search(r'restarts +(\d+)', guest.run('service stats')[1])[1]) == total + 1
        assert guest.run('service stats nobody')[0] == 1
    with scenario('refresh does, too; recover keeps the state, and answers when it is done'):
        assert guest.run('service refresh hello')[0] == 0
        assert guest.service('hello').restarts == restarts + 2
        for name in ('toy', 'vfs', 'rs'):
            restarts, recoveries = guest.service(name)[:2]
            assert guest.run('service recover ' + name) == (0, '')
            assert guest.service(name)[:2] == (restarts, recoveries + 1)
        refused(guest, 'service recover hello', 'service: hello: it keeps no state')
        refused(guest, 'service recover nobody', 'service: nobody: no such service')
        refused(guest, "su -s /bin/sh nobody -c 'service recover toy'",
                'service: toy: only root may do that')
    with scenario('stats tells defects apart'):
        assert re.search(r'defects: exit \d+, exception \d+, signal \d+, hung 1, ipc 0',
                         guest.run('service stats')[1])
        assert ' hung 1, ' in guest.run('service stats toy')[1]
        assert ' hung 0, ' in guest.run('service stats hello')[1]
    with scenario('the tree shows who needs whom'):
        out = guest.run('service tree')[1]
        assert re.search(r'^log\n    ds\n        pm\n            vfs\n', out, re.M), out
        assert re.search(r'^            virtio_blk\n                ext2\n', out, re.M), out
    with scenario('the log tells of it, and can be asked for one service'):
        out = guest.run('service log rs')[1]
        assert 'rs: toy: missed its heartbeats' in out, out
        assert all(line.startswith('rs: ') for line in out.strip().split('\n')), out
    with scenario('a dump key writes its page to the log'):
        assert guest.run(KEY + ' 8')[0] == 0
        out = guest.run('service log is')[1]
        assert re.search(r'is: virtio_blk +\w+ virtio_blk', out), out
        assert guest.run(KEY + ' 12')[0] == 0
        assert 'is: Shift+F1  processes' in guest.run('service log is')[1]
        refused(guest, KEY + ' 13', 'iskey: 13: Invalid argument')
        refused(guest, "su -s /bin/sh nobody -c '%s 1'" % KEY, 'iskey: 1: Operation not permitted')
    with scenario('Shift and a function key on the keyboard do'):
        guest.keys('shift', 'f10')
        deadline = time.monotonic() + 10
        while not re.search(r'is: +1 +0 .* init', guest.run('service log is')[1]):
            assert time.monotonic() < deadline, 'no page of programs in the log'
            time.sleep(0.2)
    with scenario('the information server dies and is there again'):
        assert guest.run('service kill is')[0] == 0
        deadline = time.monotonic() + 20
        while guest.run('service dump names')[0] != 0:
            assert time.monotonic() < deadline, 'it is not there again'
            time.sleep(0.2)
finish()
