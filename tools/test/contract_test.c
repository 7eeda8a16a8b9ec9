/* SPDX-License-Identifier: BSD-2-Clause
 * contract_test.c - the contract compiler: what it refuses and where, and that what it generates
 * compiles with gcc and clang and has the layout promised.
 *
 * Runs BUILD/tools/contract, found beside this program; the current directory is the tree's root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char compiler[1024], dir[] = "/tmp/contract-test-XXXXXX";
static int failures;

static void check(int good, const char *sentence, const char *why)
{
	printf(good ? "ok %s\n" : "FAIL %s: %s\n", sentence, why);
	failures += !good;
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		exit(2);
}

/* Runs a command with %s replaced by the directory; keeps its output. */
static int run(char *output, size_t size, const char *format)
{
	char command[4096], full[4200];
	size_t n = 0;
	FILE *f;

	for (const char *c = format; *c != '\0' && n < sizeof(command) - 64; c++) {
		if (*c == '@')
			n += (size_t)sprintf(command + n, "%s", dir);
		else if (*c == '^')
			n += (size_t)sprintf(command + n, "%s", compiler);
		else
			command[n++] = *c;
	}
	command[n] = '\0';
	snprintf(full, sizeof(full), "(%s) 2>&1", command);
	f = popen(full, "r");
	if (f == NULL)
		exit(2);
	n = fread(output, 1, size - 1, f);
	output[n] = '\0';
	while (fgetc(f) != EOF)
		;
	return pclose(f);
}

#define HEAD "protocol t 0x500\n"                       /* line 1 */
#define KERNEL "protocol t 0x1000 kernel\ncall a 0x10\n"
#define CALL HEAD "call read 1\n"                       /* line 2 */
#define SHARED "protocol t 0x500 shared\ncall read 1\n"

