/* SPDX-License-Identifier: BSD-2-Clause
 * check_test.c - tmpfs's state with each thing in it wrong in turn: what is right stays, and a
 * second look finds nothing.
 *
 * Links: fs/tmpfs/check.c fs/tmpfs/node.c fs/tmpfs/page.c fs/tmpfs/state.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <fs/tmpfs/tmpfs.h>
#include <tests/unit.h>

static struct state right;
static uint32_t bin, sh, far, gone;
static unsigned said;

/* ---- what those files use ---- */

char state_start[1];
uint64_t undo_span;

void print(const char *text, ...)
{
	(void)text;
	said++;
}

static jmp_buf dead;

void assert_failed(const char *what, const char *file, int line)
{
	(void)what;
	(void)file;
	(void)line;
	longjmp(dead, 1);
}

void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
void undo_commit(void) { }
unsigned undo_used(void) { return 0; }
uint64_t clock_realtime_ns(void) { return 1; }
size_t strlcpy(char *to, const char *from, size_t size)
{
	return (size_t)snprintf(to, size, "%s", from);
}

/* ---- a state that is right ---- */

static uint32_t make(uint32_t dir, const char *name, uint32_t mode)
{
	struct node *n = node_new(mode, 0, 0);

	n->links = is_dir(n) ? 1 : 0;
	CHECK_EQ(entry_add(&state.node[dir], name, n), 0);
	n->used = 1;
	return node_number(n);
}

static void build(void)
{
	struct node *root;
	char name[16];

	memset(&state, 0, sizeof(state));
	tables_init();
	root = node_new(TYPE_DIR | 0755, 0, 0);
	root->links = 2;
	root->parent = ROOT;
	bin = make(ROOT, "bin", TYPE_DIR | 0755);
	sh = make(bin, "sh", TYPE_FILE | 0755);
	far = make(bin, "far", TYPE_DIR | 0755);
	for (unsigned n = 0; n < 100; n++) {
		snprintf(name, sizeof(name), "file%u", n);
		make(far, name, TYPE_FILE | 0644);
	}
	entry_remove(&state.node[far], entry_find(&state.node[far], "file50"));
	CHECK_EQ(entry_add(&state.node[ROOT], "ash", &state.node[sh]), 0);
	gone = make(bin, "gone", TYPE_DIR | 0755);
	entry_remove(&state.node[bin], entry_find(&state.node[bin], "gone"));
	state.node[gone].links = 0;
	for (uint32_t n = 0; n < 40; n++)
		CHECK(page_make(&state.node[sh], 3 * n) != NULL);
	state.node[sh].size = 40 * 3 * PAGE_SIZE;
	right = state;
	said = 0;
}

static uint32_t entry(const char *name)
{
	return (uint32_t)(entry_find(&state.node[bin], name) - state.dirent);
}

static void w_links(void) { state.node[sh].links = 7; }
static void w_dir_links(void) { state.node[bin].links = 2; }
static void w_node_pages(void) { state.node[sh].pages = 3; }
static void w_pages(void) { state.pages = 2; }
static void w_nodes(void) { state.nodes++; }
static void w_parent(void) { state.node[far].parent = ROOT; }
static void w_pos(void) { state.next_pos = 5; }

static void w_chain(void) { *entry_bucket(bin, "sh") = 0; }
static void w_circle(void) { state.dirent[entry("sh")].chain = entry("sh"); }
static void w_first(void) { state.node[far].first = 0; }
static void w_last(void) { state.node[far].last = 5000000; }
static void w_next(void) { state.dirent[state.node[far].first].next = state.node[far].last; }
static void w_free_entry(void) { state.free_dirent = entry("sh"); }
static void w_page_chain(void) { *page_bucket(sh, 3) = 0; }
static void w_page_free(void) { state.free_page = *page_bucket(sh, 3); }
static void w_node_free(void) { state.free_node = sh; }

static void w_entry_node(void) { state.dirent[entry("far")].node = 4000; }
static void w_entry_dir(void) { state.dirent[entry("far")].dir = sh; }
static void w_entry_name(void) { memset(state.dirent[entry("far")].name, 'x', NAME_MAX_ + 1); }
static void w_entry_self(void) { state.dirent[entry("far")].node = bin; }
static void w_page_nobodys(void) { state.page[*page_bucket(sh, 9)].node = bin; }
static void w_root(void) { state.root_of[3] = 9999; }

static void wrong(void (*how)(void))
{
	build();
	how();
	CHECK_EQ(tree_check(), 0);
	said = 0;
	CHECK_EQ(tree_check(), 0);
	CHECK_EQ(said, 0);
}

static void t_right(void)
{
	build();
	CHECK_EQ(tree_check(), 0);
	CHECK_EQ(said, 0);
	CHECK(memcmp(&state, &right, sizeof(state)) == 0);
}

