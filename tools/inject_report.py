# SPDX-License-Identifier: BSD-2-Clause
"""inject_report.py - what campaigns of tools/inject.py found, as Markdown and a picture."""
import os
import re

import inject_reasons
from inject_record import ANOTHER, GOOD, PER_DECADE, longest

COLUMNS = (                     # outcome, heading, colour
    ('recovered', 'recovered, no program noticed', '#2f8f4e'),
    ('silent', 'without effect', '#a9c7b0'),
    ('error', 'a program saw an error', '#e0a030'),
    ('wrong', 'wrong data', '#c0392b'),
    ('hang', 'system hang', '#6c3483'),
    ('panic', 'kernel panic', '#111111'),
)
CAUSES = ('exception', 'exit', 'hung', 'ipc', 'complaint', 'resource', 'doubt', ANOTHER)
QUANTILES = (0.5, 0.9, 0.99, 1)
SLOTS = 2                       # bars of a decade of times, in the picture
MUTATED = 'mutated code'
GROUPS = {                      # classes; None: all others
    'fail-stop, hang and protocol': ('stop', 'hang', 'livelock', 'leak', 'flood', 'garbage', 'lie',
                                     'mute', 'grant', 'dma', 'irq'),
    'wild stores': ('wild',),
    MUTATED: None,
}
DRIVERS = ('virtio_blk', 'uart', 'keyboard', 'screen', 'rtc')
WIDTH, LEFT, BAR, GAP = 900, 110, 16, 6
HEADS = {'kind': 'class', ANOTHER: 'another service died'}
ONE_BY_ONE = 20                 # misses; of more, those alike are one line


def percent(part, whole):
    return '%.1f %%' % (100 * part / whole) if whole else '–'


def once(record, service=None, kind=None):
    """Of the faults that a program saw: it was one call of one program, and all went on."""
    return sum(miss['outcome'] == 'error' and not miss['end'] and
               sum(text.startswith('BAD') for text in miss['texts']) == 1
               for miss in record.misses
               if service in (None, miss['name'].partition(':')[0]) and
               kind in (None, miss['kind']))


def row(record, name, **what):
    active = record.activated(**what)
    cells = [name, record.count(**what), active]
    cells += [record.activated(cause=cause, **what) for cause in CAUSES]
    cells += [active - sum(cells[3:])]
    for outcome, _, _ in COLUMNS:
        cells += [record.count(outcome=outcome, **what)]
        cells += [once(record, **what)] if outcome == 'error' else []
    cells += [record.activated(lasts=True, **what)]
    good = sum(record.count(outcome=outcome, **what) for outcome in GOOD)
    return '| %s |' % ' | '.join(map(str, cells + [percent(good, active)]))


def table(record, key):
    heads = [HEADS.get(key, key), 'injected', 'activated',
             *(HEADS.get(cause, cause) for cause in CAUSES), 'not detected',
             *(h for _, h, _ in COLUMNS), 'lasting', 'all programs right']
    heads.insert(heads.index('wrong data'), 'of these: one, once')
    lines = ['| %s |' % ' | '.join(heads), '|---|' + '---:|' * (len(heads) - 1)]
    lines += [row(record, value, **{key: value}) for value in record.values(key)]
    return lines + [row(record, '**all**')]


def groups_of(record):
    """{group: its classes that were injected}"""
    named = sum(filter(None, GROUPS.values()), ())
    return {name: [kind for kind in record.values('kind')
                   if (kind in kinds if kinds else kind not in named)]
            for name, kinds in GROUPS.items()}


def total(count, kinds, services, **what):
    """count: Record.count or Record.activated."""
    return sum(count(kind=kind, service=service, **what) for kind in kinds for service in services)


def goals(record):
    groups = groups_of(record)
    drivers = [name for name in record.values('service') if name in DRIVERS]
    servers = [name for name in record.values('service') if name not in DRIVERS]
    every, soft = drivers + servers, groups['fail-stop, hang and protocol']
    damaging = groups[MUTATED] + groups['wild stores']

    def bad(kinds, services, **what):
        return (total(record.activated, kinds, services),
                total(record.count, kinds, services, **what))

    def right(kinds, services):
        active = total(record.activated, kinds, services)
        return active, percent(sum(total(record.count, kinds, services, outcome=outcome)
                                   for outcome in GOOD), active)

    rows = [('kernel panics', *bad(soft + damaging, every, outcome='panic'), '0'),
            ('system hangs', *bad(soft + damaging, every, outcome='hang'), '0'),
            ('fail-stop, hang and protocol: wrong data', *bad(soft, every, outcome='wrong'), '0'),
            ('of drivers: no program notices', *right(soft, drivers), '100 %'),
            ('of servers: all programs right', *right(soft, servers), '99 %'),
            ('drivers, mutated code and wild stores: a program read wrong data',
             *bad(damaging, drivers, outcome='wrong'), '0'),
            ('servers, mutated code: all programs right', *right(groups[MUTATED], servers), '90 %')]
    return (['| | activated | reached | goal |', '|---|---:|---:|---:|'] +
            ['| %s | %s | %s | %s |' % one for one in rows])


