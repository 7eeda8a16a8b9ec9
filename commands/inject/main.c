/* SPDX-License-Identifier: BSD-2-Clause
 * main.c - faults in services, by hand and in scripts.
 *
 * Job:      inject NAME bit|delete|branch|stop|hang [SEED [ADDRESS]] | undo NUMBER | list.
 * Speaks:   contracts/inject.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: it is a program: nothing depends on it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <contract/inject.h>
#include <lib/peer.h>

static const char *const kinds[] = {
	[INJECT_KIND_BIT] = "bit", [INJECT_KIND_DELETE] = "delete", [INJECT_KIND_BRANCH] = "branch",
	[INJECT_KIND_STOP] = "stop", [INJECT_KIND_HANG] = "hang",
};
enum { KINDS = INJECT_KIND_LAST + 1 };

static struct peer service = PEER("inject");

static int failed(const char *what, err_t err)
{
	const char *text = strerror(-err);

	switch (-err) {
	case ENOLINK:
		text = "the service does not run (service start inject)";
		break;
	case EPERM:
		text = "only root may, and nobody into rs, rsguard and inject";
		break;
	case ENOENT:
		text = "there is none";
		break;
	case ESRCH:
		text = "not running";
		break;
	case EINVAL:
		text = "no instruction begins there, or none can become that";
		break;
	case ESTALE:
		text = "gone already: the service has begun anew since";
		break;
	case ENOSPC:
		text = "too many are there: take some back (inject undo NUMBER)";
		break;
	default:
		break;
	}
	fprintf(stderr, "inject: %s: %s\n", what, text);
	return 1;
}

static int usage(void)
{
	fputs("usage: inject NAME bit|delete|branch|stop|hang [SEED [ADDRESS]]\n"
	      "       inject undo NUMBER\n"
	      "       inject list\n", stderr);
	return 2;
}

static bool read_number(const char *text, unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static void print_bytes(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t n = 0; n < len && n < 16; n++)
		printf(" %02x", bytes[n]);
}

static int plant(const char *name, uint32_t kind, uint32_t seed, uint64_t address)
{
	struct inject_plant_request req = { .address = address, .kind = kind, .seed = seed };
	struct inject_plant_reply reply;
	err_t err;

	if (strlen(name) >= sizeof(req.name))
		return failed(name, -ENOENT);
	strcpy(req.name, name);
	err = inject_plant(&service, &req, &reply);
	if (err != 0)
		return failed(name, err);
	printf("%u: %s at 0x%llx, %s (seed %u):", reply.number, name,
	       (unsigned long long)reply.address, kinds[kind], seed);
	print_bytes(reply.old, reply.len);
	printf(" ->");
	print_bytes(reply.new, reply.len);
	printf("\n");
	return 0;
}

static int undo(const char *text)
{
	struct inject_undo_request req;
	unsigned long long number;
	err_t err;

	if (!read_number(text, &number) || number > UINT32_MAX)
		return usage();
	req = (struct inject_undo_request){ .number = (uint32_t)number };
	err = inject_undo(&service, &req);
	return err == 0 ? 0 : failed(text, err);
}

static int list(void)
{
	struct inject_list_reply reply;
	err_t err = 0;

	for (uint32_t index = 0; err == 0; index++) {
		struct inject_list_request req = { .index = index };

		err = inject_list(&service, &req, &reply);
		if (err == 0)
			printf("%4u %-12s 0x%08llx %-6s %s\n", reply.number, reply.name,
			       (unsigned long long)reply.address,
			       reply.kind < KINDS ? kinds[reply.kind] : "?",
			       reply.is_there ? "there" : "gone: it has begun anew");
	}
	return err == -ENOENT ? 0 : failed("list", err);
}

int main(int argc, char **argv)
{
	unsigned long long seed = (unsigned long long)time(NULL) & UINT32_MAX, address = 0;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc == 3 && strcmp(argv[1], "undo") == 0)
		return undo(argv[2]);
	if (argc < 3 || argc > 5 || (argc > 3 && !read_number(argv[3], &seed)) ||
	    seed > UINT32_MAX || (argc > 4 && (!read_number(argv[4], &address) || address == 0)))
		return usage();
	for (uint32_t kind = 0; kind < KINDS; kind++)
		if (strcmp(argv[2], kinds[kind]) == 0)
			return plant(argv[1], kind, (uint32_t)seed, address);
	return usage();
}