static void t_counts(void)
{
	static void (*const all[])(void) = {
		w_links, w_dir_links, w_node_pages, w_pages, w_nodes, w_parent,
	};

	for (unsigned n = 0; n < COUNT(all); n++) {
		wrong(all[n]);
		CHECK(memcmp(&state, &right, sizeof(state)) == 0);
	}
	wrong(w_pos);
	CHECK(state.next_pos > state.dirent[state.node[ROOT].last].pos);
}

/* All is found, in its order, and can be taken away and made again. */
static void use_all(void)
{
	uint64_t pos = 0;
	char name[16];

	CHECK_EQ(entry_find(&state.node[bin], "sh")->node, sh);
	for (uint32_t i = state.node[far].first; i != 0; i = state.dirent[i].next) {
		CHECK(state.dirent[i].pos > pos);
		pos = state.dirent[i].pos;
	}
	for (unsigned n = 0; n < 100; n++) {
		struct dirent *e;

		snprintf(name, sizeof(name), "file%u", n);
		e = entry_find(&state.node[far], name);
		CHECK_EQ(e != NULL, n != 50);
		if (e != NULL)
			entry_remove(&state.node[far], e);
	}
	for (uint32_t n = 0; n < 40; n++)
		CHECK(page_find(&state.node[sh], 3 * n) != NULL);
	pages_cut(&state.node[sh], 0);
	CHECK_EQ(state.pages, 0);
	CHECK(make(far, "new", TYPE_FILE) != 0);
}

static void t_lists(void)
{
	static void (*const all[])(void) = {
		w_chain, w_circle, w_first, w_last, w_next, w_free_entry, w_page_chain,
		w_page_free, w_node_free,
	};

	for (unsigned n = 0; n < COUNT(all) && test_bad == 0; n++) {
		wrong(all[n]);
		use_all();
		if (test_bad != 0)
			printf("    case %u\n", n);
	}
}

static void t_gone(void)
{
	static void (*const all[])(void) = {
		w_entry_node, w_entry_dir, w_entry_name, w_entry_self, w_page_nobodys, w_root,
	};

	for (unsigned n = 0; n < COUNT(all) && test_bad == 0; n++) {
		wrong(all[n]);
		CHECK_EQ(entry_find(&state.node[bin], "sh")->node, sh);
		CHECK_EQ(entry_find(&state.node[bin], "far") != NULL, n >= 4);
		CHECK_EQ(state.node[sh].pages, 40 - (n == 4));
		if (test_bad != 0)
			printf("    case %u\n", n);
	}
	build();
	state.node[ROOT].mode = 0;
	CHECK_EQ(tree_check(), -EINVAL);
}

static void w_end(void) { state.node[far].last = state.dirent[state.node[far].last].prev; }
static void w_end_free(void)
{
	struct dirent *last = &state.dirent[state.node[far].last];
	uint32_t was = state.node[far].last;

	entry_remove(&state.node[far], last);
	state.node[far].last = was;
}
static void w_none(void) { state.node[far].first = 0; }
static void w_prev(void) { state.dirent[state.node[far].last].prev = state.node[far].first; }

static void adds_entry(void) { CHECK(entry_add(&state.node[far], "new", &state.node[sh]) == 0); }
static void removes_last(void)
{
	entry_remove(&state.node[far], &state.dirent[right.node[far].last]);
}
static void removes_first(void)
{
	entry_remove(&state.node[far], &state.dirent[right.node[far].first]);
}
static void makes_node(void) { (void)node_new(TYPE_FILE, 0, 0); }
static void makes_page(void) { (void)page_make(&state.node[sh], 1); }

/* Who uses a list that is wrong just there dies, and has changed nothing. */
static void t_used(void)
{
	static void (*const all[][2])(void) = {
		{ w_end, adds_entry }, { w_end_free, adds_entry }, { w_last, adds_entry },
		{ w_free_entry, adds_entry }, { w_end, removes_last }, { w_prev, removes_last },
		{ w_none, removes_first }, { w_node_free, makes_node },
		{ w_page_free, makes_page },
	};

	for (volatile unsigned n = 0; n < COUNT(all); n++) {
		static struct state before;

		build();
		all[n][0]();
		before = state;
		if (setjmp(dead) == 0) {
			all[n][1]();
			CHECK(false);
			printf("    case %u\n", n);
		}
		CHECK(memcmp(&state, &before, sizeof(state)) == 0);
	}
}

int main(void)
{
	TEST("a tree that is right stays as it is, and nothing is said", t_right);
	TEST("counts that are wrong come out as they were", t_counts);
	TEST("lists that are wrong are made anew", t_lists);
	TEST("lists that are wrong where they are used are not used", t_used);
	TEST("entries and pages of nothing go, and nothing else", t_gone);
	return test_result();
}
