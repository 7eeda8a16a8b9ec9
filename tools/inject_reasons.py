# SPDX-License-Identifier: BSD-2-Clause
"""inject_reasons.py - of what kind is a fault that a program noticed, and why does nobody else?

The first rule that fits says so, by regular expressions. What no rule fits is UNKNOWN.
"""
import re
import typing

UNKNOWN = 'Not looked into yet.'
TEXT = ('Text is wrong, or cut off, while the fault is there. It is of the right form; what it '
        'says nobody else knows.')
NAMES = ("A name is not found, a listing ends early, a link leads nowhere: answers of a day's "
         'work, believed where vfs knows nothing else (docs/notes/0026).')
DATA = ('Bytes, lengths or positions are wrong in a file system without block sums (memory), or '
        'above them. docs/caveats.md.')
DISK = ('Blocks, inodes or directories are damaged by ext2 itself: sums notice what the disk '
        'changes, not what ext2 means to write. e2fsck finds it.')
MAKES = ('What was made for a program (memory, registers, descriptors, ids) is not what it needs: '
         'it ends, or fails, in the middle of its work. Others go on.')
WAITS = ('A call is answered late or with what was not asked; a program has ended of it, or waited '
         'until the service was found out.')
ROUND = ('The loop that takes messages and answers them: a request is lost or refused, and is no '
         'answer that could be asked for again.')
WORD = ('One answer of the service is replaced by another of the right form. Programs get their '
        'answers from it without anybody in between.')
TYPED = ('What is typed or printed is lost, doubled or wrong: a serial line has no sums, and bytes '
         'that have been read are gone.')
MANAGES = '`service` shows or is told something wrong by rs or `is` while the fault is there.'
SUMS = ('Blocks of the disk are not what ext2 wrote: the driver has written elsewhere, into what '
        'nobody has read since. Their sums say so: who reads them has EIO, and no wrong byte.')
ENDS = ('Found when the guest ended, after up to 40 faults: one of them, not certainly this one. '
        'All of them stand below, at the ends of guests.')

ROUND_FUNCTIONS = (r'step|reply_and_receive|ipc_|server_|peer_call|dispatch|handle|board_|ring_|'
                   r'file_server_notified|file_complete|do_request|request_|undo_|memcpy|memcmp|'
                   r'memset|strlen|strcmp|receive')
TEXT_FUNCTIONS = r'format|put|make_|print|fill$'


class Rule(typing.NamedTuple):
    """Each of them has to fit; what is left out fits anything."""
    why: str
    service: str = '.*'
    function: str = '.*'            # how its name begins
    kind: str = ''                  # part of the fault's class
    said: str = ''                  # part of what programs said


RULES = (
    Rule(SUMS, said='known by the sums'),
    Rule(ENDS, said='^at the end'),
    Rule(WORD, kind='lie|mute|garbage'),
    Rule(TEXT, 'procfs', TEXT_FUNCTIONS + '|do_file_read$|fits_|pm_'),
    Rule(NAMES, 'procfs|devfs'),
    Rule(TEXT, 'log', said='dmesg'),
    Rule(TYPED, 'tty|uart'),
    Rule(MANAGES, 'rs|ds|is'),
    Rule(DATA, 'tmpfs', said='WRONG'),
    Rule(DISK, 'ext2', said='WRONG|sum'),
    Rule(ROUND, 'tmpfs|ext2|pm', ROUND_FUNCTIONS),
    Rule(NAMES, 'tmpfs'),
    Rule(DISK, 'ext2'),
    Rule(ROUND, 'virtio_blk'),
    Rule(MAKES, 'vm'),
    Rule(WAITS, 'pm|sched', said='stall'),
    Rule(NAMES, 'pm', 'do_pm_info|process_by_pid|do_pm_signals|do_pm_times|next_process'),
    Rule(MAKES, 'pm'),
    Rule(MAKES, 'vfs', 'exec|do_fork|fd_|table_|drop|vm_|process_of|segment|map_'),
    Rule(TEXT, 'vfs', TEXT_FUNCTIONS),
    Rule(ROUND, 'vfs', ROUND_FUNCTIONS + '|logged_'),
    Rule(DATA, 'vfs', said='WRONG'),
    Rule(WAITS, 'vfs', said='stall'),
    Rule(NAMES, 'vfs'),
)


def reason(miss):
    """Of a miss as inject_record.py has it."""
    if 'mended' in miss:
        return 'Mended: ' + miss['mended']
    service = miss['name'].partition(':')[0]
    said = '; '.join([*miss['texts'], miss['end'] or ''])
    for rule in RULES:
        if (re.fullmatch(rule.service, service) and re.match(rule.function, miss['where']) and
                re.search(rule.kind, miss['kind']) and re.search(rule.said, said)):
            return rule.why
    return UNKNOWN