def matrix(record):
    """Service by class: how many were activated, and in brackets of how many a program saw an error
    or worse."""
    kinds = record.values('kind')
    lines = ['| | %s |' % ' | '.join(kinds), '|---|' + '---:|' * len(kinds)]
    for service in record.values('service'):
        cells = []
        for kind in kinds:
            active = record.activated(service=service, kind=kind)
            bad = active - sum(record.count(service=service, kind=kind, outcome=outcome)
                               for outcome in GOOD)
            cells.append('%d%s' % (active, ' (%d)' % bad if bad else '') if active else '')
        lines.append('| %s | %s |' % (service, ' | '.join(cells)))
    return lines


def rates(record):
    """By service: how many of a group of classes were activated, and of how many of these all
    programs were right."""
    groups = groups_of(record)

    def cells(**what):
        for kinds in groups.values():
            active = sum(record.activated(kind=kind, **what) for kind in kinds)
            good = sum(record.count(kind=kind, outcome=outcome, **what)
                       for kind in kinds for outcome in GOOD)
            wrong = sum(record.count(kind=kind, outcome='wrong', **what) for kind in kinds)
            yield from (active, percent(good, active), wrong)

    lines = ['| service | %s |' % ' | '.join('%s | all programs right | wrong data' % name
                                             for name in groups),
             '|---|' + '---:|' * (3 * len(groups))]
    for name, what in [(service, {'service': service}) for service in record.values('service')] + [
            ('**all**', {})]:
        lines.append('| %s | %s |' % (name, ' | '.join(map(str, cells(**what)))))
    return lines


def quantile(times, q):
    left = q * sum(times.values())
    for key in sorted(times):
        left -= times[key]
        if left <= 0:
            break
    return longest(key)


def repairs(record, key):
    lines = ['| %s | recoveries in place | afresh | %s |' % (HEADS.get(key, key), ' | '.join(
        'longest' if q == 1 else '%g %% within' % (100 * q) for q in QUANTILES)),
        '|---|---:|---:|' + '---:|' * len(QUANTILES)]
    for what in [{key: name} for name in record.values(key)] + [{}]:
        times = record.took(**what)
        if times:
            lines.append('| %s | %d | %d | %s |' % (
                what.get(key, '**all**'), record.activated(how='in place', **what),
                record.activated(how='afresh', **what),
                ' | '.join('%.1f ms' % (quantile(times, q) / 1000) for q in QUANTILES)))
    return lines


def line(miss, more=0):
    return '- **%s**%s%s `%s` %s, %s: `%s` became `%s`; %s, %s%s%s' % (
        miss['outcome'], ' (%s)' % miss['end'] if miss['end'] else '',
        ', lasting' if miss['lasts'] else '', miss['name'], miss['kind'],
        miss['where'], miss['before_text'], miss['after_text'], miss['cause'] or 'not detected',
        miss['recovered'] or 'not recovered',
        ''.join('; `%s`' % text.replace('`', "'") for text in miss['texts']),
        '; %d more in this function' % more if more else '')


def misses(record):
    """By what they come of (inject_reasons.py); the worst first."""
    order = [outcome for outcome, _, _ in COLUMNS]
    kinds = {}
    for miss in sorted(record.misses, key=lambda miss: -order.index(miss['outcome'])):
        kinds.setdefault(inject_reasons.reason(miss), []).append(miss)
    lines = []
    for why, found in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
        lines += ['%d: %s' % (len(found), why), '', *of_kind(found), '']
    return lines or ['None.']


def of_kind(found):
    if len(found) <= ONE_BY_ONE:
        return [line(miss) for miss in found]
    alike = {}
    for miss in found:
        function = re.split(r'[+ ]', miss['where'])[0]
        key = (miss['outcome'], miss['end'], miss['name'].partition(':')[0], function)
        # What is worse than an error, or stopped and was not recovered, stands alone.
        alone = (miss['outcome'] != 'error' or miss['lasts'] or
                 miss['kind'] in ('stop', 'hang'))
        alike.setdefault(key + ((miss['name'],) if alone else ()), []).append(miss)
    return [line(group[0], len(group) - 1) for group in alike.values()]


