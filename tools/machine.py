# SPDX-License-Identifier: BSD-2-Clause
"""machine.py - the virtual machine that Skink runs on: from options to a QEMU command line.

Used by tools/run.py (a person at the terminal) and tools/guest.py (a test at the serial line).
The machine is the reference machine of all measurements: q35, -cpu max,-erms, one core, no
default devices, a debug-exit port at 0xf4. SKINK_QEMU in the environment: more arguments for QEMU,
as -gdb for a test that hangs. SKINK_BUILD: the folder of another build.
"""
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get('SKINK_BUILD', 'build'))
QEMU = 'qemu-system-x86_64'

# What the guest writes to port 0xf4 to end QEMU, and what QEMU makes of it: (value << 1) | 1.
DEBUG_EXIT_OFF = 0x10
DEBUG_EXIT_PANIC = 0x7f         # kernel/x86_64/panic.c
STATUS_RESET = 0                # -no-reboot: a reboot, a triple fault, or ACPI power-off
STATUS_OFF = DEBUG_EXIT_OFF << 1 | 1
STATUS_PANIC = DEBUG_EXIT_PANIC << 1 | 1
KVM_PASSED = 0x2a << 1 | 1      # tools/kvmprobe.S

FRESH = 'fresh'                 # a root disk
ROOT_IMAGE = os.path.join(BUILD, 'root.img')
ROOT_SIZE, RAM_ROOT_SIZE = '512M', '60M'        # as in Makefile
LEAST_MIB = 96                  # the services, and a little for programs
DISKS = 4                       # that have a driver, /dev/vda to vdd
COMMAND_LINE = 1023             # bytes of the boot command line; more is cut off

OVMF = '/usr/share/OVMF/OVMF_%s_4M.fd'


class UsageError(Exception):
    """What was asked for is wrong or cannot be had here: say so, exit status 2."""


def explain_status(status):
    """What QEMU's exit status says about the guest, in words."""
    if status < 0:
        return 'QEMU was killed by signal %d' % -status
    return {
        STATUS_OFF: 'the guest switched itself off',
        STATUS_PANIC: 'the kernel panicked',
        STATUS_RESET: 'the machine was reset or switched off (a triple fault looks like this)',
        1: 'QEMU refused to start, or the guest wrote 0 to the debug-exit port',
    }.get(status, 'QEMU ended with status %d' % status)


def seconds(text):
    """A time limit, for argparse."""
    value = float(text)
    if not 0 < value < float('inf'):
        raise ValueError(text)
    return value


def add_options(parser):
    """The options that run, exec, gdb and bench share."""
    parser.add_argument('--memory', metavar='M', default='512', help='RAM in MiB (or 2G)')
    parser.add_argument('--disk', metavar='FILE', action='append', default=[],
                        help='one more disk: /dev/vdb, /dev/vdc, ...')
    parser.add_argument('--icount', nargs='?', const='off', choices=['off', 'on'],
                        metavar='SLEEP', help='count instructions: 1 each ns of virtual time; '
                        '"on": let virtual time pass while the guest waits for the host')
    parser.add_argument('--append', metavar='NAME=VALUE', action='append', default=[],
                        help='for the boot command line')
    parser.add_argument('--iso', action='store_true', help='boot the ISO image through GRUB')
    parser.add_argument('--uefi', action='store_true', help='with UEFI firmware (means --iso)')
    parser.add_argument('--accel', choices=['auto', 'tcg', 'kvm'], default='auto')
    parser.add_argument('--root', metavar='FILE', help='a disk of ./skink image for the root '
                        '(/dev/vda), which keeps what is written')
    parser.add_argument('--ram-root', action='store_true', help='root file system in RAM')
    add_contents(parser)
    for name in ('--smp', '--port', '--profile'):
        parser.add_argument(name, metavar='...', help='not yet')
    parser.add_argument('--gui', action='store_true', help='a window with the screen')


def add_contents(parser):
    """What more is on the root disk: the options that these and image share."""
    parser.add_argument('--overlay', metavar='DIR', action='append', default=[],
                        help='add the files of DIR; repeated')
    parser.add_argument('--packages', metavar='"A B"', action='append', default=[],
                        help='add Debian packages, and what they depend on')


def contents(options):
    """The folders that these options add. The user's own files come last: they replace others."""
    for folder in options.overlay:
        if not os.path.isdir(folder):
            raise UsageError('--overlay %s: no such folder' % folder)
    names = ' '.join(options.packages).split()
    return ([packages(names)] if names else []) + options.overlay


