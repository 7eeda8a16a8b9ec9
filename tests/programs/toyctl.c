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

#include <commands/ask.h>
#include <contract/toy.h>

static err_t ask(endpoint_t to, uint32_t type, const void *req, size_t req_size, void *reply,
		 size_t reply_size)
{
	return ask_at(to, type, req, req_size, reply, reply_size, NULL, 0);
}

static endpoint_t find_toy(void)
{
	const char *other = getenv("TOY"), *name = other != NULL ? other : "toy";
	endpoint_t toy;

	if (find_service(name, &toy) != 0) {
		fprintf(stderr, "toyctl: %s is not there\n", name);
		exit(1);
	}
	return toy;
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
	endpoint_t toy = find_toy();
	const char *verb = argc > 1 ? argv[1] : "";
	err_t err;

	if (argc == 4 && strcmp(verb, "put") == 0) {
		struct toy_put_request req = { .key = (uint32_t)atoi(argv[2]),
					       .value = atoll(argv[3]) };

		return result(ask(toy, TOY_PUT, &req, sizeof(req), &req, 0));
	}
	if (argc == 3 && strcmp(verb, "get") == 0) {
		struct toy_get_request req = { .key = (uint32_t)atoi(argv[2]) };
		struct toy_get_reply reply;

		err = ask(toy, TOY_GET, &req, sizeof(req), &reply, sizeof(reply));
		if (err == 0)
			printf("%ld\n", (long)reply.value);
		return result(err);
	}
	if (argc == 2 && strcmp(verb, "sum") == 0) {
		struct toy_sum_reply reply;

		err = ask(toy, TOY_SUM, NULL, 0, &reply, sizeof(reply));
		if (err == 0)
			printf("sum %ld of %u keys, %u recoveries\n", (long)reply.sum, reply.keys,
			       reply.recoveries);
		return result(err);
	}
	if (argc == 2 && strcmp(verb, "complain") == 0) {
		struct rs_complain_request req = { .accused = toy, .reason = RS_COMPLAINT_DATA };

		return result(ask(FIRST_ENDPOINT(ID_RS), RS_COMPLAIN, &req, sizeof(req), &req, 0));
	}
	if (argc >= 5 && strcmp(verb, "crash") == 0) {
		struct toy_crash_request req = {
			.kind = (uint32_t)atoi(argv[2]), .key = (uint32_t)atoi(argv[3]),
			.value = atoll(argv[4]), .when = argc > 5,
		};

		err = ask(toy, TOY_CRASH, &req, sizeof(req), &req, 0);
		return result(err);
	}
	fprintf(stderr, "usage: toyctl put KEY VALUE | get KEY | sum | complain | "
			"crash KIND KEY VALUE [always]\n");
	return 2;
}
