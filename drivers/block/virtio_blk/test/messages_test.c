/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - virtio_blk on the host, against messages of all kinds (tests/messages), and a
 * device that answers when it likes, with any status, length and order.
 *
 * Job:      plays pci, and the device: registers in memory, where it finds the queue; it reads and
 *           writes all that a request names, so that the sanitizers see where that is.
 * Speaks:   contracts/pci, a few calls of contracts/vm; virtio 1.0.
 * Touches:  the driver's memory for DMA, whose physical addresses are its addresses.
 * Trusts:   nothing.
 * On crash: it is a host test: it fails.
 *
 * Links: lib/virtio/device.c lib/virtio/queue.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contract/pci.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/virtio/queue.h>
#include <tests/messages/messages.h>

/* BAR 0: common registers, bell, configuration of the device, MSI-X table. */
enum { BAR_BYTES = 0x4000, BELL = 0x1000, OWN = 0x2000, MSIX = 0x3000, PART = 0x100 };
enum { NONSENSE = VIRTQ_REFUSED_MAX - 2, ENOUGH = 1000 };

/* virtio 1.0, 4.1.4.3; 5.2.4 */
struct common {
	uint32_t select, feature, driver_select, driver_feature;
	uint16_t msix, queues;
	uint8_t status, generation;
	uint16_t queue, size, vector, enable, bell;
	uint64_t desc, avail, used;
};
struct own { uint64_t capacity; uint32_t size_max, seg_max, geometry, sector; };

static union { struct common common; uint8_t byte[BAR_BYTES]; } bar
	__attribute__((aligned(PAGE_SIZE)));
static uint32_t config[64];             /* PCI configuration space */
static uint16_t taken, heads[VIRTQ_MAX];        /* requests that it works on */
static unsigned nr_heads, done, nonsense;

/* It makes less nonsense than the driver bears. */
void die(int status)
{
	printf("FAIL the driver goes on: it ends with %d\n", status);
	fflush(stdout);
	abort();
}

/* ---- the device ---- */

static void touch_part(const struct virtq_desc *s, bool is_last)
{
	uint8_t *at = (uint8_t *)s->addr, copy[PAGE_SIZE];

	if (s->len == 0 || s->len > PAGE_SIZE)
		die(2);
	memcpy(copy, at, s->len);
	if (!(s->flags & VIRTQ_DESC_WRITE))
		return;
	memset(at, (int)below(256), s->len);
	if (is_last)
		*at = one_in(6) ? (uint8_t)any() : 0;
}

static void work(uint16_t head)
{
	const struct virtq_desc *table = (const struct virtq_desc *)bar.common.desc;
	unsigned n = head, steps = 0;

	if (table[head].flags & VIRTQ_DESC_INDIRECT) {
		table = (const struct virtq_desc *)table[head].addr;
		n = 0;
	}
	while (steps++ <= VIRTQ_SEGMENTS && table[n].flags & VIRTQ_DESC_NEXT) {
		touch_part(&table[n], false);
		n = table[n].next;
	}
	if (steps > VIRTQ_SEGMENTS)
		die(3);
	touch_part(&table[n], true);
}

static void tell(uint32_t id)
{
	volatile struct virtq_used *used = (volatile struct virtq_used *)bar.common.used;
	unsigned at = used->idx % bar.common.size;

	used->ring[at].id = id;
	used->ring[at].len = one_in(9) ? (uint32_t)any() : (uint32_t)below(70000);
	used->flags = one_in(9) ? (uint16_t)any() : 0;
	used->idx++;
	done++;
}

static void device_works(void)
{
	const volatile struct virtq_avail *avail = (const volatile void *)bar.common.avail;

	if (!bar.common.enable)
		return;
	for (; taken != avail->idx && nr_heads < bar.common.size; taken++)
		heads[nr_heads++] = avail->ring[taken % bar.common.size];
	while (nr_heads != 0 && !one_in(3)) {
		unsigned n = (unsigned)below(nr_heads);

		work(heads[n]);
		tell(heads[n]);
		if (one_in(9000) && nonsense++ < NONSENSE)
			tell(heads[n]);
		heads[n] = heads[--nr_heads];
	}
	if (one_in(20000) && nonsense++ < NONSENSE)
		tell(bar.common.size + (uint32_t)below(1 << 30));
}

