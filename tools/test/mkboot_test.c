/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot_test.c - the image check and the boot archive: each refusal, and an archive read back.
 *
 * Runs BUILD/tools/mkboot, found beside this program. Programs are made with gcc.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <abi/archive.h>
#include <abi/boot.h>

static char mkboot[1024], dir[] = "/tmp/mkboot-test-XXXXXX";
static int failures;

static void check(bool good, const char *sentence, const char *why)
{
	printf(good ? "ok %s\n" : "FAIL %s: %s\n", sentence, why);
	failures += !good;
}

static void write_file(const char *name, const char *text)
{
	size_t size = strlen(text);
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fwrite(text, 1, size, f) != size || fclose(f) != 0)
		exit(2);
}

static int run(char *output, size_t size, const char *command)
{
	char full[4096];
	size_t n;
	FILE *f;

	snprintf(full, sizeof(full), "cd %s && (%s) 2>&1", dir, command);
	f = popen(full, "r");
	if (f == NULL)
		exit(2);
	n = fread(output, 1, size - 1, f);
	output[n] = '\0';
	while (fgetc(f) != EOF)
		;
	return WEXITSTATUS(pclose(f));
}

#define MIN "service a\nid 30\nrank 7\n"
#define RS "service rs\nid 0\nrank 3\nmemory 64K\n"

static const struct refusal {
	const char *manifest;           /* a.svc */
	const char *program;            /* of the programs made below */
	const char *files;              /* what mkboot is given besides */
	const char *message;
} refusals[] = {
	{ "frobnicate\n", "plain.elf", "", "a.svc:1: unknown word 'frobnicate'" },
	{ "service b\nid 30\nrank 7\nmemory 64K\n", "plain.elf", "",
	  "a.svc:1: service 'b' belongs in b.svc" },
	{ MIN "memory 64K\nneeds b\n", "plain.elf", "", "a.svc:5: needs 'b'" },
	{ MIN "memory 64K\n", "plain.elf", "b.svc", "b.svc:2: id 30 is taken by 'a'" },
	{ MIN "memory 64K\n", "", "", "a.svc:1: program 'a' is not in the archive" },
	{ MIN "memory 64K\nprogram x\n", "plain.elf", "", "a.svc:5: program 'x' is not in" },
	{ MIN "memory 64K\n", "large.elf", "", "a.svc:4: memory 64K, but 'a' needs 1" },
	{ MIN "memory 64K\nstack 64K\n", "plain.elf", "", "a.svc:4: memory 64K" },
	{ MIN "memory 64K\ncalls port_io\nports 60\n", "plain.elf", "",
	  "a.svc:5: kernel call 'port_io' is listed, but 'a' never makes it" },
	{ MIN "memory 64K\ncalls alarm_set\n", "ports.elf", "",
	  "a.svc:5: 'a' makes kernel call 'port_io', which is not listed" },
	{ MIN "memory 64K\n", "ports.elf", "", "'a' makes kernel call 'port_io'" },
	{ MIN "memory 64K\ntalks pci\n", "plain.elf", "pci.svc",
	  "a.svc:5: 'pci' is listed, but 'a' calls nothing that it serves" },
	{ MIN "memory 64K\n", "claims.elf", "pci.svc",
	  "a.svc:1: 'a' calls protocol 'pci', but talks to nobody who serves it" },
	{ MIN "memory 64K\ntalks pci\n", "claims.elf", "pci.svc",
	  "a.svc:1: 'a' claims PCI functions, but none is listed" },
	{ MIN "memory 64K\ntalks pci\npci 1:2\n", "lists.elf", "pci.svc",
	  "a.svc:6: PCI functions are listed, but 'a' never claims one" },
	{ MIN "memory 64K\ntalks vm\nmmio 1000+1000\n", "finds.elf", "vm.svc",
	  "a.svc:6: device memory is listed, but 'a' never maps any" },
	{ MIN "memory 64K\narchive yes\n", "plain.elf", "",
	  "a.svc:5: the boot archive is listed, but 'a' never looks into it" },
	{ MIN "memory 64K\n", "looks.elf", "",
	  "a.svc:1: 'a' looks into the boot archive, which is not listed" },
	{ MIN "memory 64K\ncopy yes\n", "plain.elf", "", "a.svc:5: what is in the boot archive" },
	{ MIN "memory 64K\n", "asks.elf", "", "a.svc:1: 'a' calls protocol 'ds', but talks to" },
	{ MIN "memory 64K\nserves toy programs\n", "loop.elf", "",
	  "a.svc:5: protocol 'toy' is listed, but 'a' does not answer it" },
	{ MIN "memory 64K\n", "block.elf", "", "a.svc:1: 'a' serves 'block', which is not listed" },
	{ MIN "memory 64K\nprimitives receive\n", "plain.elf", "",
	  "a.svc:5: primitive 'receive' is listed, but 'a' never uses it" },
	{ MIN "memory 64K\n", "sends.elf", "",
	  "a.svc:1: 'a' uses primitive 'sendnb', which is not listed" },
	{ MIN "memory 64K\nserves frobnicate\n", "plain.elf", "",
	  "a.svc:5: serves 'frobnicate', which no contract defines" },
	{ MIN "memory 64K\n", "stripped.elf", "", "no symbols" },
	{ MIN "memory 64K\n", "wx.elf", "", "writable and executable" },
	{ MIN "memory 64K\nprogram /bin/a\n", "plain.elf", "",
	  "a.svc:5: program '/bin/a' is not in" },
	{ MIN "memory 64K\n", "big.elf", "", "not an x86-64 ELF program" },
	{ MIN "memory 64K\n", "begins.elf", "",
	  "it begins at 0x0, where nothing is to be executed" },
	{ MIN "memory 64K\n", "unpaged.elf", "", "segment 0 does not begin on a page" },
	{ MIN "memory 64K\n", "low.elf", "", "segment 0 is malformed" },
	{ MIN "memory 64K\n", "shared.elf", "", "segments 0 and 1 share a page" },
	{ MIN "memory 64K\n", "stacked.elf", "", "lies where the stack is" },
	{ MIN "memory 64K\n", "odd.elf", "", "program headers lie outside the file" },
	{ MIN "memory 64K\n", "text.elf", "", "not an x86-64 ELF program" },
	{ MIN "memory 64K\n", "short.elf", "", "outside the file" },
	{ MIN "memory 64K\n", "plain.elf", "missing.file", "missing.file:0: No such file" },
	{ MIN "memory 64K\n", "plain.elf", "sub/rs.svc", "'rs.svc' is in the archive already" },
};

