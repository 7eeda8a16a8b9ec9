/* SPDX-License-Identifier: BSD-2-Clause
 * manifest_test.c - the manifest parser: what it reads, every refusal with its line, the checks of
 * a set, the kernel's struct made from it, and that no text makes it crash.
 *
 * Links: lib/manifest.c lib/manifest_value.c lib/manifest_check.c lib/manifest_sense.c
 * Links: lib/manifest_graph.c lib/linux_names.c lib/format.c
 * Links: gen/contract/kernel_names.c gen/contract/protocols.c
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
	{ MIN "id\033[31m\n", 5, "not plain text" },
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
	{ "ports 3f8-3ff\nports 60 3ff\n", 2, "ports 0x3ff-0x3ff twice" },
	{ "lines 4\nlines 5 4/level\n", 2, "line 4 twice" },
	{ "lines msi:4 4 msi:4\n", 1, "line msi:4 twice" },
	{ "mmio 1000+2000 2000+1000\n", 1, "device memory at 0x2000 twice" },
	{ "mmio ffffffff000+2000\n", 1, "beyond the end of all memory" },
	{ "pci 1:2 1:3\npci 1:2\n", 2, "PCI function 1:2 twice" },
	{ "program a-name-of-a-program-that-is-long\n", 1, "longer than 31" },
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
	{ "script\n", 1, "a name is missing" },
	{ "script ../backoff\n", 1, "'../backoff' is not a file of the folder of scripts" },
	{ "script a/b\n", 1, "'a/b' is not a file of the folder" },
	{ "script backoff\nscript giveup\n", 2, "'script' twice, first in line 1" },
	{ "script backoff -a somebody@somewhere-else\n", 1, "longer than 31" },
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
	"program b/full\n"
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
	"script backoff  -a root\n"
	"copy yes\n"
	"needs ds\n"
	"answers faults";

static void test_long(void)
{
	static char text[1 << 17];
	struct manifest m;
	struct manifest_error e;
	err_t err;

	memset(text, '\n', sizeof(text));
	memcpy(text + sizeof(text) - sizeof(MIN), MIN, sizeof(MIN));
	err = manifest_parse(text, sizeof(text) - 1, &m, &e);
	check(err == -EINVAL && e.line == 65536 && strcmp(e.text, "too many lines") == 0,
	      "a manifest of more lines than have numbers is refused", e.text);
}

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
	check(strcmp(m.script, "backoff -a root") == 0, "its script is right", m.script);
	check(strcmp(m.program, "b/full") == 0 && memcmp(m.args, "one\0two\0three\0", 15) == 0,
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

#define B "service b\nid 31\nrank 7\nmemory 64K\n"
#define LOW "service b\nid 31\nrank 6\nmemory 64K\n"
#define PCI "service p\nid 32\nrank 6\nmemory 64K\nserves pci\n"

static const struct trouble {
	const char *text[4];
	unsigned which, line;
	const char *message;
} troubles[] = {
	{ { MIN, MIN }, 1, 1, "service 'a' twice" },
	{ { MIN, "service b\nid 30\nrank 7\nmemory 64K\n" }, 1, 2, "id 30 is taken by 'a'" },
	{ { "service a\nid 2\nrank 7\nmemory 64K\n" }, 0, 2, "belongs to 'ds'" },
	{ { "service ds\nid 3\nrank 7\nmemory 64K\n" }, 0, 2, "id 2 belongs to 'ds'" },
	{ { MIN "ports 70-77\ncalls port_io\n", B "ports 60 77-78\ncalls port_io\n" }, 1, 5,
	  "port 0x77 is taken by 'a'" },
	{ { MIN "ports 70\ncalls port_io\n", B "ports 60\ncalls port_io\nports 70\n" }, 1, 7,
	  "port 0x70 is taken by 'a'" },
	{ { MIN "framebuffer yes\n", B "framebuffer yes\n" }, 1, 5,
	  "the framebuffer is taken by 'a'" },
	{ { MIN "mmio 1000+2000\n", B "mmio 2000+1000\n" }, 1, 5, "page 0x1 is taken by 'a'" },
	{ { MIN "mmio 1000+2000\n", B "mmio 8000+1000\nmmio 2000+1000\n" }, 1, 6,
	  "is taken by 'a'" },
	{ { MIN "lines 4\ncalls irq_claim irq_ack\n", B "lines 4/level\n" }, 1, 5,
	  "line 4 is taken by 'a'" },
	{ { MIN "lines 4\ncalls irq_claim irq_ack\n", B "lines 5\nlines 4/level\n" }, 1, 6,
	  "line 4 is taken by 'a'" },
	{ { MIN "posix read\n", B "posix write read\n" }, 1, 5,
	  "Linux call 0 (read) is answered by 'a'" },
	{ { MIN "answers faults\n", B "answers faults\n" }, 1, 5, "answered by 'a' already" },
	{ { MIN "talks b\n" }, 0, 5, "talks to 'b', which does not exist" },
	{ { MIN "talks b\n", B "serves toy\n" }, 0, 5, "of rank 7, not below 7" },
	{ { MIN "talks b\n", LOW }, 0, 5, "which serves no contract" },
	{ { MIN "talks b\n", LOW "serves block\n" }, 0, 5, "which serves no contract in messages" },
	{ { MIN "notifies b\n" }, 0, 5, "notifies 'b', which does not exist" },
	{ { MIN "needs b\n" }, 0, 5, "needs 'b', which does not exist" },
	{ { MIN "needs b\n", LOW "needs c\n",
	    "service c\nid 32\nrank 6\nmemory 64K\nneeds a\n" }, 0, 5,
	  "a cycle of needs: 'a', 'b', and back to 'a'" },
	{ { MIN "needs b\n", LOW "needs d\nneeds c\n",
	    "service c\nid 32\nrank 6\nmemory 64K\nneeds b\n",
	    "service d\nid 33\nrank 6\nmemory 64K\n" }, 2, 5,
	  "a cycle of needs: 'c', 'b', and back to 'c'" },
	{ { MIN "uses read\n" }, 0, 5, "nobody of lower rank answers" },
	/* lines that do not fit each other (manifest_sense.c) */
	{ { MIN "ports 60\n" }, 0, 5, "ports are of no use without kernel call 'port_io'" },
	{ { MIN "calls port_io\n" }, 0, 5, "'port_io' is of no use without ports" },
	{ { MIN "lines 4\n" }, 0, 5, "lines are of no use without kernel call 'irq_claim'" },
	{ { MIN "calls irq_claim\n" }, 0, 5, "'irq_claim' is of no use without lines" },
	{ { MIN "calls irq_claim\nlines msi:1 4\n" }, 0, 6, "stays masked without" },
	{ { MIN "calls irq_claim\nlines 23\n" }, 0, 6, "stays masked without" },
	{ { MIN "calls irq_claim irq_ack\nlines msi:1\n" }, 0, 5, "'irq_ack' is of no use" },
	{ { MIN "calls port_io\nports 3f-50\n" }, 0, 6, "ports 0x40-0x43 are the kernel's" },
	{ { MIN "calls port_io\nports 60\nports 20\n" }, 0, 7, "ports 0x20-0x21 are the kernel's" },
	{ { MIN "mmio fee00000+1000\n" }, 0, 5, "page 0xfee00 is the kernel's" },
	{ { MIN "mmio fec00000+1000\n" }, 0, 5, "page 0xfec00 is the kernel's" },
	{ { MIN "rights manage-programs\n" }, 0, 5, "nobody to manage without a kernel call" },
	{ { MIN "calls proc_create\n" }, 0, 5, "without the right to manage them" },
	{ { MIN "rights schedule\n" }, 0, 5, "'schedule' is of no use without" },
	{ { MIN "calls proc_sched\n" }, 0, 5, "'proc_sched' is of no use without" },
	{ { MIN "rights forward\n" }, 0, 5, "right to forward is of no use without" },
	{ { MIN "primitives receive forward\nnotifies all\n" }, 0, 5, "'forward' is of no use" },
	{ { MIN "talks b\nprimitives receive\n", LOW "serves toy\n" }, 0, 5,
	  "cannot talk without the primitive 'sendrec'" },
	{ { MIN "primitives sendrec receive\n" }, 0, 5, "it talks to nobody" },
	{ { MIN "notifies b\nprimitives receive\n", B }, 0, 5, "cannot notify without" },
	{ { MIN "primitives receive sendnb\n" }, 0, 5, "it notifies nobody" },
	{ { MIN "heartbeat 500 3\nprimitives notify\n" }, 0, 5, "cannot answer a heartbeat" },
	{ { MIN "heartbeat 500 0\n" }, 0, 5, "a period without a count" },
	{ { MIN "heartbeat 0 3\n" }, 0, 5, "a count without a period" },
	{ { MIN "uses write\n", LOW "posix write\n" }, 0, 5, "every service may use Linux call 1" },
	{ { "service a\nid 30\nrank 15\nmemory 64K\nposix read\n" }, 0, 3,
	  "rank 15 is that of programs" },
	{ { MIN "needs a\n" }, 0, 5, "'a' names itself" },
	{ { MIN "talks a\n" }, 0, 5, "'a' names itself" },
	{ { MIN "notifies a\n" }, 0, 5, "'a' names itself" },
	{ { MIN "talks all b\n", LOW "serves toy\n" }, 0, 5, "'all', and 'b' besides" },
	{ { MIN "notifies b all\n", B }, 0, 5, "'all', and 'b' besides" },
	{ { MIN "needs rs\n" }, 0, 5, "'rs' runs before all others" },
	{ { "service rs\nid 0\nrank 3\nmemory 64K\nneeds a\n", MIN }, 0, 5, "runs before all" },
	/* who calls whom (manifest_graph.c) */
	{ { MIN "serves frobnicate\n" }, 0, 5, "serves 'frobnicate', which no contract defines" },
	{ { MIN "serves kernel\n" }, 0, 5, "which no contract defines" },
	{ { MIN "serves summary programs\n" }, 0, 5, "every service serves 'summary'" },
	{ { MIN "serves toy\n" }, 0, 5, "serves 'toy', but nobody may ask for it" },
	{ { MIN "serves toy\n", "service is\nid 11\nrank 12\nmemory 64K\ntalks all\n" }, 0, 5,
	  "serves 'toy', but nobody may ask for it" },
	{ { MIN "serves block\nnotifies all\n", B }, 0, 5, "serves 'block', but nobody may ask" },
	{ { MIN "serves block\n", B "notifies a\n" }, 0, 5, "serves 'block', but nobody may ask" },
	{ { MIN "serves block programs\nnotifies b\n", B "notifies a\n" }, 0, 5,
	  "serves programs, but no protocol that they can speak" },
	{ { MIN "serves programs\n" }, 0, 5, "serves programs, but no protocol" },
	{ { MIN "notifies b\n", B }, 0, 5, "notifies 'b', which shares no protocol with it" },
	{ { MIN "notifies b\n", B "notifies a\n" }, 0, 5, "which shares no protocol with it" },
	{ { MIN "notifies b\ntalks b\n", LOW "serves ds\n" }, 0, 5, "which shares no protocol" },
	{ { MIN "notifies all\n", B }, 0, 5, "there is nobody to notify" },
	{ { MIN "notifies rs\n", "service rs\nid 0\nrank 3\nmemory 64K\n" }, 0, 5,
	  "'rs' is its guardian, which it may notify anyway" },
	{ { MIN "pci 1:2\n" }, 0, 5, "claimed from who serves 'pci', to whom it does not talk" },
	{ { MIN "framebuffer yes\n" }, 0, 5,
	  "mapped by who serves 'vm', to whom it does not talk" },
	{ { MIN "mmio 1000+2000\n" }, 0, 5, "mapped by who serves 'vm'" },
	{ { MIN "pci 1:2\ntalks p\n", B "pci 3:4 1:2\ntalks p\n", PCI }, 1, 5,
	  "PCI function 1:2 is taken by 'a'" },
	{ { MIN "pci 1:2\ntalks p\nargs 1\n", B "pci 1:2\ntalks p\nargs 1\nprogram a\n", PCI }, 1,
	  5, "PCI function 1:2 is taken by 'a'" },
	{ { MIN "complains b\n" }, 0, 5, "complains of 'b', which does not exist" },
	{ { MIN "complains a\n" }, 0, 5, "'a' names itself" },
	{ { MIN "complains all b\n", B }, 0, 5, "'all', and 'b' besides" },
	{ { MIN "complains rs\n", "service rs\nid 0\nrank 3\nmemory 64K\n" }, 0, 5,
	  "'rs' is a guardian, of which nobody complains" },
	{ { MIN "complains all\n", B }, 0, 5, "there is nobody to complain of" },
	{ { MIN "injects b\n" }, 0, 5, "injects into 'b', which does not exist" },
	{ { MIN "injects a\n" }, 0, 5, "'a' names itself" },
	{ { MIN "injects all b\n", B }, 0, 5, "'all', and 'b' besides" },
	{ { MIN "injects rs\n", "service rs\nid 0\nrank 3\nmemory 64K\n" }, 0, 5,
	  "'rs' is a guardian, whose code is its own" },
	{ { MIN "script s\nposix read\n" }, 0, 5, "a script cannot help 'a'" },
	{ { MIN "script s\nanswers faults\n" }, 0, 5, "a script cannot help 'a'" },
	{ { LOW "script s\n", MIN "posix read\nneeds b\n" }, 0, 5, "a script cannot help 'b'" },
	{ { MIN "script s\n", "service tmpfs\nid 32\nrank 8\nmemory 64K\nneeds b\n",
	    LOW "needs a\n" }, 0, 5, "a script cannot help 'a'" },
	{ { MIN "restart recover\n", B "program a\nrestart backoff\n" }, 1, 6,
	  "'a' is the same program: both recover, or none" },
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
		"lines 5/level\nuses read\ncalls alarm_set port_io irq_claim irq_ack\nports 60\n"
		"serves block\npci 1:2\nprogram x\nargs 1\ncomplains all\n",
		"service b\nid 31\nrank 6\nmemory 64K\nserves pci programs\nneeds c\n"
		"lines 5/level\ncalls irq_claim irq_ack\nposix read\n",
		"service c\nid 32\nrank 6\nmemory 64K\nnotifies all\n",
		"service d\nid 33\nrank 7\nmemory 64K\ntalks b\nnotifies c\nserves block\npci 1:2\n"
		"program x\nargs 2\n",
	};
	struct manifest_error e = { .line = 0 };
	struct priv_desc d;
	uint8_t order[4];
	unsigned n = load(text);

	check(manifest_check(set, n, &e) == 0, "a good set passes, level-triggered lines shared",
	      e.text);
	check(manifest_may_complain(set[0], set[1]) && !manifest_may_complain(set[0], set[2]) &&
	      !manifest_may_complain(set[1], set[0]),
	      "'complains all' is of whom it talks to, not of whom it notifies", "it is not so");
	check(manifest_order(set, n, order) == 0 && order[0] == 2 && order[1] == 1 && order[2] == 0,
	      "what is needed starts first", "another order");
	manifest_priv(set[0], set, n, &d);
	check(d.sendrec_to == BIT(31) && d.notify_to == (BIT(32) | BIT(0)) && d.rank == 7 &&
	      d.calls == (BIT(0x39) | BIT(0x3a) | BIT(0x3b) | BIT(0x3c)) &&
	      d.posix[0] == (BIT(0) | BIT(1) | BIT(60)) &&
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
	test_long();
	test_refusals();
	test_mutations();
	test_sets();
	test_good_set();
	test_names();
	return failures != 0;
}