INTRODUCTION = """\
# Faults in running services

Generated by

%s

Faults are in code that the load reaches; `docs/notes/0020-injection.md` says what the classes are,
how the columns are told apart, and what the load is. What rs found the service to have died of:
*exception, exit, hung, ipc, complaint, resource, doubt*; or it lived, and *another service died*.
*Lasting*: programs saw errors also
when the fault was gone.

![by service and class](report.svg)
"""


def report(record):
    runs = ['- `%s` (%s; %d minutes, %d guests)' % (
        run['command'], run['commit'], round(run['seconds'] / 60), run['guests'])
        for run in record.runs]
    lines = [INTRODUCTION % '\n'.join(runs), '## What was to be reached', ''] + goals(record)
    lines += ['', '## By service', '']
    lines += table(record, 'service') + ['', '## By class of fault', ''] + table(record, 'kind')
    lines += ['', '## By service and kind of fault', ''] + rates(record)
    lines += ['', '## By service and class', '', 'Activated; in brackets: a program saw an error, '
              'or worse.', ''] + matrix(record)
    lines += ['', '## Time from the defect to ready again', ''] + repairs(record, 'service')
    lines += [''] + repairs(record, 'kind')
    lines += ['', '## What a program or the machine noticed', '',
              '`./skink inject NAME` does one of them again.', ''] + misses(record)
    lines += ['', '## At the ends of guests', '',
              'What was left over after the faults of one guest, what e2fsck said, and what came '
              'of a fault that did not come of it alone.', '']
    lines += ['- %s (after %s)' % (text, ', '.join('`%s`' % n for n in names)) for text, names
              in record.ends] or ['Nothing left over, and e2fsck found nothing.']
    return '\n'.join(lines) + '\n'


# ---- the picture ----

def bars(title, record, key, top):
    lines = ['<text x="8" y="%d" font-weight="bold">%s</text>' % (top + 12, title)]
    top += 20
    for name in record.values(key):
        active, x = record.activated(**{key: name}), LEFT
        lines.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, top + 12, name))
        for outcome, heading, colour in COLUMNS:
            n = record.count(outcome=outcome, **{key: name})
            width = (WIDTH - LEFT - 60) * n / active if active else 0
            if n:
                lines.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"><title>%s: '
                             '%d</title></rect>' % (x, top, width, BAR, colour, heading, n))
            x += width
        lines.append('<text x="%d" y="%d">%d</text>' % (WIDTH - 50, top + 12, active))
        top += BAR + GAP
    return lines, top + 12


def times_picture(record, top):
    """How many recoveries took how long."""
    lines = ['<text x="8" y="%d" font-weight="bold">recoveries, by the time from the defect to '
             'ready again</text>' % (top + 12)]
    slots = {}
    for bucket, n in record.took().items():
        slot = (bucket - 1) * SLOTS // PER_DECADE
        slots[slot] = slots.get(slot, 0) + n
    top += 20
    for slot in range(min(slots, default=0), max(slots, default=-1) + 1):
        n = slots.get(slot, 0)
        ms = float('%.2g' % (longest((slot + 1) * PER_DECADE // SLOTS) / 1000))
        up_to = '%g s' % (ms / 1000) if ms >= 1000 else '%g ms' % ms
        width = (WIDTH - LEFT - 60) * n / max(slots.values())
        lines += [
            '<text x="%d" y="%d" text-anchor="end">to %s</text>' % (LEFT - 8, top + 12, up_to),
            '<rect x="%d" y="%d" width="%.1f" height="%d" fill="#4a6fa5"/>' % (LEFT, top, width,
                                                                               BAR),
            '<text x="%.1f" y="%d">%d</text>' % (LEFT + width + 6, top + 12, n)]
        top += BAR + GAP
    return lines, top + 12


def picture(record):
    lines, top = [], 30
    for number, (_, heading, colour) in enumerate(COLUMNS):
        x = 8 + number % 3 * 290
        y = 8 + number // 3 * 18
        lines.append('<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d">%s'
                     '</text>' % (x, y, colour, x + 18, y + 11, heading))
    top = 56
    for title, key in (('by service (activated faults)', 'service'),
                       ('by class of fault', 'kind')):
        more, top = bars(title, record, key, top)
        lines += more
    more, top = times_picture(record, top)
    lines += more
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="12">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
            % (WIDTH, top, '\n'.join(lines)))


def write(folder, record):
    with open(os.path.join(folder, 'report.md'), 'w') as file:
        file.write(report(record))
    with open(os.path.join(folder, 'report.svg'), 'w') as file:
        file.write(picture(record))
