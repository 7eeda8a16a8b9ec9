/* SPDX-License-Identifier: BSD-2-Clause
 * args.c - the words that a service's manifest gives it.
 *
 * Job:      finds them at the top of the stack, where rs writes them at every start.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   rs.
 * On crash: holds no state.
 */
#include <lib/args.h>
#include <lib/string.h>

static struct service_args *args(void)
{
	return (struct service_args *)SERVICE_ARGS_VA;
}

struct user_regs *service_last_regs(void)
{
	return &args()->regs;
}

unsigned service_id(void)
{
	return args()->id;
}

const char *service_arg(unsigned n)
{
	const char *word = args()->words, *end = word + MANIFEST_ARGS;

	while (word < end && *word != '\0' && n-- > 0)
		word += strnlen(word, (size_t)(end - word)) + 1;
	return word < end && *word != '\0' ? word : NULL;
}

uint64_t service_arg_number(unsigned n, uint64_t otherwise)
{
	const char *c = service_arg(n);
	uint64_t value = 0;

	if (c == NULL || *c < '0' || *c > '9')
		return otherwise;
	for (; *c >= '0' && *c <= '9'; c++)
		value = value * 10 + (uint64_t)(*c - '0');
	if (*c == 'K')
		return value << 10;
	return *c == 'M' ? value << 20 : value;
}
