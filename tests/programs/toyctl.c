/* SPDX-License-Identifier: BSD-2-Clause
 * toyctl.c - talks to toy, the stateful service that dies on request.
 *
 *	toyctl put KEY VALUE | get KEY | sum | complain | crash KIND KEY VALUE [always]
 *
 * TOY in the environment: another service of its kind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contract/rs.h>
#include <contract/toy.h>
#include <lib/peer.h>

static struct peer toy = PEER("toy"), rs = PEER("rs");

static void find_toy(void)
{
	const char *other = getenv("TOY");

	if (other != NULL)
		snprintf(toy.name, sizeof(toy.name), "%s", other);
	if (peer_find(&toy) != 0) {
		fprintf(stderr, "toyctl: %s is not there\n", toy.name);
		exit(1);
	}
}

static int result(err_t err)
{
	if (err == 0)
		return 0;
	printf("error %d\n", -err);
	return 1;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	err_t err;

	find_toy();
	if (argc == 4 && strcmp(verb, "put") == 0) {
		struct toy_put_request req = { .key = (uint32_t)atoi(argv[2]),
					       .value = atoll(argv[3]) };
		struct toy_put_reply old;

		return result(toy_put(&toy, &req, &old));
	}
	if (argc == 3 && strcmp(verb, "get") == 0) {
		struct toy_get_request req = { .key = (uint32_t)atoi(argv[2]) };
		struct toy_get_reply reply;

		err = toy_get(&toy, &req, &reply);
		if (err == 0)
			printf("%ld\n", (long)reply.value);
		return result(err);
	}
	if (argc == 2 && strcmp(verb, "sum") == 0) {
		struct toy_sum_reply reply;

		err = toy_sum(&toy, &reply);
		if (err == 0)
			printf("sum %ld of %u keys, %u recoveries\n", (long)reply.sum, reply.keys,
			       reply.recoveries);
		return result(err);
	}
	if (argc == 2 && strcmp(verb, "complain") == 0) {
		struct rs_complain_request req = { .accused = toy.at, .reason = RS_COMPLAINT_DATA };

		return result(rs_complain(&rs, &req));
	}
	if (argc >= 5 && strcmp(verb, "crash") == 0) {
		struct toy_crash_request req = {
			.kind = (uint32_t)atoi(argv[2]), .key = (uint32_t)atoi(argv[3]),
			.value = atoll(argv[4]), .when = argc > 5,
		};
		struct toy_crash_reply reply;

		return result(toy_crash(&toy, &req, &reply));
	}
	fprintf(stderr, "usage: toyctl put KEY VALUE | get KEY | sum | complain | "
			"crash KIND KEY VALUE [always]\n");
	return 2;
}
