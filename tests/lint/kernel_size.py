# SPDX-License-Identifier: BSD-2-Clause
"""The kernel stays under its limit of lines."""
import sys

import source

done = source.run('tools/kernel_lines')
print(done.stdout, end='')
print('%s the kernel is within its limit of lines%s'
      % (('ok', '') if done.returncode == 0 else ('FAIL', ': ' + done.stdout.split('\n')[-2])))
sys.exit(done.returncode)
