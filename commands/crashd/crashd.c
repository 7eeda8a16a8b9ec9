/* SPDX-License-Identifier: BSD-2-Clause
 * crashd.c - keeps what services leave behind when they crash.
 *
 *	crashd [FOLDER [COUNT]]         /var/crash, 16
 *
 * Job:      waits for a crash, writes FOLDER/NAME.N.core, which gdb opens, and NAME.N.txt, a
 *           report; removes the oldest beyond COUNT.
 * Speaks:   contracts/rs (crash_next, crash_read), as root.
 * Touches:  the folder.
 * Trusts:   rs, but for sizes.
 * On crash: init starts it again; it takes the crash that it was at once more.
 */
#include "crashd.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <commands/crash_name.h>
#include <contract/rs.h>
#include <lib/peer.h>

enum { PAUSE_S = 10, COUNT_DEFAULT = 16, PART = 64 * 1024 };

#define NEW ".new"                      /* ends the name of a file that is not whole */

static const char *folder = CRASH_FOLDER;
static unsigned long most = COUNT_DEFAULT;
static struct kept_crash got;
static struct peer rs = PEER("rs");

static void complain(const char *what)
{
	fprintf(stderr, "crashd: %s: %s\n", what, strerror(errno));
}

/* ---- what rs has ---- */

/* Do the numbers fit what has come? */
static bool is_whole(uint32_t size)
{
	uint64_t sum = sizeof(got.c);

	if (size < sizeof(got.c) || got.c.nr_segments > CRASH_SEGMENTS)
		return false;
	for (uint32_t i = 0; i < got.c.nr_segments; i++) {
		if (got.c.segment[i].len > CRASH_BYTES)
			return false;
		sum += got.c.segment[i].len;
	}
	got.c.name[CRASH_NAME - 1] = got.c.program[CRASH_NAME - 1] = '\0';
	return sum == size && got.c.name[0] != '\0' && strchr(got.c.name, '/') == NULL;
}

static bool fetch(uint32_t number, uint32_t size)
{
	static unsigned char part[PART];
	uint32_t done = 0;

	if (size > sizeof(got))
		return false;
	while (done < size) {
		struct rs_crash_read_request req = { .number = number, .offset = done };
		struct rs_crash_read_reply reply;

		if (rs_crash_read(&rs, &req, part, PART, &reply) != 0 || reply.done == 0 ||
		    reply.done > PART || reply.done > size - done)
			return false;
		memcpy((char *)&got + done, part, reply.done);
		done += reply.done;
	}
	return is_whole(size);
}

/* ---- files ---- */

static unsigned long number_of(const char *file)
{
	unsigned long n = crash_number(file, "txt");

	return n != 0 ? n : crash_number(file, "core");
}

static unsigned long latest(void)
{
	DIR *d = opendir(folder);
	unsigned long n = 0;

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (number_of(e->d_name) > n)
			n = number_of(e->d_name);
	if (d != NULL)
		closedir(d);
	return n;
}

static void path_of(char *to, size_t size, unsigned long n, const char *kind)
{
	snprintf(to, size, "%s/%s.%lu.%s", folder, got.c.name, n, kind);
}

/* write_file() died in it: we write one at a time. */
static bool is_unfinished(const char *file)
{
	size_t n = strlen(file), end = strlen(NEW);

	return n > end && strcmp(file + n - end, NEW) == 0;
}

/* What is older than the `most` latest, and what was not finished. */
static void remove_old(unsigned long newest)
{
	DIR *d = opendir(folder);
	char path[512];

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		unsigned long n = number_of(e->d_name);

		if (!is_unfinished(e->d_name) && (n == 0 || n + most > newest))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (unlink(path) != 0)
			complain(path);
	}
	if (d != NULL)
		closedir(d);
}

static int write_core(FILE *to)
{
	return core_write(to, &got.c, got.bytes);
}

static int write_report(FILE *to)
{
	return report_write(to, &got.c);
}

/* Under another name until it is whole and on the disk. */
static int write_file(unsigned long n, const char *kind, int (*content)(FILE *))
{
	char path[512], temporary[520];
	FILE *f;
	int bad;

	path_of(path, sizeof(path), n, kind);
	snprintf(temporary, sizeof(temporary), "%s" NEW, path);
	f = fopen(temporary, "w");
	if (f == NULL)
		return -1;
	bad = content(f) != 0;
	bad |= fflush(f) != 0;
	bad |= fsync(fileno(f)) != 0;
	bad |= fclose(f) != 0;
	if (!bad && rename(temporary, path) == 0)
		return 0;
	bad = errno;
	unlink(temporary);
	errno = bad;
	return -1;
}

/* If that fails its server may have died of it, and that would be the next crash: not at once. */
static void keep(void)
{
	unsigned long n;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		complain(folder);
		sleep(PAUSE_S);
		return;
	}
	n = latest() + 1;
	if (write_file(n, "core", write_core) != 0 || write_file(n, "txt", write_report) != 0) {
		complain(folder);
		sleep(PAUSE_S);
	}
	remove_old(n);
}

int main(int argc, char **argv)
{
	struct rs_crash_next_request req = { 0 };
	struct rs_crash_next_reply next;
	err_t err;

	if (argc > 1)
		folder = argv[1];
	if (argc > 2)
		most = strtoul(argv[2], NULL, 10);
	if (argc > 3 || most == 0) {
		fprintf(stderr, "usage: crashd [FOLDER [COUNT]]\n");
		return 2;
	}
	for (;;) {
		err = rs_crash_next(&rs, &req, &next);
		if (err == -EINTR || err == -ERECOVERED)
			continue;
		if (err != 0) {
			errno = -err;
			complain("rs");
			return 1;
		}
		if (fetch(next.number, next.size))
			keep();
		else
			fprintf(stderr, "crashd: crash %u was lost\n", next.number);
		req.done = next.number;
	}
}
