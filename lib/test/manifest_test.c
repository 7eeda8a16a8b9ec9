/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_test.c - the manifest parser: what it reads, every refusal with its line, the checks of
 * a set, the kernel's struct made from it, and that no text makes it crash.
 *
 * Links: lib/manifest.c lib/manifest_value.c lib/manifest_check.c lib/linux_names.c
 * Links: lib/format.c gen/contract/kernel_names.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/manifest.h>

static int failures;

static void check(bool good, const char *sentence, const char *why)
{
	printf(good ? "ok %s\n" : "FAIL %s: %s\n", sentence, why);
	failures += !good;
}

/* ---- one manifest ---- */

#define MIN "service a\nid 30\nrank 7\nmemory 64K\n"    /* lines 1 to 4 */

static const struct refusal {
	const char *text;
	unsigned line;
	const char *message;
} refusals[] = {
	{ "id 30\nrank 7\nmemory 64K\n", 1, "'service' is missing" },
	{ "service a\nrank 7\nmemory 64K\n", 1, "'id' is missing" },
	{ "service a\nid 30\nmemory 64K\n", 1, "'rank' is missing" },
	{ "service a\nid 30\nrank 7\n", 1, "'memory' is missing" },
	{ MIN "frobnicate 1\n", 5, "unknown word 'frobnicate'" },
	{ MIN "id 31\n", 5, "'id' twice, first in line 2" },
	{ MIN "\xc3\xa4\n", 5, "not plain text" },
	{ "service Name\n", 1, "not a name" },
	{ "service\n", 1, "name is missing" },
	{ "service a-name-that-is-long\n", 1, "longer than 15" },
	{ "service a b\n", 1, "unexpected 'b'" },
	{ "id 63\n", 1, "not within 0..62" },
	{ "id x\n", 1, "not a number" },
	{ "id 99999999999999999999999\n", 1, "not a number" },
	{ "rank 0\n", 1, "not within 1..15" },
	{ "rank 16\n", 1, "not within 1..15" },
	{ "user 1\n", 1, "number is missing" },
	{ "serves\n", 1, "name is missing" },
	{ "talks a a\n", 1, "'a' twice" },
	{ "notifies a\nnotifies b a\n", 2, "'a' twice" },
	{ "primitives shout\n", 1, "unknown value 'shout'" },
	{ "calls port_io frobnicate\n", 1, "no kernel call 'frobnicate'" },
	{ "calls\n", 1, "kernel call is missing" },
	{ "posix read frobnicate\n", 1, "no Linux call 'frobnicate'" },
	{ "posix 1024\n", 1, "not within" },
	{ "uses\n", 1, "Linux call is missing" },
	{ "rights all\n", 1, "unknown value 'all'" },
	{ "ports 3ff-3f8\n", 1, "ends before it begins" },
	{ "ports 10000\n", 1, "not within" },
	{ "ports 1 2 3 4 5 6 7 8 9\n", 1, "more than 8" },
	{ "lines 24\n", 1, "not within" },
	{ "lines 4/edge\n", 1, "unknown property 'edge'" },
	{ "lines msi:64\n", 1, "not within" },
	{ "lines msi:1/level\n", 1, "unknown property" },
	{ "mmio fed00000\n", 1, "BASE+SIZE" },
	{ "mmio fed00001+1000\n", 1, "page aligned" },
	{ "mmio fed00000+0\n", 1, "not within" },
	{ "pci 8086\n", 1, "VENDOR:DEVICE" },
	{ "pci 18086:1\n", 1, "not within" },
	{ "memory 0\n", 1, "not within" },
	{ "memory 64G\n", 1, "not a number" },
	{ "memory 5000M\n", 1, "not within" },
	{ "priority 16\n", 1, "not within" },
	{ "quantum 0\n", 1, "not within" },
	{ "heartbeat 1000\n", 1, "number is missing" },
	{ "restart maybe\n", 1, "unknown value 'maybe'" },
	{ "restart\n", 1, "unknown value ''" },
	{ "copy perhaps\n", 1, "unknown value" },
	{ "answers questions\n", 1, "unknown value 'questions'" },
};

static void test_refusals(void)
{
	char sentence[160], got[160];
	struct manifest m;
	struct manifest_error e;

	for (size_t i = 0; i < COUNT(refusals); i++) {
		const struct refusal *r = &refusals[i];
		err_t err = manifest_parse(r->text, strlen(r->text), &m, &e);

		snprintf(sentence, sizeof(sentence), "line %u is refused: %s", r->line, r->message);
		snprintf(got, sizeof(got), "%d, line %u: %s", err, e.line, e.text);
		check(err == -EINVAL && e.line == r->line && strstr(e.text, r->message) != NULL,
		      sentence, got);
	}
}

