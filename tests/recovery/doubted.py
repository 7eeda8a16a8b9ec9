# SPDX-License-Identifier: BSD-2-Clause
"""pm, vfs or procfs is about to have a call fail as calls hardly ever do: it comes to that verdict
again in another life. If it was wrong, no program notices; if it was right, that is asked once. vm
refuses a page: it is asked again.

Limit: 60
"""
import hashlib
import re
import subprocess

import count
import plant
from guest import finish, need, scenario, until

SLOT = {'vm': 3, 'pm': 5, 'vfs': 6, 'procfs': 13}
FAILS = {errno: b'\x48\xc7\xc0' + (-errno).to_bytes(4, 'little', signed=True) + b'\xc3'
         for errno in (2, 5, 8, 9, 13, 14, 17)}              # mov $-errno,%rax; ret
# rdtsc; mov $11,%edx; shl $32,%rdx; or %rdx,%rax; ret: SIGSEGV, never twice in the same words
SEGV = bytes.fromhex('0f31 ba0b000000 48c1e220 4809d0 c3')
NULL = b'\x31\xc0\xc3'                         # xor %eax,%eax; ret
READ = 'read -r line < /etc/passwd; echo "$line" | cut -c 1-4'
# xor %eax,%eax; mov %rax,(%rdi); mov %rax,8(%rdi); mov %rax,16(%rdi); mov %rdi,%rax; ret
NO_CHILD = bytes.fromhex('31c0 488907 48894708 48894710 4889f8 c3')
PAGE_0 = b'\xc7\x01\x00\x00\x00\x00' + NULL       # movl $0,(%rcx)


class Bed(plant.Bed):
    def doubts(self, service, command, *changed):
        """(recoveries, status, output). changed: a function, and how it begins from now on."""
        before = self.guest.service(service).recoveries
        if changed:
            at = count.Symbols(count.elf_of(service)).address[changed[0]]
            self.write(SLOT[service], at, changed[1])
        out = self.guest.run(command)
        return self.guest.service(service).recoveries - before, *out

    def pause_is_over(self, service):
        """Or a service that has just doubted does not do so again."""
        at, = count.numbers(count.elf_of(service), "&'doubt.c'::doubt.until_ns")
        self.write(SLOT[service], at, bytes(8))


def wrong(bed):
    for service, name, text, command, out in (
            ('vfs', 'linux_openat', FAILS[14], 'head -c 4 /etc/passwd', 'root'),
            ('vfs', 'linux_getdents64', FAILS[9], 'ls /etc/skink | grep recover', 'recover.d\n'),
            ('vfs', 'linux_write', FAILS[5], 'echo written > /root/doubted; cat /root/doubted',
             'written\n'),
            ('vfs', 'linux_execve', FAILS[8], 'sh -c "echo run"', 'run\n'),
            ('vfs', 'linux_execve', FAILS[13], '/bin/busybox echo run', 'run\n'),
            ('pm', 'call_uname', FAILS[14], 'uname -m', 'x86_64\n'),
            ('pm', 'thread_new', NULL, '(echo child)', 'child\n'),
            ('pm', 'look', NO_CHILD, 'sh -c "sh -c \\"exit 3\\"; echo \\$?"', '3\n')):
        bed.pause_is_over(service)
        assert bed.doubts(service, command, name, text) == (1, 0, out), name
    said = bed.guest.run('dmesg | grep -c "repaired: call .* would have been answered"')[1]
    assert int(said) == 6, said             # execve that succeeds is not answered


def unproved(bed):
    """procfs has nobody beside it who knows: it proves itself."""
    for name, text, command, out in (
            ('procfs_lookup', FAILS[2], 'cut -c1-5 /proc/version', 'Linux\n'),
            ('put', b'\xc3', 'cut -d" " -f2 /proc/1/stat', '(init)\n'),
            ('file_dirent', b'\xb8\x01\x00\x00\x00\xc3', 'ls /proc | grep meminfo', 'meminfo\n'),
            ('make_pid_stat', FAILS[2], 'cut -d" " -f2 /proc/1/stat', '(init)\n')):
        bed.pause_is_over('procfs')
        assert bed.doubts('procfs', command, name, text) == (1, 0, out), name


