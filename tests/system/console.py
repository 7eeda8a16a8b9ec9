# SPDX-License-Identifier: BSD-2-Clause
"""The machine's own screen and keyboard, as a person in front of it has them.

Limit: 280
"""
import re
import time

import machine
from guest import Guest, finish, scenario
from screen import Screen

PROMPT = r'[/~]\S* # *$'


def clear(screen):
    screen.type('clear\n')
    screen.expect(r'\A/ # *$')
    # The answer to ash's question where the cursor is begins like a cursor key with Ctrl (row 1,
    # column 5): for 50 ms it takes what comes behind it for its rest.
    time.sleep(0.1)


def shell(guest, screen):
    with scenario('the screen shows the boot and ends at a shell prompt'):
        text = screen.expect(r'built-in shell')
        assert 'screen: standard display, 1024x768' in text, text
        screen.expect(PROMPT)
    with scenario('what is typed appears, runs, and its output appears'):
        screen.type('echo $((6 * 7)) "Ab~|<?_" {x}\n')
        screen.expect(r'^42 Ab~\|<\?_ \{x\}$')
    with scenario('the shell knows its terminal: its name, its type, its size'):
        clear(screen)
        screen.type('tty; echo $TERM; stty size\n')
        screen.expect(r'^/dev/tty1\nlinux\n48 128$')
    with scenario('the serial line has a shell of its own at the same time'):
        assert guest.run('tty') == (0, '/dev/ttyS0\n')
        assert guest.run('echo from the other side > /dev/tty1')[0] == 0
        screen.expect(r'from the other side')


def editing(guest, screen):
    with scenario('arrows, Home, End, Delete and the history edit a command line'):
        clear(screen)
        screen.type('eho ok')
        for name in ('home', 'right', 'c', 'end', 'x', 'left', 'delete', 'ret'):
            screen.press(name)
        screen.expect(r'^ok$')
        clear(screen)
        screen.press('up')
        screen.press('up')
        screen.press('ret')
        screen.expect(r'^ok$')
    with scenario('CapsLock and NumLock change what keys mean'):
        clear(screen)
        screen.press('caps_lock')
        screen.type('ab')
        screen.press('shift', 'c')
        screen.press('caps_lock')
        screen.press('num_lock')
        screen.press('kp_7')
        screen.press('num_lock')
        screen.press('kp_7')            # Home: what follows goes to the front
        screen.type('echo ')
        screen.press('ret')
        screen.expect(r'^ABc7$')
    with scenario('^C, ^Z and ^D work at the keyboard'):
        clear(screen)
        screen.type('sleep 100\n')
        time.sleep(0.5)
        screen.type('\x03')
        screen.type('echo $?\n')
        screen.expect(r'^130$')
        screen.type('sleep 200\n')
        time.sleep(0.5)
        screen.type('\x1a')
        screen.expect(r'Stopped')
        screen.type('kill -9 %1; cat\n')
        screen.type('\x04')
        screen.type('echo after\n')
        screen.expect(r'^after$')


    with scenario('a line that is too long loses its end, and can be erased'):
        guest.send('cat\n')
        time.sleep(0.5)
        guest.send('x' * 5000)
        time.sleep(0.5)
        guest.send('\x15' + 'y' * 300 + '\x12' * 40)
        time.sleep(0.5)
        guest.send('\x15alive\n')
        guest.expect(r'alive\r\nalive\r\n')
        guest.send('\x04')
        assert guest.run('echo back') == (0, 'back\n')


def drawing(guest, screen):
    with scenario('lines longer than the screen wrap, and long output scrolls'):
        clear(screen)
        guest.run("printf 'A%0200dB' 0 > /dev/tty1")
        screen.expect(r'A0{123,}\n0+B')
        guest.run('seq 1 200 > /dev/tty1')
        screen.expect(r'^199\n200$')
        assert '\n100\n' not in '\n'.join(screen.text())
    with scenario('the cursor is where a program puts it, and hides'):
        guest.run(r"printf '\033[2J\033[10;20H' > /dev/tty1")
        time.sleep(0.2)
        assert screen.cursor() == (9, 19), screen.cursor()
        guest.run(r"printf '\033[?25l' > /dev/tty1")
        time.sleep(0.2)
        assert screen.cursor() is None, screen.cursor()
        guest.run(r"printf '\033[?25h\033[H' > /dev/tty1")
    with scenario('colours, reverse and UTF-8 are drawn, and what the font lacks is a fallback'):
        guest.run(r"printf '\033[2J\033[H\033[31mred\033[0m \033[7mback\033[0m "
                  r"\303\244\303\266 \342\224\200\342\224\202 \346\227\245\n' > /dev/tty1")
        text = screen.expect(r'^red back äö [─—]│ \S$').split('\n')[0]
        assert '日' not in text
        picture = screen.pixels()
        assert any(picture[2][3 * (y * picture[0] + x):][:3] == b'\xaa\0\0'
                   for y in range(16) for x in range(24)), 'nothing is red'
        assert not screen.cell(picture, 0, 4)[1], 'reverse is not dark on light'
    with scenario('a program that asks where the cursor is gets the answer as input'):
        clear(screen)
        screen.type(r"stty -icanon -echo; printf '\033[6n'; dd bs=6 count=1 2>/dev/null | od -c; "
                    'stty sane\n')
        screen.expect(r'033 +\[ +\d')


