/* SPDX-License-Identifier: BSD-2-Clause
 * summary.c - what vfs says of itself, for dumps.
 *
 * Job:      counts rows of its tables; lists open requests with the grants that go with them.
 * Speaks:   the hook behind contracts/summary.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: holds no state.
 */
#include "vfs.h"

static size_t requests_of(unsigned s, char *to, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < BOARD_ENTRIES; i++) {
		const struct request *q = &state.request[s][i];

		if (q->type == 0 || n >= size)
			continue;
		n += format(to + n, size - n, "  request 0x%x to %s", q->type,
			    server_name(s));
		if (q->keep & 0xffffffff && n < size)
			n += format(to + n, size - n, ", with a grant");
		if (n < size)
			n += format(to + n, size - n, "\n");
	}
	return n;
}

size_t vfs_summary(char *to, size_t size)
{
	unsigned files = 0, tables = 0, rows = 0, pipes = 0, sockets = 0, inodes = 0, grants = 0;
	size_t n;

	for (unsigned i = 1; i < NR_FILES; i++)
		files += state.file[i].refs != 0;
	for (unsigned i = 1; i < NR_TABLES; i++)
		tables += state.table[i].refs != 0;
	for (unsigned i = 0; i < NR_PROCS; i++)
		rows += state.row[i].phase != ROW_FREE;
	for (unsigned i = 1; i < NR_PIPES; i++)
		pipes += state.pipe[i].used != 0;
	for (unsigned i = 1; i < NR_SOCKETS; i++)
		sockets += state.socket[i].type != 0;
	for (unsigned i = 1; i < state.inode_top; i++)
		inodes += (state.inode[i].flags & INODE_USED) != 0;
	for (uint32_t bits = state.grants; bits != 0; bits &= bits - 1)
		grants++;
	n = format(to, size, "%u open files, %u descriptor tables, %u pipes, %u sockets, "
		   "%u inodes, %u waiting calls\n"
		   "%u pages of cache, %u of them dirty; %u grants in use\n",
		   files, tables, pipes, sockets, inodes, rows,
		   state.pages_taken - state.pages_free, state.pages_dirty, grants);
	for (unsigned s = 1; s < NR_SERVERS && n < size; s++)
		n += requests_of(s, to + n, size - n);
	return n;
}
