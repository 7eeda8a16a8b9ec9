# SPDX-License-Identifier: BSD-2-Clause
"""uses.py - what a service is, and a load that uses it, both by what its manifest says.

    for service in services():          # of the boot set, and of the disk
        begin(guest, service, seconds)  # beside plant.load()
        ... rounds(guest, service) ...

A service that serves something which USES knows has a load of its own; that of a file server mounts
its tree and does what can be done there. All are asked for an account of themselves.
"""
import os
import re

import bootset
import plant

DISK = 'image/disk.list'
# What a service may serve, and a program's use of it; $1 is its name. Of a file
# server and its driver $2 is the type to mount, and $3 the disk, if there is one.
USES = {
    'file': '[ $# = 1 ] || tree $2 $3',
    'block': '[ $# = 1 ] || tree $2 $3',
    'chardev': '[ ! -e /dev/$1 ] || (: < /dev/$1) || bad open $1',
    'serial': 'stty -a < /dev/console > /dev/null && stty -a < /dev/tty1 > /dev/null &&'
              ' echo > /dev/tty1 || bad tty1',
    'rs': 'service status $1 | grep -q running || bad status',
    'log': 'dmesg | grep -q . || bad dmesg',
    'toy': 'for k in 1 2 3 4 5 6; do /usr/lib/skink/toyctl put $k $((n * k)) > /dev/null ||'
           ' bad put; is toy $((n * k)) /usr/lib/skink/toyctl get $k; done',
    'semaphore': 'semaphore open use$$ 1 && semaphore down use$$ && semaphore up use$$ || bad sem;'
                 ' semaphore list | grep -q "use$$ " || bad sem list; semaphore remove use$$',
}
SCRIPT = r'''
mounted() { awk -v d=$1 '$1 == d { print $2; exit }' /proc/mounts; }
again() { umount $at && mount -t $2 $1 $at || bad mount $1; }
data() {
	mkdir $1 && cp /tmp/any/big $1/b && ln -s b $1/l && (cd $1 && tar cf t b l) || bad data $1
	[ -z "$2" ] || again $2 $3
	is sum "$sum" sum $1/l
	(cd $1 && rm b l && tar xf t) || bad tar $1
	is sum "$sum" sum $1/b
	rm -r $1 || bad rm $1
}
look() {
	ls $1 > /tmp/any/look 2> /tmp/any/gone  # of what goes meanwhile ls complains
	[ $(grep -c '' < /tmp/any/look) -gt 3 ] || bad look $1
}
tree() {
	dev=${2:+/dev/$2}
	[ -z "$dev" ] || at=$(mounted $dev)
	if [ -n "$dev" -a -n "$at" ]; then data $at/use.d; return; fi
	at=/tmp/at.use
	mkdir -p $at
	mount -t $1 ${dev:-none} $at || { bad mount $1 $dev; return; }
	if (: > $at/try) 2> /dev/null; then rm $at/try; data $at/use ${dev:+$dev $1}
	else look $at; fi
	umount $at || bad umount $1
}
use() {
	while go; do
		n=$((n + 1))
USES
		service dump NAME > /tmp/any/account || bad dump
		grep -q . /tmp/any/account || bad account
		did use
	done
}
. /tmp/load
'''


class Service:
    """One, by its manifest."""

    def __init__(self, name, loaded=False):
        self.name, self.loaded = name, loaded
        with open(os.path.join(bootset.folder_of(name), name + '.svc')) as file:
            self.lines = [words for words in map(bootset.words, file) if words]
        self.slot = int(self.all('id')[0])
        self.program = (self.all('program') or [name])[0]
        self.serves, self.args = self.all('serves'), self.all('args')
        self.recovers = self.all('restart') == ['recover']
        # Begins afresh, and whoever had asked has an error; ext2 asks a disk's driver again.
        self.errs = not self.recovers and 'block' not in self.serves
        self.elf = os.path.join(plant.machine.BUILD, 'services', self.program,
                                self.program + '.elf')

    def all(self, word):
        """What all lines of this word list."""
        return [value for line in self.lines if line[0] == word for value in line[1:]]

    def mounts(self, known):
        """[type, disk] of its tree, or of that on its disk."""
        for s in known:
            if 'file' in s.serves and len(s.args) == 2 and self.name in (s.name, s.args[0]):
                return [s.program, s.args[1]]
        with open(os.path.join(plant.machine.ROOT, 'servers/vfs/mount.c')) as file:
            types = re.findall(r'\{ "(\w+)", "(\w+)" \}', file.read())
        return [kind for kind, server in types if server == self.name][:1]

    def use(self, known):
        """The body of a round of its load."""
        words = ' '.join([self.name] + self.mounts(known))
        return '\n'.join('\t\tset -- %s; %s' % (words, USES[protocol])
                         for protocol in self.serves if protocol in USES)


def services():
    return ([Service(name) for name in bootset.names('image/boot.list')]
            + [Service(name, True) for name in bootset.names(DISK)])


def disks(known):
    """How many disks file servers have, the root's among them."""
    return len({s.args[1] for s in known if 'file' in s.serves and len(s.args) == 2})


def begin(guest, service, known, seconds):
    """Its load: one more of plant.load's parts, which must have begun."""
    text = SCRIPT.replace('USES', service.use(known)).replace('NAME', service.name)
    plant.put(guest, '/tmp/use', text)
    guest.run('sh /tmp/use use %d > /tmp/any/out.use 2>&1 & true' % seconds)


def rounds(guest):
    """{part: how often it was done}, and what programs complain of."""
    text = guest.run("cat /tmp/any/bad; grep '' /tmp/any/done.* /dev/null", 60)[1]
    return ({part: int(n) for part, n in re.findall(r'/done\.(\w+):(\d+)', text)},
            re.findall(r'^(?:BAD|WRONG) .*', text, re.M))