def vi(guest, screen):
    with scenario('vi edits a file on the screen, with cursor keys'):
        clear(screen)
        guest.run('seq 1 100 > /tmp/v')
        screen.type('vi /tmp/v\n')
        screen.expect(r"(?s)\A1\n2\n3\n.*/tmp/v.*1/100")
        screen.press('down')
        screen.press('end')
        screen.type('a two\x1b')
        screen.expect(r'\A1\n2 two\n3\n')
        screen.type('dd')
        screen.expect(r'\A1\n3\n4\n')
        screen.type('u')
        screen.press('pgdn')
        screen.expect(r'^90$')
        screen.type(':wq\n')
        screen.expect(PROMPT)
        assert guest.run('sed -n 2p /tmp/v')[1] == '2 two\n'
    with scenario('less pages back and forth'):
        screen.type('less /tmp/v\n')
        screen.expect(r'\A1\n2 two\n')
        screen.type(' ')
        screen.expect(r'\A4[78]\n')
        screen.type('b')
        screen.expect(r'\A1\n2 two\n')
        screen.type('q')
        screen.expect(PROMPT)
    with scenario('top draws itself and ends'):
        screen.type('top\n')
        screen.expect(r'\AMem: \d+K used')
        screen.expect(r'PID +PPID +USER')
        screen.type('q')
        screen.expect(PROMPT)


def deaths(guest, screen):
    times = {}
    for name in ('keyboard', 'screen', 'tty'):
        with scenario('a session on the screen goes on while %s is killed again and again' % name):
            clear(screen)
            before = guest.service(name).deaths
            for n in range(10):
                assert guest.run('service kill %s' % name)[0] == 0
                screen.type('echo %s$((%d + 1000))\n' % (name, n))
                screen.expect(r'^%s%d$' % (name, n + 1000))
                times.setdefault(name, []).append(guest.service(name).repaired_us)
            after = guest.service(name).deaths
            assert after - before == 10, (before, after)
            text = '\n'.join(screen.text())
            assert all('%s%d' % (name, 1000 + n) in text for n in range(10)), text
    with scenario('no output is lost or drawn twice when the screen dies in its middle'):
        guest.run('dmesg -n 1')         # the screen is the numbers' alone
        clear(screen)
        guest.run('service kill -9 keyboard; (seq 1 400 > /dev/tty1) & '
                  'for i in 1 2 3 4 5; do service kill screen; done; wait')
        screen.expect(r'^400$')
        numbers = [int(n) for n in re.findall(r'^(\d+)$', '\n'.join(screen.text()), re.M)]
        assert numbers == list(range(numbers[0], 401)) and len(numbers) > 40, numbers
        guest.run('dmesg -n 8')
    for name in ('keyboard', 'screen'):
        with scenario('the session goes on when %s hangs, and when it starts afresh' % name):
            before = guest.service(name).deaths
            clear(screen)
            guest.run('service kill -STOP %s' % name)
            screen.type('echo h\n')         # the controller keeps 16 bytes, two for each key
            screen.expect(r'^h$')
            assert guest.service(name).deaths == before + 1
            assert guest.run('service restart %s' % name)[0] == 0
            screen.type('echo fresh\n')
            screen.expect(r'^fresh$')
    for name, us in times.items():
        if all(us):
            print('    %s: %d deaths, repaired in %d to %d us'
                  % (name, len(us), min(us), max(us)))


def keys_for_the_system(guest, screen):
    with scenario('Shift and a function key has the information server write a dump to the log'):
        clear(screen)
        screen.press('shift', 'f12')
        screen.expect(r'Shift\+F1 +processes')     # the log is shown on the screen
        assert 'Shift+F1 ' in guest.run('service log')[1]
    with scenario('the shell on the screen can be left, and a new one has its terminal'):
        clear(screen)
        screen.type('exit\n')
        screen.expect(r'built-in shell')
        screen.expect(PROMPT)
        screen.type('sleep 100\n')
        time.sleep(0.5)
        screen.type('\x03')
        screen.type('echo $?\n')
        screen.expect(r'^130$')


with Guest(vga=True) as guest:
    guest.shell()
    screen = Screen(guest)
    for part in (shell, editing, drawing, vi, deaths, keys_for_the_system):
        part(guest, screen)

with Guest(vga=True, append=['console=tty1', 'log=off']) as guest:
    with scenario('console=tty1 makes the screen the console, with log=off without the log'):
        screen = Screen(guest)
        screen.expect(PROMPT, 60)
        screen.type('echo on the console > /dev/console\n')
        text = screen.expect(r'^on the console$')
        assert 'pci:' not in text, text

with Guest(vga=True, append=['log=off']) as guest:
    with scenario('Ctrl-Alt-Del asks init, which starts the machine anew'):
        screen = Screen(guest)
        screen.expect(PROMPT, 60)
        screen.press('ctrl', 'alt', 'delete')
        assert guest.wait(30) == machine.STATUS_RESET, guest.status

with Guest(vga=True, serial=False) as guest:
    with scenario('without a serial port the system boots, and the screen has its shell'):
        screen = Screen(guest)
        screen.expect(PROMPT, 60)
        screen.type('echo nothing > /dev/ttyS0; service log | grep -c uart:\n')
        screen.expect(r'^1$')

with Guest(extra=['-device', 'bochs-display']) as guest:
    with scenario('a display without VGA is used, too'):
        guest.shell()
        Screen(guest).expect(PROMPT)

with Guest(vga=True, extra=['-machine', 'i8042=off']) as guest:
    with scenario('without a keyboard controller the system boots, and the screen works'):
        guest.shell()
        assert 'no keyboard controller' in guest.run('dmesg')[1]
        Screen(guest).expect(PROMPT)

finish()
