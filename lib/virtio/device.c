/* SPDX-License-Identifier: BSD-2-Clause
 * device.c - a virtio device on PCI, driver's side.
 *
 * Job:      finds the register blocks, resets, agrees on features, hands queues over.
 * Speaks:   contracts/pci and vm, through lib/pci.h and lib/dma.h.
 * Touches:  the device's registers.
 * Trusts:   no number of the device's: offsets, sizes and steps are checked; every wait is bounded.
 * On crash: the successor resets the device, which ends its DMA.
 * Spec:     Virtual I/O Device (VIRTIO) 1.0, 2.1 (status), 2.2 (features), 3.1.1 (initialization),
 *           4.1.3, 4.1.4 (PCI capabilities and registers).
 */
#include <lib/dma.h>
#include <lib/string.h>
#include <lib/virtio/device.h>

struct virtio_common {                                  /* 4.1.4.3 */
	uint32_t device_feature_select, device_feature;
	uint32_t driver_feature_select, driver_feature;
	uint16_t msix_config, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select;
	uint16_t queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(sizeof(struct virtio_common) == 56, "virtio 1.0, 4.1.4.3");

enum { CAPABILITY_VENDOR = 9, CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_DEVICE = 4 };         /* 4.1.4 */
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8,
       STATUS_NEEDS_RESET = 64, STATUS_FAILED = 128 };                                  /* 2.1 */
enum { NO_VECTOR = 0xffff, RESET_LOOKS = 1000000, CONFIG_TRIES = 100 };

/* One structure that a capability describes. */
static void take_capability(struct virtio_device *d, const uint32_t *cap)
{
	unsigned type = cap[0] >> 24, bar = cap[1] & 0xff;
	volatile void *at = pci_at(&d->pci, bar, cap[2], cap[3]);

	if (at == NULL)
		return;
	if (type == CAP_COMMON && d->common == NULL && cap[3] >= sizeof(*d->common)) {
		d->common = at;
	} else if (type == CAP_NOTIFY && d->notify == NULL) {
		d->notify = at;
		d->notify_len = cap[3];
		d->notify_step = cap[4];
	} else if (type == CAP_DEVICE && d->config == NULL) {
		d->config = at;
		d->config_len = cap[3];
	}
}

static err_t find_registers(struct virtio_device *d)
{
	unsigned at = 0;

	while ((at = pci_capability(&d->pci, CAPABILITY_VENDOR, at)) != 0) {
		uint32_t cap[5];
		unsigned words = at <= 256 - sizeof(cap) ? 5 : 4;

		cap[4] = 0;
		if (at > 256 - 16 || pci_read(&d->pci, at, cap, words) != 0)
			continue;
		if (cap[0] >> 24 == CAP_COMMON || cap[0] >> 24 == CAP_NOTIFY ||
		    cap[0] >> 24 == CAP_DEVICE)
			take_capability(d, cap);
	}
	return d->common != NULL && d->notify != NULL && d->config != NULL ? 0 : -ENOTSUP;
}

static void add_status(struct virtio_device *d, uint8_t bits)
{
	d->common->device_status = d->common->device_status | bits;
}

/* 4.1.4.3.2: after the reset, wait until the device says so. */
static err_t reset(struct virtio_device *d)
{
	d->common->device_status = 0;
	for (unsigned n = 0; n < RESET_LOOKS; n++)
		if (d->common->device_status == 0)
			return 0;
	return -EIO;
}

static uint64_t offered(struct virtio_device *d)
{
	uint64_t low, high;

	d->common->device_feature_select = 0;
	low = d->common->device_feature;
	d->common->device_feature_select = 1;
	high = d->common->device_feature;
	return low | high << 32;
}

/* 3.1.1, steps 4 to 6. */
static err_t agree(struct virtio_device *d, uint64_t wanted)
{
	d->features = offered(d) & (wanted | VIRTIO_F_VERSION_1);
	if (!(d->features & VIRTIO_F_VERSION_1))
		return -ENOTSUP;
	d->common->driver_feature_select = 0;
	d->common->driver_feature = (uint32_t)d->features;
	d->common->driver_feature_select = 1;
	d->common->driver_feature = (uint32_t)(d->features >> 32);
	add_status(d, STATUS_FEATURES_OK);
	return d->common->device_status & STATUS_FEATURES_OK ? 0 : -ENOTSUP;
}

