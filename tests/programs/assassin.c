/* SPDX-License-Identifier: BSD-2-Clause
 * assassin.c - kills services one after the other, as `service kill` does, without a process for
 * each kill: it goes on where nobody can fork.
 *
 *	assassin MS ROUNDS NAME...      every MS ms the next one, all of them ROUNDS times
 *	assassin -r SEED MS SECONDS NAME...     one of them at random; says how often each died
 *	assassin -c MS NAME             once, in MS ms, till when it computes: nobody need wake it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <contract/rs.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>

/* -ESRCH, it is just starting, is no matter: some other time. */
static err_t kill_service(const char *name)
{
	struct message m = { .peer = FIRST_ENDPOINT(ID_RS), .type = RS_KILL };
	struct rs_kill_request req = { .signal = 9 };
	err_t err;

	strncpy(req.name, name, sizeof(req.name) - 1);
	memcpy(m.w, &req, sizeof(req));
	err = ipc_sendrec(&m, NULL, 0);
	return err != 0 ? err : (err_t)m.type;
}

static int at_random(int argc, char **argv)
{
	unsigned killed[64] = { 0 };
	time_t end = time(NULL) + atoi(argv[2]);

	srandom((unsigned)atoi(argv[0]));
	argv += 3;
	argc -= 3;
	while (argc <= 64 && time(NULL) < end) {
		long i = random() % argc;

		killed[i] += kill_service(argv[i]) == 0;
		usleep((useconds_t)atoi(argv[-2]) * 1000);
	}
	for (int i = 0; i < argc; i++)
		printf("killed %s %u\n", argv[i], killed[i]);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);     /* by the vDSO: no call */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int awake(unsigned ms, const char *name)
{
	uint64_t end = now_ms() + ms;

	while (now_ms() < end)
		;
	return kill_service(name) != 0;
}

int main(int argc, char **argv)
{
	unsigned killed = 0;

	if (argc > 5 && strcmp(argv[1], "-r") == 0)
		return at_random(argc - 2, argv + 2);
	if (argc == 4 && strcmp(argv[1], "-c") == 0)
		return awake((unsigned)atoi(argv[2]), argv[3]);
	if (argc < 4)
		return 2;
	for (int round = atoi(argv[2]); round > 0; round--)
		for (int i = 3; i < argc; i++) {
			killed += kill_service(argv[i]) == 0;
			usleep((useconds_t)atoi(argv[1]) * 1000);
		}
	printf("%u killed\n", killed);
	return 0;
}
