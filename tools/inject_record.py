# SPDX-License-Identifier: BSD-2-Clause
"""inject_record.py - what campaigns of tools/inject.py found, counted, and kept.

    record = Record.of(command, commit, seconds, guests, faults, ends)
    record.save('docs/faults/seed-7.json')
    whole = Record.all('docs/faults')           # of the runs that are kept there, together

Counts, not faults: a campaign has tens of thousands. What a program or the machine noticed is kept
one by one.
"""
import collections
import glob
import json
import os

GOOD = ('recovered', 'silent')
PER_DECADE = 20                 # buckets of a recovery time: it is known within 6 %
Cell = collections.namedtuple('Cell', 'service kind outcome cause how lasts')
ANOTHER = 'another'             # cause: not this service died, but another one
RUN = ('command', 'commit', 'seconds', 'guests')
MISS = ('name', 'kind', 'where', 'before_text', 'after_text', 'outcome', 'end', 'cause',
        'recovered', 'lasts')
TEXTS = 3                       # lines of what programs said that are kept
TEXT = 160


def bucket(us):
    """Of a time; longest() is its upper end."""
    n = 0
    while longest(n) < us:
        n += 1
    return n


def longest(n):
    return 10 ** (n / PER_DECADE)


def miss(fault):
    texts = fault['wrong'] + fault['bad'] + fault['others']
    return dict({key: fault[key] for key in MISS}, texts=[text[:TEXT] for text in texts[:TEXTS]])


def mended(folder):
    """{(commit, name): how} of a folder's file `mended`, if it has one. A name says something of
    the build that it was found in."""
    path = os.path.join(folder, 'mended')
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        words = [line.strip().split(' ', 2) for line in file]
    return {(commit, name): how for commit, name, how in words}


class Record:
    def __init__(self):
        self.runs, self.misses, self.ends = [], [], []
        self.cells = collections.Counter()      # Cell: faults
        self.times = {}                         # 'service class': Counter of buckets

    @classmethod
    def of(cls, command, commit, seconds, guests, faults, ends):
        """faults: dictionaries, of campaign.Fault.data()."""
        made = cls()
        made.runs = [dict(zip(RUN, (command, commit, round(seconds), guests)))]
        made.ends = [list(end) for end in ends]
        for fault in faults:
            made.cells[Cell(fault['service'], fault['kind'], fault['outcome'],
                            (fault['cause'] or (ANOTHER if fault['others'] else 'none')).split()[0],
                            fault['recovered'] or 'none', fault['lasts'])] += 1
            if fault['repaired_us'] and fault['begun']:
                key = '%(service)s %(kind)s' % fault
                times = made.times.setdefault(key, collections.Counter())
                times[bucket(fault['repaired_us'])] += 1
        made.misses = [miss(fault) for fault in faults
                       if fault['outcome'] not in GOOD + ('not activated',)]
        return made

    @classmethod
    def all(cls, folder):
        """The runs kept in a folder. In its file `mended`: a line for each fault of which the same
        kind is not noticed any more: the commit, its name, how that came. ValueError, KeyError: one
        is not what save() writes."""
        made, how = cls(), mended(folder)
        for path in sorted(glob.glob(os.path.join(folder, '*.json'))):
            with open(path) as file:
                data = json.load(file)
            for one in data['misses']:
                for run in data['runs']:
                    if (run['commit'], one['name']) in how:
                        one['mended'] = how[run['commit'], one['name']]
            made.add(data)
        return made

    def add(self, data):
        self.runs += data['runs']
        self.misses += data['misses']
        self.ends += data['ends']
        for *cell, n in data['cells']:
            self.cells[Cell(*cell)] += n
        for what, times in data['times'].items():
            known = self.times.setdefault(what, collections.Counter())
            known.update({int(key): n for key, n in times.items()})

    def save(self, path):
        cells = [[*cell, n] for cell, n in sorted(self.cells.items())]
        lines = ['{"runs": %s,' % json.dumps(self.runs),
                 '"cells": [\n%s],' % ',\n'.join(map(json.dumps, cells)),
                 '"times": %s,' % json.dumps(self.times),
                 '"misses": [\n%s],' % ',\n'.join(map(json.dumps, self.misses)),
                 '"ends": [\n%s]}\n' % ',\n'.join(map(json.dumps, self.ends))]
        with open(path + '.new', 'w') as file:
            file.write('\n'.join(lines))
        os.rename(path + '.new', path)

    def took(self, service=None, kind=None):
        """Counter of the buckets of recovery times."""
        found = collections.Counter()
        for what, times in self.times.items():
            if service in (None, what.split()[0]) and kind in (None, what.split()[-1]):
                found.update(times)
        return found

    def count(self, **what):
        """Faults of this service, kind, outcome, cause, how, lasts."""
        return sum(n for cell, n in self.cells.items()
                   if all(getattr(cell, key) == value for key, value in what.items()))

    def activated(self, **what):
        return self.count(**what) - self.count(outcome='not activated', **what)

    def values(self, key):
        """In the order in which the first of them was found."""
        return list(dict.fromkeys(getattr(cell, key) for cell in self.cells))
