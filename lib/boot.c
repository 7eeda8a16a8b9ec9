/* SPDX-License-Identifier: BSD-2-Clause
 * boot.c - the boot command line.
 *
 * Job:      finds name=value pairs.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   the text to end with a NUL.
 * On crash: holds no state.
 */
#include <lib/boot.h>
#include <lib/string.h>

bool boot_option(const char *cmdline, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);
	bool found = false;

	while (*cmdline) {
		const char *end = cmdline;

		while (*end && *end != ' ')
			end++;
		if ((size_t)(end - cmdline) > len && cmdline[len] == '=' &&
		    strncmp(cmdline, name, len) == 0) {
			size_t n = (size_t)(end - cmdline) - len - 1;

			n = n < size ? n : size - 1;
			memcpy(value, cmdline + len + 1, n);
			value[n] = '\0';
			found = true;
		}
		cmdline = *end ? end + 1 : end;
	}
	return found;
}