static const char programs[] =
	"set -e; mkdir sub; cp rs.svc sub\n"
	"B='gcc -x c - -nostdlib -static -no-pie -fno-pic -Wl,-z,max-page-size=0x1000 "
	"-Wl,-z,noexecstack -Wl,--build-id=none'\n"
	"echo 'void _start(void) { for (;;); }' | $B -o plain.elf\n"
	"echo 'void sys_port_io(void) {} void _start(void) { sys_port_io(); }' | $B -o ports.elf\n"
	"echo 'char big[100000]; void _start(void) { big[5] = 1; }' | $B -o large.elf\n"
	"f() { name=$1; shift; (for s; do echo \"void $s(void) {}\"; done; "
	"echo 'void _start(void) { for (;;); }') | $B -o $name.elf; }\n"
	"f claims pci_claim; f lists pci_list; f finds vm_totals; f asks peer_refresh\n"
	"f loop server_run; f block block_server_init; f sends ipc_sendnb; f looks image_find\n"
	"strip -o stripped.elf plain.elf\n"
	"echo 'int x = 5; void _start(void) { x = 1; }' | $B -Wl,-N -Wl,--no-warn-rwx-segments "
	"-o wx.elf\n"
	"echo 'not a program' > text.elf; head -c 70 plain.elf > short.elf\n"
	/* Bytes of the headers: encoding, entry, headers' place, address of the first segment. */
	"p() { cp plain.elf $1.elf; dd of=$1.elf bs=1 seek=$2 conv=notrunc status=none; }\n"
	"printf '\\2' | p big 5; printf '\\0\\0\\0\\0' | p begins 24; printf '\\101' | p odd 32\n"
	"printf '\\20' | p unpaged 80; printf '\\0\\0\\0' | p low 80\n"
	"dd if=plain.elf bs=1 skip=80 count=8 status=none | p shared 136\n"
	"echo 'void _start(void) { for (;;); }' | $B -Wl,-Ttext-segment=0x7fefd000 -o stacked.elf\n"
	"for n in rs rsguard pci vm; do cp plain.elf $n.elf; strip -o $n $n.elf; done\n";