err_t virtio_open(struct virtio_device *d, uint16_t id, unsigned index, uint64_t wanted)
{
	err_t err;

	memset(d, 0, sizeof(*d));
	err = pci_open(&d->pci, VIRTIO_VENDOR, id, index);
	if (err == 0)
		err = find_registers(d);
	if (err == 0)
		err = reset(d);
	if (err == 0)
		err = pci_dma(&d->pci, true);
	if (err != 0)
		return err;
	add_status(d, STATUS_ACKNOWLEDGE);
	add_status(d, STATUS_DRIVER);
	err = agree(d, wanted);
	if (err != 0)
		add_status(d, STATUS_FAILED);
	return err;
}

static void put64(volatile uint32_t *at, uint64_t value)        /* 4.1.3.1: two halves */
{
	at[0] = (uint32_t)value;
	at[1] = (uint32_t)(value >> 32);
}

/* The largest power of two that both can do. 0: the device has no such queue. */
static uint16_t queue_size(const struct virtio_device *d)
{
	uint16_t size = d->common->queue_size, fits = VIRTQ_MAX;

	while (fits > size)
		fits /= 2;
	return fits;
}

static bool find_bell(struct virtio_device *d, unsigned n)
{
	uint64_t at = (uint64_t)d->common->queue_notify_off * d->notify_step;

	if (at + sizeof(uint16_t) > d->notify_len || at % sizeof(uint16_t) != 0)
		return false;
	d->bell[n] = (volatile uint16_t *)(d->notify + at);
	return true;
}

err_t virtio_queue(struct virtio_device *d, unsigned n, struct virtq *q,
		   volatile struct virtq_memory *m, unsigned msi, unsigned bit)
{
	uint64_t physical[VIRTQ_PAGES];
	uint16_t size;
	err_t err;

	if (n >= VIRTIO_QUEUES || n >= d->common->num_queues)
		return -ENOTSUP;
	err = dma_pages(m, VIRTQ_PAGES, physical);
	if (err == 0)
		err = pci_msix_vector(&d->pci, n, msi, bit);
	if (err != 0)
		return err;
	d->common->queue_select = (uint16_t)n;
	size = queue_size(d);
	if (size == 0 || !find_bell(d, n))
		return -EIO;
	virtq_init(q, m, physical, size, d->features & VIRTIO_F_INDIRECT_DESC);
	d->common->queue_size = size;
	d->common->msix_config = NO_VECTOR;
	d->common->queue_msix_vector = (uint16_t)n;
	if (d->common->queue_msix_vector != n)          /* 4.1.5.1.2.1: no room for it */
		return -EIO;
	put64(d->common->queue_desc,
	      physical[offsetof(struct virtq_memory, desc) / PAGE_SIZE]);
	put64(d->common->queue_driver,
	      physical[offsetof(struct virtq_memory, avail) / PAGE_SIZE]);
	put64(d->common->queue_device,
	      physical[offsetof(struct virtq_memory, used) / PAGE_SIZE]);
	d->common->queue_enable = 1;
	return 0;
}

err_t virtio_start(struct virtio_device *d)
{
	add_status(d, STATUS_DRIVER_OK);
	return d->common->device_status & STATUS_NEEDS_RESET ? -EIO : 0;
}

void virtio_kick(const struct virtio_device *d, unsigned n)
{
	*d->bell[n] = (uint16_t)n;                      /* 4.1.5.2 */
}

bool virtio_config(const struct virtio_device *d, void *to, size_t len)
{
	uint8_t *bytes = to;

	if (len > d->config_len)
		return false;
	for (unsigned tries = 0; tries < CONFIG_TRIES; tries++) {
		uint8_t before = d->common->config_generation;

		for (size_t i = 0; i < len; i++)
			bytes[i] = d->config[i];
		if (d->common->config_generation == before)     /* 2.3.1 */
			return true;
	}
	return false;
}

bool virtio_needs_reset(const struct virtio_device *d)
{
	return d->common->device_status & STATUS_NEEDS_RESET;
}