/* With a line that nobody has claimed, now and then. */
static void shape(struct delivery *d)
{
	device_works();
	if (d->m.type == TYPE_NOTIFY && one_in(2))
		d->m.w[1] |= 1;
}

/* ---- pci and vm ---- */

static bool pci_answer(struct message *m)
{
	const struct pci_config_read_request *read = (const struct pci_config_read_request *)m->w;
	struct pci_claim_reply claim = { .vectors = 4 };
	struct pci_bar_reply b = { .address = 0xfe000000, .size = BAR_BYTES,
				   .flags = PCI_BAR_GRANTED };
	struct pci_msix_set_reply msix = { .vectors = 4, .table_offset = MSIX };
	unsigned first = read->offset / 4, count = read->count;

	switch (m->type) {
	case PCI_CLAIM:
		memcpy(m->w, &claim, sizeof(claim));
		return true;
	case PCI_BAR:
		memcpy(m->w, &b, sizeof(b));
		return true;
	case PCI_CONFIG_READ:
		memcpy(m->w, config + first, count * sizeof(config[0]));
		return true;
	case PCI_MSIX_SET:
		memcpy(m->w, &msix, sizeof(msix));
		return true;
	default:
		return m->type == PCI_BUS_MASTER;
	}
}

static bool answer(struct message *m, const volatile void *range, uint64_t lend)
{
	struct vm_dma_address_request *req = (struct vm_dma_address_request *)m->w;
	struct vm_dma_address_reply dma = { .physical = req->address, .run = req->len };
	struct vm_device_map_reply map = { .address = (uint64_t)(uintptr_t)&bar };

	(void)range, (void)lend;
	if (m->type == VM_DMA_ADDRESS) {
		if (one_in(2) && dma.run > PAGE_SIZE)
			dma.run = PAGE_SIZE;
		memcpy(m->w, &dma, sizeof(dma));
	} else if (m->type == VM_DEVICE_MAP) {
		memcpy(m->w, &map, sizeof(map));
	} else if (!pci_answer(m)) {
		return false;
	}
	m->type = 0;
	return true;
}

/* ---- before it starts ---- */

/* A capability that says where a part of BAR 0 is (4.1.4). */
static void capability(unsigned at, unsigned next, uint32_t type, uint32_t offset)
{
	config[at / 4] = type << 24 | 20 << 16 | next << 8 | 9;
	config[at / 4 + 1] = 0;
	config[at / 4 + 2] = offset;
	config[at / 4 + 3] = PART;
	config[at / 4 + 4] = 0;
}

static void prepare(void)
{
	struct own *own = (struct own *)(bar.byte + OWN);

	config[1] = 0x10 << 16;
	config[0x34 / 4] = 0x40;
	capability(0x40, 0x60, 1, 0);
	capability(0x60, 0x80, 2, BELL);
	capability(0x80, 0, 4, OWN);
	/* The same word for both halves: bit 0 of the upper one is VERSION_1. */
	bar.common.feature = 1 | (any() & (2 | 4 | 64 | 512 | 1 << 28)) | (one_in(8) ? 32 : 0);
	bar.common.queues = 1;
	bar.common.size = (uint16_t)(32 << below(4));
	own->capacity = 1 << 20;
	own->size_max = PAGE_SIZE << below(4);
	own->seg_max = 1 + (uint32_t)below(30);
	own->sector = 512 << below(4);
}

static bool check(void)
{
	printf("    the device has done %u requests, in a queue of %u, with features 0x%x\n", done,
	       bar.common.size, bar.common.feature);
	return done > ENOUGH;
}

const struct fuzzed fuzzed = {
	.name = "virtio_blk", .messages = 200000, .notifiers = ~0ull, .prepare = prepare,
	.check = check, .answer = answer, .shape = shape,
};