static const struct refusal {
	const char *text;
	int line;
	const char *message;
} refusals[] = {
	{ "call read 1\n", 1, "before the protocol line" },
	{ "# nothing\n", 1, "no protocol line" },
	{ "protocol u 0x500\ncall a 1\n", 1, "belongs in u.contract" },
	{ HEAD HEAD, 2, "second protocol" },
	{ "protocol t 0x510\ncall a 1\n", 1, "multiple of 0x40" },
	{ "protocol t 0x3c0\ncall a 1\n", 1, "multiple of 0x40" },
	{ "protocol t 0x1000\ncall a 1\n", 1, "multiple of 0x40" },
	{ "protocol t x\n", 1, "not a number" },
	{ "protocol t 0x500 strange\n", 1, "unknown kind" },
	{ "protocol t 0x500 kernel\ncall a 0x10\n", 1, "begin at" },
	{ "protocol t 0x1000 kernel\ncall a 1\n", 2, "IPC primitives" },
	{ HEAD, 1, "no calls" },
	{ HEAD "frobnicate\n", 2, "unknown word" },
	{ HEAD "in u32 x\n", 2, "outside a call" },
	{ HEAD "call 1\n", 2, "not a name" },
	{ HEAD "call Read 1\n", 2, "not a name" },
	{ HEAD "call default 1\n", 2, "word of C" },
	{ HEAD "call read\n", 2, "number is missing" },
	{ HEAD "call read 64\n", 2, "not below 64" },
	{ HEAD "call read 1 sometimes\n", 2, "unknown property" },
	{ CALL "call write 1\n", 3, "taken by 'read'" },
	{ CALL "call read 2\n", 3, "call 'read' twice" },
	{ CALL "doc \"a\"\ndoc \"b\"\n", 4, "second doc" },
	{ CALL "doc open\n", 3, "text in quotes" },
	{ CALL "doc \"open\n", 3, "does not end" },
	{ CALL "in u33 x\n", 3, "unknown type" },
	{ CALL "in u32\n", 3, "name is missing" },
	{ CALL "in u32 x y\n", 3, "unexpected 'y'" },
	{ CALL "in u32 x\nin u8 x\n", 4, "field 'x' twice" },
	{ CALL "in char x\n", 3, "char is for texts" },
	{ CALL "in u32 x[0]\n", 3, "array of 0" },
	{ CALL "in u32 x[2\n", 3, "bad array" },
	{ CALL "in u64 x[7]\nin u8 y\n", 4, "more than 56 bytes of request" },
	{ CALL "out u8 y\nout u64 x[7]\n", 4, "more than 56 bytes of reply" },
	{ CALL "in grant a read\nin grant b write\n", 4, "second lent range" },
	{ CALL "out grant a read\n", 3, "in a request only" },
	{ CALL "in grant a both\n", 3, "read or write" },
	{ CALL "in grant a read\nin u32 a\n", 4, "field 'a' twice" },
	{ "protocol t 0x1000 kernel\ncall a 0x10\nin grant b read\n", 3, "lends nothing" },
	{ CALL "err EDEADPEER \"x\"\n", 3, "the kernel's word" },
	{ CALL "in endpoint a managed\n", 3, "unexpected 'managed'" },
	{ KERNEL "in endpoint a strange\n", 3, "managed, guarded, held" },
	{ KERNEL "in endpoint a held\n", 3, "by whom" },
	{ KERNEL "out endpoint a managed\n", 3, "unexpected 'managed'" },
	{ KERNEL "in endpoint a managed\nin endpoint b guarded\n", 4, "second process" },
	{ CALL "err oops \"x\"\n", 3, "not an error" },
	{ CALL "err EIO \"x\"\nerr EIO \"y\"\n", 4, "twice" },
	{ CALL "err EIO\n", 3, "text in quotes" },
	{ CALL "requires x > 1\n", 3, "unknown name" },
	{ CALL "in u32 x\nrequires x >\n", 4, "name is missing" },
	{ CALL "in u32 x\nrequires (x > 1\n", 4, "')' is missing" },
	{ CALL "in u32 x\nrequires x / x > 1\n", 4, "division" },
	{ CALL "in u32 x\nrequires x % 0 == 1\n", 4, "division" },
	{ CALL "in u32 x[2]\nrequires x == 1\n", 4, "array has no value" },
	{ CALL "in u32 x\nrequires len(x) > 1\n", 4, "not lent" },
	{ CALL "in u32 x\nrequires x > 1 x\n", 4, "unexpected text" },
	{ KERNEL "out u32 x\nensures x > 1\n", 4, "nobody checks" },
	{ KERNEL "misuse EIO \"x\"\n", 3, "what they are" },
	{ CALL "err EIO \"x\"\nmisuse EIO \"y\"\n", 4, "twice" },
	{ SHARED "out u32 x\nensures y > 1\n", 4, "unknown name" },
	{ SHARED "out u32 x\nrequires x > 1\n", 4, "unknown name" },
	{ SHARED "out u32 x\nensures x <= len(x)\n", 4, "not lent" },
	{ CALL "event a 64\n", 3, "0..63" },
	{ CALL "event a 1\nevent b 1\n", 4, "taken by 'a'" },
	{ CALL "const a 1\nconst a 2\n", 4, "'a' twice" },
	{ CALL "const read 1\n", 3, "named as a call" },
	{ CALL "const a 0x80000000\n", 3, "at most" },
	{ CALL "state s read -> s\n", 3, "expected" },
	{ CALL "state s: read\n", 3, "expected" },
	{ CALL "state s: open -> s\n", 3, "no call 'open'" },
	{ CALL "state s: read -> t\n", 3, "no state 't'" },
	{ CALL "state s: read, read -> s\n", 3, "'read' twice" },
	{ CALL "state s: read -> s\nstate s: read -> s\n", 4, "state 's' twice" },
};

