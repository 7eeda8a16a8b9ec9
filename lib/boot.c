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

/* The next pair's value if the pair has that name, else NULL; *at moves behind the pair. */
static const char *next_value(const char **at, const char *name, size_t *size)
{
	const char *pair = *at, *end = pair;
	size_t len = strlen(name);

	while (*end && *end != ' ')
		end++;
	*at = *end ? end + 1 : end;
	if ((size_t)(end - pair) <= len || pair[len] != '=' || strncmp(pair, name, len) != 0)
		return NULL;
	*size = (size_t)(end - pair) - len - 1;
	return pair + len + 1;
}

bool boot_option(const char *cmdline, const char *name, char *value, size_t size)
{
	bool found = false;

	while (*cmdline) {
		size_t n;
		const char *at = next_value(&cmdline, name, &n);

		if (!at)
			continue;
		n = n < size ? n : size - 1;
		memcpy(value, at, n);
		value[n] = '\0';
		found = true;
	}
	return found;
}

bool boot_console(const char *cmdline, const char *terminal)
{
	size_t len = strlen(terminal);
	bool named = false;

	while (*cmdline) {
		size_t n;
		const char *at = next_value(&cmdline, "console", &n);

		if (!at)
			continue;
		named = true;
		if (n >= len && strncmp(at, terminal, len) == 0 && (n == len || at[len] == ','))
			return true;
	}
	return !named;
}
