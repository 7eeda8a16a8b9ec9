/* SPDX-License-Identifier: BSD-2-Clause
 * filemap.c - a file bigger than the page cache, through mappings and calls at once.
 *
 *	filemap FILE MIB	says "ok" and its status is 0, or tells what was wrong
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

static sigjmp_buf escape;

static void fail(const char *what, size_t page)
{
	printf("FAIL %s, page %zu: %s\n", what, page, strerror(errno));
	exit(1);
}

static void on_bus(int signal)
{
	siglongjmp(escape, signal);
}

static uint64_t word(size_t page, unsigned round)
{
	return (page + 1) * 0x9e3779b97f4a7c15ull ^ round;
}

static void fill(uint64_t *to, size_t page, unsigned round)
{
	for (unsigned i = 0; i < PAGE / 8; i += 64)
		to[i] = word(page, round) + i;
}

static int is_filled(const uint64_t *from, size_t page, unsigned round)
{
	for (unsigned i = 0; i < PAGE / 8; i += 64)
		if (from[i] != word(page, round) + i)
			return 0;
	return 1;
}

/* Stores through a shared mapping are what read() and another mapping see, after eviction too. */
static void shared(int fd, size_t pages)
{
	static uint64_t buffer[PAGE / 8];
	char *map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	const char *other = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED || other == MAP_FAILED)
		fail("mmap", 0);
	for (size_t p = 0; p < pages; p++)
		fill((uint64_t *)(map + p * PAGE), p, 1);
	for (size_t p = 0; p < pages; p++) {
		if (pread(fd, buffer, PAGE, (off_t)(p * PAGE)) != PAGE || !is_filled(buffer, p, 1))
			fail("read after a store", p);
		if (!is_filled((const uint64_t *)(other + p * PAGE), p, 1))
			fail("another mapping", p);
	}
	/* The other way round, every third page; a page that was clean becomes dirty again. */
	for (size_t p = 0; p < pages; p += 3) {
		fill(buffer, p, 2);
		if (pwrite(fd, buffer, PAGE, (off_t)(p * PAGE)) != PAGE)
			fail("write", p);
		if (!is_filled((const uint64_t *)(map + p * PAGE), p, 2))
			fail("a mapping after a write", p);
		fill((uint64_t *)(map + p * PAGE), p, 3);
	}
	if (msync(map, pages * PAGE, MS_SYNC) != 0 || fsync(fd) != 0)
		fail("msync", 0);
	munmap(map, pages * PAGE);
	munmap((void *)(uintptr_t)other, pages * PAGE);
}

/* A private mapping has pages of its own where it wrote, the file's elsewhere; so has its child. */
static void private(int fd, size_t pages)
{
	char *map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	int status;

	if (map == MAP_FAILED)
		fail("mmap, private", 0);
	for (size_t p = 0; p < pages; p += 16)
		fill((uint64_t *)(map + p * PAGE), p, 9);
	if (fork() == 0) {
		for (size_t p = 0; p < pages; p++)
			if (!is_filled((uint64_t *)(map + p * PAGE), p,
				       p % 16 == 0 ? 9 : p % 3 == 0 ? 3 : 1))
				fail("private, in the child", p);
		exit(0);
	}
	if (wait(&status) < 0 || status != 0)
		fail("the child", 0);
	munmap(map, pages * PAGE);
}

/* Behind the end of a file that was cut there is SIGBUS, and zeros when it grows again. */
static void cut(int fd, size_t pages)
{
	volatile char *map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	size_t left = pages / 2;

	for (size_t p = 0; p < pages; p += 100)
		(void)map[p * PAGE];
	if (ftruncate(fd, (off_t)(left * PAGE + 100)) != 0)
		fail("ftruncate", left);
	signal(SIGBUS, on_bus);
	if (sigsetjmp(escape, 1) == 0) {
		map[(left + 1) * PAGE] = 1;
		fail("no SIGBUS", left + 1);
	}
	if (ftruncate(fd, (off_t)(pages * PAGE)) != 0)
		fail("ftruncate", pages);
	for (size_t p = left + 1; p < pages; p += 7)
		if (map[p * PAGE] != 0)
			fail("old bytes behind the end", p);
	if (map[left * PAGE + 100] != 0 || map[left * PAGE] == 0)
		fail("the last page", left);
	munmap((void *)(uintptr_t)map, pages * PAGE);
}

int main(int argc, char **argv)
{
	size_t pages = argc == 3 ? strtoul(argv[2], NULL, 10) << 8 : 0;
	int fd = pages != 0 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;

	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)) != 0)
		fail("the file", 0);
	shared(fd, pages);
	private(fd, pages);
	cut(fd, pages);
	/* A file without a name keeps its pages while it is mapped. */
	if (unlink(argv[1]) != 0)
		fail("unlink", 0);
	puts("ok");
	return 0;
}