static void test_refusal(const struct refusal *r)
{
	char output[4096], expected[64], sentence[256];
	int status;

	write_file("t.contract", r->text);
	status = run(output, sizeof(output), "rm -rf @/out; ^ --out @/out @/t.contract; "
		     "s=$?; test -e @/out && echo partial output; exit $s");
	snprintf(expected, sizeof(expected), "t.contract:%d: ", r->line);
	snprintf(sentence, sizeof(sentence), "a contract is refused in line %d: %s", r->line,
		 r->message);
	check(WEXITSTATUS(status) == 1 && strstr(output, expected) && strstr(output, r->message) &&
	      !strstr(output, "partial output"), sentence, output);
}

static const char good[] =
	"protocol t 0xfc0   # a comment\n"
	"    doc \"A protocol with one of everything.\"\n"
	"    const most 12 \"a number\"\n"
	"    event poke 3 \"something\"\n"
	"    call open 1\n"
	"        in char name[10]\n"
	"        in u8 mode\n"
	"        out endpoint who\n"
	"        out u64 size\n"
	"        requires mode <= 2 || mode == most\n"
	"        err ENOENT \"no such thing\"\n"
	"    call read 2 idempotent\n"
	"        in u16 first\n"
	"        in u64 pos\n"
	"        in i32 whence\n"
	"        in grant buf write\n"
	"        requires len(buf) > 0 && len(buf) % 512 == 0\n"
	"        requires pos + len(buf) <= 0xffffffffffffffff\n"
	"        out u32 done[12]\n"
	"        out u32 next\n"
	"        ensures next <= len(buf) && next >= first\n"
	"        err ENOSPC \"full\"\n"
	"        misuse EPERM \"not lent\"\n"
	"    call name 5\n"
	"        out char text[8]\n"
	"    call nothing 3\n"
	"    call lend 4\n"
	"        in grant data read\n"
	"    call full 63\n"
	"        in u64 w[7]\n"
	"        out grant g\n"
	"        out i64 x\n"
	"    state closed: open -> ready\n"
	"    state ready: read, lend -> ready; full -> closed\n";

static const char user[] =
	"#include <contract/t.h>\n"
	"#include <lib/server.h>\n"
	"_Static_assert(sizeof(struct t_open_request) == 11, \"\");\n"
	"_Static_assert(sizeof(struct t_open_reply) == 16, \"\");\n"
	"_Static_assert(sizeof(struct t_read_request) == 24, \"\");\n"
	"_Static_assert(sizeof(struct t_read_reply) == 52, \"\");\n"
	"_Static_assert(sizeof(struct t_full_request) == 56, \"\");\n"
	"_Static_assert(T_OPEN == 0xfc1 && T_FULL == 0xfff && T_EVENT_POKE == 3, \"\");\n"
	"_Static_assert(T_MOST == 12 && T_STATE_READY == 1, \"\");\n"
	"static err_t do_t_read(const struct call *c, const struct t_read_request *req,\n"
	"\tstruct t_read_reply *reply) { return 0; }\n"
	"const struct t_ops ops = { .read = do_t_read };\n"
	"err_t (*const stub)(struct peer *, const struct t_read_request *, void *, size_t,\n"
	"\tstruct t_read_reply *) = t_read;\n"
	"err_t (*const plain)(struct peer *) = t_nothing;\n";

