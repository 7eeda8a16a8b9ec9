/* SPDX-License-Identifier: BSD-2-Clause
 * print.c - print(): a text to the log.
 *
 * Job:      formats into the stack and writes to descriptor 1.
 * Speaks:   the Linux call write, which the kernel routes to log.
 * Touches:  nothing.
 * Trusts:   nothing; without a log the text is lost.
 * On crash: holds no state.
 */
#include <lib/linux.h>
#include <lib/print.h>

void print(const char *text, ...)
{
	char buf[PRINT_MAX];
	va_list ap;
	size_t len;

	va_start(ap, text);
	len = format_list(buf, sizeof(buf), text, ap);
	va_end(ap);
	if (len >= sizeof(buf)) {
		len = sizeof(buf) - 1;
		buf[len - 1] = '\n';
	}
	linux_syscall(LINUX_WRITE, 1, (uint64_t)(uintptr_t)buf, len);
}
