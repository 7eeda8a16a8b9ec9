# SPDX-License-Identifier: BSD-2-Clause
"""The ISO image boots through GRUB, with BIOS and with UEFI firmware, to a shell on the screen.

Limit: 240
"""
from guest import Guest, finish, scenario
from screen import Screen

for firmware, options in (('BIOS', {'iso': True}), ('UEFI', {'uefi': True})):
    with Guest(name='iso-' + firmware.lower(), **options) as guest:
        screen = Screen(guest)
        with scenario('the ISO boots with %s firmware to a shell on the screen' % firmware):
            text = screen.expect(r'built-in shell', 90)
            assert "the boot loader's framebuffer, 1024x768, 32 bits" in text, text
            screen.expect(r'^/ # *$')
        with scenario('what is typed there runs (%s)' % firmware):
            screen.type('uname -s; tty\n')
            screen.expect(r'^\S+\n/dev/tty1$')
        with scenario('the shell on the serial line is there, too (%s)' % firmware):
            guest.shell()
            assert guest.run('echo $((6 * 7))') == (0, '42\n')

with Guest(name='iso-append', iso=True, append=['console=tty1', 'x=a;$b{#&|*']) as guest:
    with scenario('what the boot command line says reaches the system through GRUB'):
        screen = Screen(guest)
        screen.expect(r'^/ # *$', 60)
        screen.type('cat /proc/cmdline; echo x > /dev/console\n')
        screen.expect(r'^console=tty1 x=a;\$b\{#&\|\*\s*\nx$')

finish()