/* Which answers stubs allow. */
static const char fits[] =
	"#include <stdio.h>\n"
	"#include <contract/t_client.c>\n"
	"static const struct stub *seen;\n"
	"err_t peer_call(struct peer *to, const struct stub *stub, const void *request,\n"
	"\tvoid *reply, const volatile void *range, size_t len) { seen = stub; return 0; }\n"
	"#define IS(good) if (!(good)) return printf(\"not so: \" #good \"\\n\")\n"
	"int main(void)\n{\n"
	"\tstruct t_read_request q = { .first = 3 };\n"
	"\tstruct t_read_reply r = { .next = 3 };\n"
	"\tstruct t_name_reply n = { \"1234567\" };\n\tchar buf[9];\n"
	"\tif (t_read(0, &q, buf, 9, &r) != 0) return 1;\n"
	"\tIS(seen->fits(0, &q, &r, 9));\n\tr.next = 9;\n\tIS(seen->fits(0, &q, &r, 9));\n"
	"\tr.next = 10;\n\tIS(!seen->fits(0, &q, &r, 9));\n"
	"\tIS(seen->fits(-ENOSPC, &q, &r, 9));\n\tIS(!seen->fits(-EPERM, &q, &r, 9));\n"
	"\tIS(!seen->fits(-ENOSYS, &q, &r, 9));\n\tIS(!seen->fits(ENOSPC, &q, &r, 9));\n"
	"\tr.next = 2;\n\tIS(!seen->fits(0, &q, &r, 9));\n"
	"\tif (t_nothing(0) != 0) return 1;\n"
	"\tIS(seen->fits(0, 0, 0, 0));\n\tIS(!seen->fits(-EIO, 0, 0, 0));\n"
	"\tif (t_name(0, &n) != 0) return 1;\n"
	"\tIS(seen->fits(0, 0, &n, 0));\n\tn.text[7] = '8';\n\tIS(!seen->fits(0, 0, &n, 0));\n"
	"\treturn 0;\n}\n";

static void test_compile(const char *cc)
{
	char output[8192], command[512], sentence[128];
	int status;

	snprintf(command, sizeof(command), "for f in @/out/contract/*.c @/user.c; do %s -std=gnu17 "
		 "-ffreestanding -O2 -Wall -Wextra -Werror -I. -Ilib -I@/out -c -o @/x.o $f || "
		 "exit 1; done", cc);
	status = run(output, sizeof(output), command);
	snprintf(sentence, sizeof(sentence), "the generated code compiles with %s", cc);
	check(status == 0, sentence, output);
}

static void test_good(void)
{
	char output[4096];
	int status;

	write_file("t.contract", good);
	write_file("user.c", user);
	status = run(output, sizeof(output), "rm -rf @/out; ^ --out @/out @/t.contract "
		     "contracts/*.contract && ls @/out/contract/t.h @/out/contract/t_client.c "
		     "@/out/contract/t_server.c @/out/contract/t_fuzz.c @/out/docs/t.md "
		     "@/out/contract/kernel_table.h");
	check(status == 0, "a good contract yields header, client, server, fuzz table and page",
	      output);
	check(run(output, sizeof(output), "grep -q '\"log_read\"' @/out/contract/protocols.c && "
		  "grep -q '\"block\", .shared = 1' @/out/contract/protocols.c && "
		  "! grep -q '\"block_read\"' @/out/contract/protocols.c && "
		  "! ls @/out/contract/block_client.c 2> /dev/null") == 0,
	      "a protocol in shared memory has no stubs, and the table of all says so", output);
	write_file("fits.c", fits);
	check(run(output, sizeof(output), "gcc -std=gnu17 -I. -I@/out -idirafter lib -o @/fits "
		  "@/fits.c && @/fits") == 0, "a stub allows what its contract does", output);
	test_compile("gcc");
	if (run(output, sizeof(output), "command -v clang") == 0)
		test_compile("clang");
}

static void test_together(void)
{
	char output[4096];
	int status;

	write_file("t.contract", HEAD "call a 1\n");
	write_file("u.contract", "\nprotocol u 0x500\ncall a 1\n");
	status = run(output, sizeof(output), "^ --out @/out2 @/t.contract @/u.contract");
	check(WEXITSTATUS(status) == 1 &&
	      strstr(output, "u.contract:2: base 0x500 is taken by 't'"),
	      "two protocols with one base are refused", output);
}

static void clean_up(void)
{
	char output[256];

	run(output, sizeof(output), "rm -rf @");
}

int main(int argc, char **argv)
{
	char *cut;

	snprintf(compiler, sizeof(compiler), "%s", argc > 1 ? argv[1] : argv[0]);
	cut = strstr(compiler, "/host/bin/");
	if (argc == 1 && cut != NULL)
		strcpy(cut, "/tools/contract");
	if (mkdtemp(dir) == NULL)
		return 2;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		test_refusal(&refusals[i]);
	test_together();
	test_good();
	clean_up();
	return failures != 0;
}