static void test_refusal(const struct refusal *r)
{
	char output[4096], command[2048], sentence[256];
	int status;

	write_file("a.svc", r->manifest);
	snprintf(command, sizeof(command), "rm -f boot.img a.elf; [ -z '%s' ] || cp '%s' a.elf; "
		 "%s -o boot.img rs.svc rs.elf rsguard.svc rsguard.elf a.svc "
		 "$(ls a.elf 2>/dev/null) %s; s=$?; "
		 "test -e boot.img && echo an archive all the same; exit $s", r->program,
		 r->program, mkboot, r->files);
	status = run(output, sizeof(output), command);
	snprintf(sentence, sizeof(sentence), "a boot set is refused: %s", r->message);
	check(status == 1 && strstr(output, r->message) && !strstr(output, "all the same"),
	      sentence, output);
}

static uint32_t crc32(const uint8_t *data, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static bool is_file(const uint8_t *archive, const struct archive_entry *e, const char *path)
{
	char full[128];
	static uint8_t content[200000];
	size_t n;
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	f = fopen(full, "rb");
	if (f == NULL)
		return false;
	n = fread(content, 1, sizeof(content), f);
	fclose(f);
	return e->size == n && e->offset % PAGE_SIZE == 0 &&
	       memcmp(archive + e->offset, content, n) == 0;
}

static void test_archive(void)
{
	static uint8_t bytes[1 << 20] __attribute__((aligned(8)));
	const struct boot_image *image = (const void *)bytes;
	const struct archive_header *header;
	char output[4096], command[2048], path[128];
	const struct archive_entry *e;
	const uint8_t *archive;
	size_t size;
	FILE *f;

	write_file("a.svc", MIN "memory 64K\ncalls port_io\nports 60\n");
	snprintf(command, sizeof(command), "cp ports.elf a.elf; %s -o boot.img a.svc a.elf rs.svc "
		 "rs.elf -n motd text.elf rsguard.svc rsguard.elf", mkboot);
	check(run(output, sizeof(output), command) == 0, "a good boot set is accepted", output);
	snprintf(path, sizeof(path), "%s/boot.img", dir);
	f = fopen(path, "rb");
	if (f == NULL)
		return;
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	check(size > PAGE_SIZE && image->magic == BOOT_MAGIC && image->count > 1 &&
	      image->pages * PAGE_SIZE < size && image->entry != 0, "rs's image comes first", "no");
	check(image->run[0].pfn == 1 && image->run[image->count - 1].pfn +
	      image->run[image->count - 1].count == image->pages,
	      "its runs are the pages behind its header", "no");
	archive = bytes + image->pages * PAGE_SIZE;
	size -= image->pages * PAGE_SIZE;
	header = (const void *)archive;
	e = header->entry;
	check(header->magic == ARCHIVE_MAGIC && header->size == size &&
	      header->count == 7 && header->zero == 0, "the archive's header is right", "no");
	check(header->crc == crc32(archive + sizeof(*header), size - sizeof(*header)),
	      "the checksum covers all that follows the header", "no");
	check(strcmp(e[3].name, "rs") == 0 && is_file(archive, &e[3], "rs"),
	      "rs is there as a program, too, and without its symbols", e[3].name);
	check(strcmp(e[0].name, "a.svc") == 0 && is_file(archive, &e[0], "a.svc") &&
	      strcmp(e[1].name, "a") == 0 && is_file(archive, &e[1], "a.elf") &&
	      strcmp(e[4].name, "motd") == 0 && is_file(archive, &e[4], "text.elf"),
	      "the files follow in order, under their names", "no");
}

static void test_check_only(void)
{
	char output[4096], command[2048];

	snprintf(command, sizeof(command), "%s -c a.svc a.elf", mkboot);
	check(run(output, sizeof(output), command) == 0, "-c checks a set without rs", output);
	snprintf(command, sizeof(command), "cp plain.elf x.elf; %s -o no.img a.svc a.elf", mkboot);
	check(run(output, sizeof(output), command) == 1 && strstr(output, "no program 'rs'"),
	      "an archive without rs is refused", output);
	snprintf(command, sizeof(command), "%s -o no.img rs.svc rs.elf", mkboot);
	check(run(output, sizeof(output), command) == 1 &&
	      strstr(output, "rs.svc:1: 'rs' has no guardian"),
	      "an archive without rs's guardian is refused", output);
}

/* What is archived is what has been looked at. */
static void test_others(void)
{
	static const struct other {
		const char *prepare, *message;
	} other[] = {
		{ "cp text.elf rs", "rs.elf:0: the stripped file beside it is another program" },
		{ ": > rs", "rs.elf:0: the stripped file beside it is another program" },
		{ "head -c 200 rs.keep > rs", "rs.elf:0: the stripped file beside it is another" },
		{ "strip -o rs ports.elf", "rs.elf:0: the stripped file beside it is another" },
		{ "(cat rs.svc.keep; echo program a) > rs.svc; cp text.elf rs.elf; cp text.elf rs",
		  "rs.svc:5: the kernel starts program 'rs', not 'a'" },
	};
	char output[4096], command[2048], sentence[256];

	write_file("a.svc", MIN "memory 64K\n");
	run(output, sizeof(output), "for f in rs rs.elf rs.svc; do cp $f $f.keep; done");
	for (size_t i = 0; i < COUNT(other); i++) {
		snprintf(command, sizeof(command), "cp plain.elf a.elf; %s; %s -o no.img rs.svc "
			 "rs.elf rsguard.svc rsguard.elf a.svc a.elf", other[i].prepare, mkboot);
		snprintf(sentence, sizeof(sentence), "after '%s': %s", other[i].prepare,
			 other[i].message);
		check(run(output, sizeof(output), command) == 1 &&
		      strstr(output, other[i].message), sentence, output);
		run(output, sizeof(output), "for f in rs rs.elf rs.svc; do cp $f.keep $f; done");
	}
}

int main(int argc, char **argv)
{
	char output[4096], absolute[600], *cut;

	if (getcwd(absolute, sizeof(absolute)) == NULL)
		return 2;
	snprintf(mkboot, sizeof(mkboot), "%s%s%s", argv[argc > 1][0] == '/' ? "" : absolute,
		 argv[argc > 1][0] == '/' ? "" : "/", argv[argc > 1]);
	cut = strstr(mkboot, "/host/bin/");
	if (argc == 1 && cut != NULL)
		strcpy(cut, "/tools/mkboot");
	if (mkdtemp(dir) == NULL)
		return 2;
	write_file("rs.svc", RS);
	write_file("rsguard.svc", "service rsguard\nid 10\nrank 4\nmemory 64K\n");
	write_file("pci.svc", "service pci\nid 7\nrank 6\nmemory 64K\nserves pci programs\n");
	write_file("vm.svc", "service vm\nid 3\nrank 2\nmemory 64K\nserves vm programs\n");
	write_file("b.svc", "service b\nid 30\nrank 7\nmemory 64K\n");
	if (run(output, sizeof(output), programs) != 0) {
		check(false, "test programs are built", output);
		return 1;
	}
	for (size_t i = 0; i < COUNT(refusals); i++)
		test_refusal(&refusals[i]);
	test_archive();
	test_check_only();
	test_others();
	run(output, sizeof(output), "cd / && rm -rf $OLDPWD");
	return failures != 0;
}