static const char full[] =
	"# everything\n"
	"service  full      # its name\n"
	"id\t 40\n"
	"rank 7\r\n"
	"program /bin/full\n"
	"args one two\n"
	"args three\n"
	"user 5 6\n"
	"serves block programs\n"
	"talks ds log\n"
	"notifies rs all\n"
	"primitives sendrec forward\n"
	"primitives notify\n"
	"calls port_io irq_claim\n"
	"posix read 257\n"
	"uses clone3\n"
	"rights manage-services forward\n"
	"ports 0x70-71 80\n"
	"lines 11/level/low msi:3\n"
	"mmio fed00000+2000\n"
	"pci 8086:10d3\n"
	"memory 1M\n"
	"stack 20000\n"
	"priority 2\n"
	"quantum 9\n"
	"heartbeat 500 4\n"
	"restart recover\n"
	"copy yes\n"
	"needs ds\n"
	"answers faults";

static void test_full(void)
{
	struct manifest m;
	struct manifest_error e;
	err_t err = manifest_parse(full, strlen(full), &m, &e);

	check(err == 0, "a manifest with everything is read", e.text);
	check(m.id == 40 && m.rank == 7 && m.uid == 5 && m.gid == 6 && m.priority == 2 &&
	      m.quantum == 9 && m.heartbeat_ms == 500 && m.heartbeat_count == 4 && m.copy &&
	      m.restart == RESTART_RECOVER && m.answers == ANSWERS_FAULTS,
	      "its numbers and choices are right", "they differ");
	check(strcmp(m.program, "/bin/full") == 0 && memcmp(m.args, "one\0two\0three\0", 15) == 0,
	      "program and arguments are right", "they differ");
	check(m.serves_programs && m.serves.count == 1 && m.talks.count == 2 && m.notifies_all &&
	      m.notifies.count == 1 && m.talks.of[1].line == 10, "its names are right",
	      "they differ");
	check(m.primitives == 0x51, "primitives replace the default and may be continued",
	      "they differ");
	check(m.calls == (BIT(0x3b) | BIT(0x39)) && m.posix[0] == 1 && m.posix[4] == 2 &&
	      m.uses[6] == BIT(435 % 64), "kernel and Linux calls are right", "they differ");
	check(m.nr_ports == 2 && m.ports[0].first == 0x70 && m.ports[0].last == 0x71 &&
	      m.ports[1].last == 0x80 && m.nr_lines == 2 && m.lines[1].line == LINE_MSI + 3 &&
	      m.lines[0].flags == (LINE_LEVEL | LINE_LOW) && m.mmio[0].first == 0xfed00 &&
	      m.mmio[0].count == 2 && m.pci[0].device == 0x10d3, "its devices are right",
	      "they differ");
	check(m.memory == 1 << 20 && m.stack == 20480, "sizes are rounded up to pages",
	      "they are not");
}

/* Cut, doubled and bent manifests: an answer, whatever it is. */
static void test_mutations(void)
{
	struct manifest m;
	struct manifest_error e;
	char *text = malloc(sizeof(full));
	unsigned refused = 0;

	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = sizeof(full) - 1;

		memcpy(text, full, sizeof(full));
		for (unsigned k = 0; k < 1 + i % 4; k++)
			text[(size_t)rand() % len] = (char)(rand() % 3 ? ' ' + rand() % 95 : '\n');
		len -= i % 3 == 0 ? (size_t)rand() % len : 0;
		refused += manifest_parse(text, len, &m, &e) != 0;
	}
	free(text);
	check(refused > 1000, "bent manifests are answered, mostly refused", "few are refused");
}

/* ---- sets ---- */

static struct manifest pool[8];
static const struct manifest *set[8];