def packages(names):
    """A folder with the files of these Debian packages and of all they depend on. It is kept, as
    they were when it was made."""
    key = hashlib.sha256(' '.join(sorted(set(names))).encode()).hexdigest()[:16]
    goal = os.path.join(BUILD, 'packages', key)
    if not os.path.isdir(goal):
        print('skink: fetching for the guest: ' + ' '.join(names), file=sys.stderr, flush=True)
        done = subprocess.run([os.path.join(ROOT, 'tools', 'mkpackages'), '-o', goal, *names],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise UsageError('--packages: ' + done.stderr.strip())
    return goal


def wanted(text):
    """The packages that the head of a test wants: a line "Packages: A B"."""
    found = re.search(r'^Packages: (.*)', text, re.M)
    return found[1].split() if found else []


def from_options(options):
    """A Machine from parsed options; UsageError for what cannot be had."""
    for name in ('smp', 'port', 'profile'):
        if getattr(options, name):
            raise UsageError('--%s: not yet' % name)
    if options.ram_root or options.overlay or options.packages:
        if options.root:
            raise UsageError('--root is a disk as it is: without --ram-root, --overlay, --packages')
        if options.iso or options.uefi:
            raise UsageError('an ISO has its root in itself: without --ram-root, --overlay, '
                             '--packages')
    return Machine(memory=options.memory, disks=options.disk, icount=options.icount,
                   append=options.append, iso=options.iso, uefi=options.uefi,
                   accel=options.accel, root=options.root or FRESH, ram_root=options.ram_root,
                   overlays=contents(options),
                   display=find_display() if options.gui else None)


class Machine:
    """root: a disk that is changed; FRESH: the built one, unchanged afterwards, if the kernel and
    the boot archive are the built ones too; None: none, the root is in memory."""

    def __init__(self, memory='512', disks=(), icount=None, append=(), iso=False, uefi=False,
                 accel='tcg', vga=False, kernel=None, initrd=None, display=None, extra=(),
                 root=FRESH, ram_root=False, overlays=(), root_option=''):
        self.memory = parse_memory(str(memory))
        self.disks = [find_disk(disk) for disk in disks]
        self.icount = icount
        self.append = list(append)
        self.iso = iso or uefi
        self.uefi = uefi
        self.display = display          # QEMU's kind of window; None: none
        self.vga = vga or self.iso or display is not None
        self.kernel = kernel or os.path.join(BUILD, 'kernel', 'skink.elf')
        self.initrd = initrd or os.path.join(BUILD, 'boot.img')
        self.extra = list(extra)
        self.reboots = False            # a reset boots again, instead of ending it
        self.overlays = list(overlays)
        self.root_option = root_option  # more for QEMU's -drive
        self.ram_root = ram_root
        if root == FRESH and (initrd or self.iso or ram_root):
            root = None
        self.root = find_disk(root, '--root') if root not in (FRESH, None) else root
        check_disks(self.root, self.disks)
        for item in self.append:
            name = item.partition('=')
            if not name[0] or not name[1] or any(c.isspace() for c in item):
                raise UsageError('--append %s: expected NAME=VALUE without blanks' % item)
        if icount and accel == 'kvm':
            raise UsageError('--icount works with --accel tcg only')
        self.accel = 'tcg' if icount else choose_accel(accel)

    def command(self, workdir):
        """QEMU and its arguments, without serial line and QMP. `workdir`: for scratch files.

        strict=on: the firmware leaves disks alone that it does not boot from. Else it takes memory
        for each of them, at the end, where QEMU puts the boot archive afterwards."""
        args = [QEMU, '-accel', self.accel, '-machine', 'q35', '-cpu', 'max,-erms', '-smp', '1',
                '-m', self.memory, '-boot', 'strict=on', '-nodefaults',
                '-display', self.display or 'none',
                '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
        if not self.reboots:
            args += ['-no-reboot']
        if self.vga:
            args += ['-vga', 'std']
        if self.icount:
            args += ['-icount', 'shift=0,sleep=' + self.icount,
                     '-rtc', 'base=2024-01-01,clock=vm', '-seed', '1']
        if self.root:
            args += root_arguments(self.root, self.overlays, workdir, self.root_option)
        for number, disk in enumerate(self.disks):
            args += ['-drive', 'file=%s,if=none,id=disk%d,format=raw' % (comma(disk), number),
                     '-device', 'virtio-blk-pci,drive=disk%d,disable-legacy=on' % number]
        args += self.boot_arguments(workdir)
        return args + self.extra + shlex.split(os.environ.get('SKINK_QEMU', ''))

    def boot_arguments(self, workdir):
        if not self.iso:
            initrd = ram_archive(self.overlays, workdir) if self.ram_root else self.initrd
            for path in (self.kernel, initrd):
                if not os.path.exists(path):
                    raise UsageError('%s is missing (make boot)' % os.path.relpath(path, ROOT))
            append = self.append
            if not any(pair.startswith('root=') for pair in append):
                append = (['root=/dev/ram0'] if self.ram_root else
                          ['root=/dev/vda'] if self.root else []) + append
            check_length(append)
            args = ['-kernel', self.kernel, '-initrd', comma(initrd)]
            return args + (['-append', ' '.join(append)] if append else [])
        check_length(self.append)
        for item in self.append:
            if any(c in item for c in '\'"\\'):
                raise UsageError('--append %s: GRUB would change quotes and backslashes' % item)
        # GRUB's command line is in the ISO, so what is appended needs an ISO of its own.
        iso = os.path.join(workdir, 'skink.iso')
        make_iso(iso, self.append)
        args = ['-drive', 'file=%s,if=none,id=cd,media=cdrom,readonly=on' % comma(iso),
                '-device', 'ide-cd,drive=cd,bootindex=0']
        if self.uefi:
            # A vars file that has booted something else fails in curious ways: always a fresh one.
            variables = os.path.join(workdir, 'ovmf-vars.fd')
            try:
                shutil.copyfile(OVMF % 'VARS', variables)
            except OSError as error:
                raise UsageError('no UEFI firmware (package ovmf): %s' % error)
            args += ['-drive', 'if=pflash,format=raw,readonly=on,file=' + OVMF % 'CODE',
                     '-drive', 'if=pflash,format=raw,file=' + comma(variables)]
        return args


def root_arguments(root, overlays, workdir, option=''):
    """The root disk is the first, so /dev/vda."""
    if root == FRESH:
        root, option = ROOT_IMAGE, option + ',snapshot=on'
        if overlays:
            root = make_root(os.path.join(workdir, 'root.img'), overlays)
    if not os.path.exists(root):
        raise UsageError('%s is missing (make boot)' % os.path.relpath(root, ROOT))
    return ['-drive', 'file=%s,if=none,id=root,format=raw%s' % (comma(root), option),
            '-device', 'virtio-blk-pci,drive=root,disable-legacy=on']


def make_root(path, overlays=(), size=ROOT_SIZE):
    """Write a root disk with the files of more folders to `path`, and return that."""
    command = [os.path.join(ROOT, 'tools', 'mkroot'), '-o', path, '--ext2', size,
               '--sums', os.path.join(BUILD, 'tools', 'mksums'),
               '--busybox', '/bin/busybox', '--overlay', os.path.join(BUILD, 'rootfs')]
    for folder in overlays:
        command += ['--overlay', folder]
    done = subprocess.run(command + [os.path.join(ROOT, 'image', 'root')], capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise UsageError('no root disk could be made: ' + done.stderr.strip())
    return path


def ram_archive(overlays, workdir):
    """The boot archive that has the root disk in it."""
    goal, ramdisk = os.path.join(BUILD, 'ram.img'), []
    if overlays:
        make_root(os.path.join(workdir, 'ramdisk.img'), overlays, RAM_ROOT_SIZE)
        goal = os.path.join(workdir, 'ram.img')
        ramdisk = ['RAMDISK=' + os.path.join(workdir, 'ramdisk.img'), 'RAM_IMAGE=' + goal]
    with open(os.path.join(BUILD, 'ram.lock'), 'w') as lock:    # two makes must not share build/
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(['make', '-C', ROOT, '--no-print-directory', 'ram'] + ramdisk,
                              stdout=sys.stderr)
    if done.returncode != 0:
        raise UsageError('no boot archive with a root disk could be made')
    return goal


def make_iso(path, append=()):
    """Write a bootable ISO to `path`; `append` goes onto the kernel's command line."""
    done = subprocess.run([os.path.join(ROOT, 'tools', 'mkiso'), path] + list(append))
    if done.returncode != 0:
        raise UsageError('no ISO image could be made')


def comma(path):
    """A file name inside a QEMU option: commas are doubled."""
    return path.replace(',', ',,')


def find_display():
    """The kind of window that QEMU can open here."""
    if not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        raise UsageError('--gui: there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is '
                         'set)')
    listed = subprocess.run([QEMU, '-display', 'help'], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout.split()
    for kind in ('gtk', 'sdl'):
        if kind in listed:
            return kind
    raise UsageError('--gui: this QEMU opens no windows (Debian package qemu-system-gui)')


def take_disk(disk):
    """The root disk `disk` is ours until what we return is closed: an open file with a lock. Nobody
    mends, moves or boots a disk that a guest runs on."""
    try:
        held = open(disk, 'r+b')
    except OSError as error:
        raise UsageError('the root disk %s: %s' % (disk, error.strerror)) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError('the root disk %s is in use by another guest; ./skink image -o FILE makes'
                         ' one for --root FILE' % disk) from None
    return held


def take_root(disk):
    """As take_disk; and it is mended if its last guest was ended hard. e2fsck says with status 1
    and 2 that it mended something, with 4 and more that it could not."""
    held = take_disk(disk)
    if not is_ext2(held):
        raise UsageError('the root disk %s is not an ext2 file system (./skink image makes one)'
                         % disk)
    done = subprocess.run(['e2fsck', '-p', disk], capture_output=True, text=True)
    if done.returncode & ~3:
        raise UsageError('the root disk %s needs e2fsck:\n%s'
                         % (disk, (done.stdout + done.stderr).strip()))
    return held


def is_ext2(file):
    file.seek(1024 + 56)        # s_magic
    return file.read(2) == b'\x53\xef'


def find_disk(path, option='--disk'):
    if not os.path.exists(path):
        raise UsageError('%s %s: no such file' % (option, path))
    if os.path.isdir(path):
        raise UsageError('%s %s: a folder, not a disk' % (option, path))
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise UsageError('%s %s: neither a file nor a block device' % (option, path))
    if stat.S_ISREG(mode) and os.path.getsize(path) == 0:
        raise UsageError('%s %s: is empty' % (option, path))
    if not os.access(path, os.R_OK | os.W_OK):
        raise UsageError('%s %s: may not be read and written' % (option, path))
    return os.path.abspath(path)


def check_disks(root, disks):
    if len(disks) + (root is not None) > DISKS:
        raise UsageError('--disk: there are %d disks at most%s'
                         % (DISKS, '' if root is None else ', and the root is one'))
    disks = disks + ([root] if root not in (FRESH, None) else [])
    for number, disk in enumerate(disks):
        if any(os.path.samefile(disk, other) for other in disks[:number]):
            raise UsageError('--disk %s: is a disk already' % disk)


def check_length(append):
    over = len(os.fsencode(' '.join(append))) - COMMAND_LINE
    if over > 0:
        raise UsageError('--append: the boot command line is %d bytes too long' % over)


def parse_memory(text):
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, 'M')
    mib = int(number) * {'M': 1, 'G': 1024}.get(unit, 0) if re.fullmatch('[0-9]+', number) else 0
    if mib < LEAST_MIB:
        raise UsageError('--memory %s: expected a size in MiB of %d or more, or like 2G'
                         % (text, LEAST_MIB))
    here = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20
    if mib > here:
        raise UsageError('--memory %s: this machine has %d MiB' % (text, here))
    return number + unit


def choose_accel(wanted):
    if wanted == 'tcg':
        return 'tcg'
    if kvm_works():
        return 'kvm'
    if wanted == 'kvm':
        raise UsageError('--accel kvm: KVM does not work on this machine')
    return 'tcg'


def kvm_works():
    """Whether a guest runs right under KVM here. /dev/kvm alone says little: see PLATFORM.md."""
    probe = os.path.join(BUILD, 'tools', 'kvmprobe.elf')
    if not os.access('/dev/kvm', os.R_OK | os.W_OK) or not os.path.exists(probe):
        return False
    with open('/proc/sys/kernel/random/boot_id') as file:
        key = '%s %s' % (file.read().strip(), os.path.getmtime(probe))
    cache = os.path.join(BUILD, 'kvm-probe')
    try:
        with open(cache) as file:
            known = file.read().split('\n')
        if known[0] == key:
            return known[1] == 'works'
    except (OSError, IndexError):
        pass
    command = [QEMU, '-accel', 'kvm', '-machine', 'q35', '-cpu', 'max,-erms', '-m', '64',
               '-nodefaults', '-display', 'none', '-no-reboot', '-kernel', probe,
               '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, timeout=3).returncode
    except (OSError, subprocess.TimeoutExpired):
        status = None
    works = status == KVM_PASSED
    try:
        with open(cache, 'w') as file:
            file.write('%s\n%s\n' % (key, 'works' if works else 'does not work'))
    except OSError:
        pass
    return works
