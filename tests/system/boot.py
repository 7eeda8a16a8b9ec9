# SPDX-License-Identifier: BSD-2-Clause
"""The system boots, and its first program says hello."""
from guest import Guest, GuestError, finish, scenario

with Guest() as guest:
    with scenario('the boot reaches the first program, whose write is routed to the console'):
        guest.expect(r'^hello: hello, world\r?$', timeout=60)
    with scenario('the machine goes on running afterwards'):
        try:
            guest.expect(r'(?i)panic', timeout=2)
        except GuestError:
            assert guest.alive(), 'QEMU has ended with status %s' % guest.status
        else:
            raise AssertionError('the kernel panicked')
finish()
