/* SPDX-License-Identifier: BSD-2-Clause
 * names_test.c - the cache of names when it is full: which one goes, and how much is changed
 * between two commits while one is looked for.
 *
 * Links: servers/vfs/names.c servers/vfs/state.c
 */
#include <string.h>

#include <servers/vfs/vfs.h>
#include <tests/unit.h>

enum { DIR = 1, FILE_ROW = 2, NAMES = NR_NAMES - 1 };

static unsigned touched_before, most_changed;

/* ---- what names.c uses ---- */

char state_start[1];
uint64_t undo_span;

void assert_failed(const char *what, const char *file, int line)
{
	printf("assertion %s: %s:%d\n", what, file, line);
	_Exit(1);
}

static unsigned touched(void)
{
	unsigned count = 0;

	for (unsigned n = 1; n < NR_NAMES; n++)
		count += state.name[n].touched;
	return count;
}

/* Each step moves the hand, and takes the mark of a name that has one. */
static void look(void)
{
	unsigned now = touched(), changed = touched_before > now ? touched_before - now : 0;

	most_changed = changed > most_changed ? changed : most_changed;
	touched_before = now;
}

void undo_commit(void)
{
	look();
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	return (size_t)snprintf(to, size, "%s", from);
}

void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
void inode_hold(unsigned n) { (void)n; }
void inode_release(unsigned n) { (void)n; }

/* ---- the tests ---- */

/* Full, all of it in use lately; pinned: every which one belongs to a directory in the cache. */
static void fill(unsigned every)
{
	char text[16];

	memset(&state, 0, sizeof(state));
	for (unsigned n = 1; n <= NAMES; n++) {
		snprintf(text, sizeof(text), "n%u", n);
		CHECK_EQ(name_put(DIR, text, 0, 1), n);
		if (every != 0 && n % every == 0)
			name_pin(n);
	}
	most_changed = 0;
	touched_before = touched();
}

static void t_oldest(void)
{
	fill(0);
	CHECK(name_find(DIR, "n1", 2) == 1);
	CHECK(name_put(DIR, "new", 0, 1) == 1);
	CHECK(name_find(DIR, "n1", 2) == 0);
	CHECK(name_find(DIR, "n2", 2) == 2);
	CHECK(name_put(DIR, "newer", 0, 1) == 3);       /* n2 has been used since */
}

static void t_commits(void)
{
	static const unsigned pinned[] = { 0, 2, 3, 7, 64, 256, 512, 1024 };

	for (unsigned i = 0; i < COUNT(pinned); i++) {
		fill(pinned[i]);
		CHECK(name_put(DIR, "new", 0, 1) != 0);
		look();
		CHECK(most_changed <= UNDO_ENTRIES / 4);
	}
}

static void t_many_links(void)
{
	char text[16];

	memset(&state, 0, sizeof(state));
	for (unsigned n = 1; n <= 1000; n++) {
		snprintf(text, sizeof(text), "n%u", n);
		CHECK_EQ(name_put(DIR, text, FILE_ROW, 1), n);
	}
	most_changed = 0;
	touched_before = touched();
	names_of_inode_drop(FILE_ROW);
	look();
	CHECK_EQ(touched(), 0);
	CHECK(most_changed <= 64);      /* of each, the row and its places in three lists */
}

int main(void)
{
	TEST("a full cache gives up the name that was not used for longest", t_oldest);
	TEST("what is changed while one is looked for fits the undo log", t_commits);
	TEST("so does what is changed when a file of many names goes", t_many_links);
	return test_result();
}
