/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - screen on the host, against messages of all kinds (tests/messages), with a
 * framebuffer and a font of one glyph.
 */
#include <string.h>

#include <abi/boot.h>
#include <contract/kernel.h>
#include <contract/vm.h>
#include <tests/messages/messages.h>

enum { WIDTH = 640, HEIGHT = 400, BITS = 32 };

__asm__(".section .rodata\n.balign 4096\n.globl font_start, font_end\n"
	"font_start: .long 0x746e6f66, 8, 16, 1, 0\n.space 16\nfont_end:\n.text\n");

static uint32_t pixel[WIDTH * HEIGHT];

static bool kernel(uint32_t number, struct message *m, err_t *err)
{
	struct boot_info *info = (struct boot_info *)m->w[0];

	if (number != SYS_BOOT_INFO)
		return false;
	memset(info, 0, sizeof(*info));
	info->fb.base = 0xe0000000;
	info->fb.width = WIDTH;
	info->fb.height = HEIGHT;
	info->fb.pitch = WIDTH * BITS / 8;
	info->fb.bpp = BITS;
	info->fb.type = 1;
	*err = 0;
	return true;
}

static bool answer(struct message *m, const volatile void *range, uint64_t lend)
{
	struct vm_device_map_reply reply = { .address = (uint64_t)(uintptr_t)pixel };

	(void)range;
	(void)lend;
	if (m->type != VM_DEVICE_MAP)
		return false;
	memcpy(m->w, &reply, sizeof(reply));
	m->type = 0;
	return true;
}

const struct fuzzed fuzzed = {
	.name = "screen", .messages = 100000, .notifiers = ~0ull, .kernel = kernel,
	.answer = answer,
};
