/* SPDX-License-Identifier: BSD-2-Clause
 * hello.c - the smallest service.
 *
 * Job:      says hello when it starts, and lives.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: started again; holds no state.
 */
#include <lib/print.h>
#include <lib/server.h>

static void init(enum start_kind kind)
{
	print("hello, world\n");
}

static const struct server server = { .name = "hello", .init = init };

int main(void)
{
	server_run(&server);
}
