/* SPDX-License-Identifier: BSD-2-Clause
 * image_test.c - a service is recovered, and whoever does it dies before any one of its kernel
 * calls and begins anew. The kernel and the service's memory are played here.
 *
 * Links: lib/image.c
 */
#include <setjmp.h>
#include <string.h>

#include <tests/unit.h>

#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/service_ids.h>

enum { STACK = 8192, CALLS = 64, FIRST = 0x401000, SECOND = 0x402000, SERVICE_ID = 12 };

#define service FIRST_ENDPOINT(SERVICE_ID)
static uint8_t stack[STACK] __attribute__((aligned(16)));
static struct user_regs frozen;         /* what the kernel has of it */
static unsigned calls, deadly;          /* before this call the guardian dies; 0: it does not */
static jmp_buf death;
static bool runs;

/* An ELF program without segments. */
static const uint8_t elf[64] = { [24] = 0x10 };
static const struct image image = { elf, sizeof(elf) };

static void enter(void)
{
	if (++calls == deadly)
		longjmp(death, 1);
}

static struct service_args *its_args(void)
{
	return (struct service_args *)(stack + STACK - sizeof(struct service_args));
}

/* ---- what the kernel would do ---- */

err_t sys_proc_copy(const struct proc_copy_request *req, struct proc_copy_reply *reply)
{
	uint8_t *at = stack + (req->remote - (IMAGE_STACK_TOP - STACK));

	(void)reply;
	enter();
	CHECK(endpoint_eq(req->proc, service) && !runs);
	if (req->remote < IMAGE_STACK_TOP - STACK || req->remote + req->len > IMAGE_STACK_TOP)
		return -EFAULT;
	if (req->dir == COPY_OUT)
		memcpy(at, (const void *)(uintptr_t)req->local, req->len);
	else
		memcpy((void *)(uintptr_t)req->local, at, req->len);
	return 0;
}

err_t sys_proc_regs_get(const struct proc_regs_get_request *req)
{
	enter();
	memcpy((void *)(uintptr_t)req->address, &frozen, sizeof(frozen));
	return 0;
}

err_t sys_proc_recover(const struct proc_recover_request *req)
{
	enter();
	CHECK(req->stack == SERVICE_ARGS_VA && req->entry == 0x10);
	runs = true;
	return 0;
}

/* ---- tests ---- */

static void guard(void)
{
	struct service_args args = { .id = SERVICE_ID, .words = "word" };

	calls = 0;
	if (setjmp(death) != 0) {
		calls = CALLS;          /* nobody dies twice */
		args = (struct service_args){ .id = SERVICE_ID, .words = "word" };
	}
	CHECK(image_recover(&image, service, STACK, &args) == 0);
}

/* It has died here, and its args hold the registers of an earlier death, which it has not seen; or
 * 0. It finds those of `expected`. */
static void dies(uint64_t here, uint64_t earlier, uint64_t expected)
{
	for (deadly = 0; deadly <= 8; deadly++) {
		memset(stack, 0xee, STACK);
		*its_args() = (struct service_args){ .id = SERVICE_ID, .regs.rip = earlier,
						     .regs.rbx = earlier };
		frozen = (struct user_regs){ .rip = here, .rbx = here };
		runs = false;
		guard();
		CHECK(runs && its_args()->id == SERVICE_ID);
		CHECK(strcmp(its_args()->words, "word") == 0);
		CHECK_EQ(its_args()->regs.rip, expected);
		CHECK_EQ(its_args()->regs.rbx, expected);
		for (size_t i = 0; i < STACK - sizeof(struct service_args); i++)
			CHECK(stack[i] == 0);
	}
}

static void t_first(void)
{
	dies(FIRST, 0, FIRST);
}

static void t_second(void)
{
	dies(SECOND, FIRST, FIRST);
}

int main(void)
{
	TEST("it finds the registers of its death, whenever its guardian dies", t_first);
	TEST("if it dies before it has seen them, it finds them all the same", t_second);
	return test_result();
}