def contradicted(bed):
    """Answers of a day's work, against vfs's tables."""
    bed.guest.run('ls /root/new; touch /root/old')
    for name, text, command, out in (
            ('inode_read', NULL, READ, 'root\n'),
            ('linux_sendfile', NULL, 'cat /etc/passwd | head -c 4', 'root'),
            ('page_want', PAGE_0, READ, 'root\n'),
            ('linux_getdents64', NULL, 'ls /etc/skink | grep recover', 'recover.d\n'),
            ('linux_newfstatat', FAILS[2], 'stat -c %s /etc/passwd | grep -c .', '1\n'),
            ('linux_openat', FAILS[2], 'head -c 4 /etc/passwd', 'root'),
            ('linux_openat', NULL, 'head -c 4 /etc/passwd', 'root'),
            ('elf_read', NULL, 'service status toy | grep -c running', '1\n'),
            ('take_vector', NULL, '/bin/busybox echo run', 'run\n'),
            ('linux_mkdir', FAILS[17], 'mkdir /root/new', ''),
            ('linux_rmdir', NULL, 'rmdir /root/new; mkdir /root/new', ''),
            ('linux_rename', FAILS[2], 'mv /root/old /root/name; ls /root | grep name', 'name\n'),
            ('linux_unlink', FAILS[2], 'rm /root/name; rmdir /root/new', '')):
        bed.pause_is_over('vfs')
        assert bed.doubts('vfs', command, name, text) == (1, 0, out), name


def right(bed):
    for expected in (1, 0):
        bed.pause_is_over('vfs')
        deaths, status, out = bed.doubts('vfs', 'cat /etc/passwd/x 2>&1')
        assert (deaths, status, 'Not a directory' in out) == (expected, 1, True), out


def pause(bed):
    """What is another failure is not asked again for a while."""
    bed.pause_is_over('vfs')
    for expected, command in ((1, 'ls /etc/passwd/x/'), (0, 'mkdir /etc/passwd/x')):
        deaths, _, out = bed.doubts('vfs', command + ' 2>&1')
        assert (deaths, 'Not a directory' in out) == (expected, True), out


def refused(bed):
    at, size, number = count.numbers(
        count.elf_of('pm'), "&((struct state *)&'state.c'::state)->thread[0].refused",
        'sizeof(struct thread)', "sizeof(((struct state *)0)->thread) / sizeof(struct thread)")
    fault = count.Symbols(count.elf_of('vm')).address['vm_fault']

    def has_heard():
        return any(bed.memory.word(bed.memory.physical(SLOT['pm'], at + n * size), 8)
                   for n in range(number))

    with bed.changed(SLOT['vm'], fault, SEGV):
        bed.guest.send('head -c 1000000 /dev/zero | sha1sum | cut -c 1-8; echo ha"s" ended\n')
        until(has_heard)
    out = bed.guest.expect(r'(.*)\r?\nhas ended').group(1)
    assert out.strip() == hashlib.sha1(bytes(1000000)).hexdigest()[:8].encode(), out


def other_file(bed):
    """An open that forgets which file it found: `mov %ax,0x18(%rbx)`, or the like, becomes nop."""
    offset, = count.numbers(count.elf_of('vfs'), '&((struct file *)0)->inode')
    out = subprocess.run(['objdump', '-d', '--disassemble=open_found', count.elf_of('vfs')],
                         capture_output=True, text=True, check=True).stdout
    at, text = re.search(r'^ *(\w+):\t66 ((?:\w\w )+) *\tmov +%%\w+,%#x\(%%\w+\)' % offset, out,
                         re.M).groups()
    bed.pause_is_over('vfs')
    before = bed.guest.service('vfs').recoveries
    bed.write(SLOT['vfs'], int(at, 16), b'\x90' * (1 + len(text.split())))
    assert bed.guest.run('cut -c1-4 /etc/passwd | head -n 1') == (0, 'root\n')
    assert bed.guest.service('vfs').recoveries == before + 1


def ended(bed):
    """pm finds no process 1, without which no program goes on."""
    at = count.Symbols(count.elf_of('pm')).address['process_by_pid']
    place = bed.memory.physical(SLOT['pm'], at)
    before = bed.guest.service('pm').deaths
    bed.guest.run('here=1')
    bed.write(SLOT['pm'], at, NULL)
    until(lambda: bed.memory.ram[place:place + len(NULL)] != NULL)      # rs has written it anew
    assert bed.guest.run('echo $here') == (0, '1\n')
    assert bed.guest.service('pm').deaths == before + 1
    assert 'found that there is no process 1' in bed.guest.run('dmesg')[1]


def main():
    with plant.scratch('doubted') as folder, Bed(folder) as bed:
        bed.fresh()
        for title, run in (('a call that would have failed by a damaged service does not', wrong),
                           ('nor is it answered against what vfs knows', contradicted),
                           ('names, texts and listings of /proc are right, or not given', unproved),
                           ('a call that fails does so; it is doubted once', right),
                           ('another call that fails so is not doubted at once', pause),
                           ('a page that vm refuses is asked for again', refused),
                           ('a file that was not named is not opened', other_file),
                           ('pm finds that all programs have to end: it looks again', ended)):
            with scenario(title):
                run(bed)


need('gdb')
main()
finish()
