/* SPDX-License-Identifier: BSD-2-Clause
 * cpu_test.c - who has kept whom from running.
 *
 * Links: servers/rs/cpu.c
 */
#include <string.h>

#include <servers/rs/rs.h>
#include <tests/unit.h>

enum { HOG = 4, WAITS = 5, OTHER = 6 };

static struct proc_info_reply info[NR_SERVICES];

endpoint_t service_endpoint(unsigned id)
{
	return ENDPOINT(1, id);
}

err_t sys_proc_info(const struct proc_info_request *req, struct proc_info_reply *reply)
{
	*reply = info[req->slot];
	return 0;
}

/* All of them are there, wait for messages, and have been asked. */
static void begin(void)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		info[id] = (struct proc_info_reply){
			.proc = ENDPOINT(1, id), .state = STATE_RECEIVING,
			.switches = 10 + id, .user_ticks = 100 * id,
		};
		cpu_asked(id);
	}
}

static void ran(unsigned id, uint64_t ticks)
{
	info[id].user_ticks += ticks;
	info[id].switches++;
	info[id].state = 0;
}

static void t_nobody(void)
{
	begin();
	ran(HOG, 80);
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);          /* it waits for a message */
	info[WAITS].state = 0;
	ran(WAITS, 0);
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);          /* it was there for a moment */
}

static void t_hog(void)
{
	begin();
	ran(HOG, 80);
	ran(OTHER, 3);
	info[WAITS].state = 0;
	CHECK_EQ(cpu_hog(WAITS), HOG);
	info[WAITS].proc = ENDPOINT_NONE;
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);
}

static void t_asked_meanwhile(void)
{
	begin();
	ran(HOG, 80);
	cpu_asked(HOG);                 /* what it used before that counts, too */
	info[WAITS].state = 0;
	CHECK_EQ(cpu_hog(WAITS), HOG);
	cpu_asked(HOG);
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);
}

static void t_shared(void)
{
	begin();
	ran(HOG, 40);
	ran(OTHER, 40);
	info[WAITS].state = 0;
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);          /* neither of them more than the other */
	begin();
	ran(HOG, 10);
	info[WAITS].state = 0;
	CHECK_EQ(cpu_hog(WAITS), NR_SERVICES);          /* nobody had much of it */
}

int main(void)
{
	TEST("who waits for messages, or has run, has been kept by nobody", t_nobody);
	TEST("who could run and never did was kept by who computed", t_hog);
	TEST("who is asked meanwhile is found by what it used before", t_asked_meanwhile);
	TEST("without one that had more than all others it is nobody's fault", t_shared);
	return test_result();
}