static const struct trouble {
	const char *text[4];
	unsigned which, line;
	const char *message;
} troubles[] = {
	{ { MIN, MIN }, 1, 1, "service 'a' twice" },
	{ { MIN, "service b\nid 30\nrank 7\nmemory 64K\n" }, 1, 2, "id 30 is taken by 'a'" },
	{ { "service a\nid 2\nrank 7\nmemory 64K\n" }, 0, 2, "belongs to 'ds'" },
	{ { "service ds\nid 3\nrank 7\nmemory 64K\n" }, 0, 2, "id 2 belongs to 'ds'" },
	{ { MIN "ports 70-77\n", "service b\nid 31\nrank 7\nmemory 64K\nports 60 77-78\n" }, 1, 5,
	  "port 0x77 is taken by 'a'" },
	{ { MIN "framebuffer yes\n", "service b\nid 31\nrank 7\nmemory 64K\nframebuffer yes\n" }, 1,
	  5, "the framebuffer is taken by 'a'" },
	{ { MIN "mmio 1000+2000\n", "service b\nid 31\nrank 7\nmemory 64K\nmmio 2000+1000\n" }, 1,
	  5, "page 0x1 is taken by 'a'" },
	{ { MIN "lines 4\n", "service b\nid 31\nrank 7\nmemory 64K\nlines 4/level\n" }, 1, 5,
	  "line 4 is taken by 'a'" },
	{ { MIN "posix read\n", "service b\nid 31\nrank 7\nmemory 64K\nposix write read\n" }, 1, 5,
	  "Linux call 0 (read) is answered by 'a'" },
	{ { MIN "answers faults\n", "service b\nid 31\nrank 7\nmemory 64K\nanswers faults\n" }, 1,
	  5, "answered by 'a' already" },
	{ { MIN "talks b\n" }, 0, 5, "talks to 'b', which does not exist" },
	{ { MIN "talks b\n", "service b\nid 31\nrank 7\nmemory 64K\nserves x\n" }, 0, 5,
	  "of rank 7, not below 7" },
	{ { MIN "talks b\n", "service b\nid 31\nrank 6\nmemory 64K\n" }, 0, 5,
	  "which serves no contract" },
	{ { MIN "notifies b\n" }, 0, 5, "notifies 'b', which does not exist" },
	{ { MIN "needs b\n" }, 0, 5, "needs 'b', which does not exist" },
	{ { MIN "needs a\n" }, 0, 5, "cycle of needs" },
	{ { MIN "needs b\n", "service b\nid 31\nrank 6\nmemory 64K\nneeds c\n",
	    "service c\nid 32\nrank 6\nmemory 64K\nneeds a\n" }, 0, 5, "cycle of needs" },
	{ { MIN "uses read\n" }, 0, 5, "nobody of lower rank answers" },
};

static unsigned load(const char *const *text)
{
	struct manifest_error e;
	unsigned n = 0;

	for (; n < 4 && text[n] != NULL; n++) {
		set[n] = &pool[n];
		if (manifest_parse(text[n], strlen(text[n]), &pool[n], &e) != 0)
			check(false, "a manifest of a set is read", e.text);
	}
	return n;
}

static void test_sets(void)
{
	char sentence[160], got[160];
	struct manifest_error e = { .line = 0 };

	for (size_t i = 0; i < COUNT(troubles); i++) {
		const struct trouble *t = &troubles[i];
		err_t err = manifest_check(set, load(t->text), &e);

		snprintf(sentence, sizeof(sentence), "a set is refused: %s", t->message);
		snprintf(got, sizeof(got), "%d, %u:%u: %s", err, e.which, e.line, e.text);
		check(err == -EINVAL && e.which == t->which && e.line == t->line &&
		      strstr(e.text, t->message) != NULL, sentence, got);
	}
}

static void test_good_set(void)
{
	static const char *const text[4] = {
		"service a\nid 30\nrank 7\nmemory 64K\ntalks b\nnotifies c\nneeds b c\n"
		"lines 5/level\nuses read\ncalls alarm_set\nports 60\n",
		"service b\nid 31\nrank 6\nmemory 64K\nserves x programs\nneeds c\nlines 5/level\n"
		"posix read\n",
		"service c\nid 32\nrank 6\nmemory 64K\nnotifies all\n",
	};
	struct manifest_error e = { .line = 0 };
	struct priv_desc d;
	uint8_t order[4];
	unsigned n = load(text);

	check(manifest_check(set, n, &e) == 0, "a good set passes, level-triggered lines shared",
	      e.text);
	check(manifest_order(set, n, order) == 0 && order[0] == 2 && order[1] == 1 && order[2] == 0,
	      "what is needed starts first", "another order");
	manifest_priv(set[0], set, n, &d);
	check(d.sendrec_to == BIT(31) && d.notify_to == (BIT(32) | BIT(0)) && d.rank == 7 &&
	      d.calls == BIT(0x3c) && d.posix[0] == (BIT(0) | BIT(1) | BIT(60)) &&
	      d.posix[3] == BIT(231 % 64) && d.ports[0].first == 0x60 && d.ports[1].first >
	      d.ports[1].last && d.lines[0] == 5 && d.lines[1] == LINE_NONE && d.rights == 0,
	      "the kernel is told what the manifest says", "something else");
	manifest_priv(set[1], set, n, &d);
	check(d.rights == 0, "serving programs is no right of its own", "it is");
	manifest_priv(set[2], set, n, &d);
	check(d.notify_to == BIT(63) - 1, "'notifies all' is everybody but programs", "it is not");
}

static void test_names(void)
{
	bool same = true;

	for (unsigned n = 0; n < NR_LINUX; n++) {
		const char *name = linux_call_name(n);

		same &= name == NULL || linux_call_number(name) == (int)n;
	}
	check(same && linux_call_number("read") == 0 &&
	      linux_call_number("io_uring_setup") == 425 &&
	      linux_call_number("rseq") == 334 && linux_call_number("") < 0 &&
	      linux_call_name(335) == NULL && linux_call_name(1000) == NULL,
	      "Linux calls have their names and numbers", "they do not");
}

int main(void)
{
	test_full();
	test_refusals();
	test_mutations();
	test_sets();
	test_good_set();
	test_names();
	return failures != 0;
}
