/* SPDX-License-Identifier: BSD-2-Clause
 * display.c - where the picture is: the boot loader's framebuffer, or QEMU's standard display.
 *
 * Job:      finds a linear framebuffer; if the loader has none, sets a mode on a Bochs display.
 * Speaks:   contracts/pci, contracts/vm (device_map); the kernel call boot_info.
 * Touches:  the framebuffer that the loader told of (manifest: framebuffer yes), or the BARs of
 *           PCI 1234:1111.
 * Trusts:   the loader for the framebuffer's address, which rs has given us and nobody else; of the
 *           device no size.
 * On crash: found, and set, again.
 * Spec:     Multiboot2 2.0, 3.6.12 (framebuffer info); QEMU docs/specs/standard-vga.rst.
 */
#include "screen.h"
#include "screen_hw.h"

#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/pci.h>
#include <lib/peer.h>
#include <lib/print.h>

enum { WIDTH = 1024, HEIGHT = 768, BPP = 32, DIRECT_COLOUR = 1, SIDE_MAX = 16384 };

static struct peer vm = PEER("vm");

static bool sound(const struct boot_framebuffer *fb)
{
	return fb->base != 0 && fb->type == DIRECT_COLOUR &&
	       (fb->bpp == 16 || fb->bpp == 24 || fb->bpp == 32) && fb->width != 0 &&
	       fb->width <= SIDE_MAX && fb->height != 0 && fb->height <= SIDE_MAX &&
	       fb->pitch >= fb->width * (fb->bpp / 8u) && fb->pitch <= 4 * SIDE_MAX;
}

static bool of_loader(struct picture *p)
{
	static struct boot_info boot;
	const struct boot_framebuffer *fb = &boot.fb;
	struct boot_info_request info = { .address = (uint64_t)&boot };
	struct vm_device_map_request map;
	struct vm_device_map_reply mapped;

	assert(sys_boot_info(&info) == 0);
	if (!sound(fb))
		return false;
	map.physical = fb->base & ~(uint64_t)(PAGE_SIZE - 1);
	map.len = (fb->base + (uint64_t)fb->pitch * fb->height - map.physical + PAGE_SIZE - 1) &
		  ~(uint64_t)(PAGE_SIZE - 1);
	if (vm_device_map(&vm, &map, &mapped) != 0)
		return false;
	*p = (struct picture){
		.at = (volatile uint8_t *)mapped.address + fb->base % PAGE_SIZE,
		.pitch = fb->pitch, .width = fb->width, .height = fb->height, .bytes = fb->bpp / 8u,
	};
	return true;
}

static bool of_bochs(struct picture *p)
{
	struct pci_device d;
	volatile uint8_t *registers, *memory;
	volatile uint16_t *mode;

	if (pci_open(&d, BOCHS_VENDOR, BOCHS_DEVICE, 0) != 0)
		return false;
	registers = pci_at(&d, BOCHS_REGISTERS_BAR, 0, BOCHS_REGISTERS);
	memory = pci_at(&d, BOCHS_MEMORY_BAR, 0, (uint64_t)WIDTH * HEIGHT * BPP / 8);
	if (registers == NULL || memory == NULL)
		return false;
	mode = (volatile uint16_t *)(registers + BOCHS_MODE);
	if (mode[MODE_ID] < MODE_ID_FIRST || mode[MODE_ID] > MODE_ID_LAST)
		return false;
	mode[MODE_ENABLE] = 0;
	mode[MODE_WIDTH] = mode[MODE_VIRTUAL_WIDTH] = WIDTH;
	mode[MODE_HEIGHT] = mode[MODE_VIRTUAL_HEIGHT] = HEIGHT;
	mode[MODE_BPP] = BPP;
	mode[MODE_X] = mode[MODE_Y] = 0;
	mode[MODE_ENABLE] = ENABLE_ON | ENABLE_LINEAR;
	registers[BOCHS_VGA + VGA_ATTRIBUTE] = ATTRIBUTE_SHOW;
	if (mode[MODE_WIDTH] != WIDTH || mode[MODE_HEIGHT] != HEIGHT)
		return false;
	*p = (struct picture){
		.at = memory, .pitch = WIDTH * BPP / 8, .width = WIDTH, .height = HEIGHT,
		.bytes = BPP / 8,
	};
	return true;
}

void display_find(struct picture *p)
{
	const char *from = "the boot loader's framebuffer";
	bool found = of_loader(p);

	if (!found) {
		from = "standard display";
		found = of_bochs(p);
	}
	if (found)
		print("%s, %ux%u, %u bits\n", from, p->width, p->height, 8 * p->bytes);
	else
		print("there is no screen\n");
}
