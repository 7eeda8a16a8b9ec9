/* SPDX-License-Identifier: BSD-2-Clause
 * device.h - a virtio device on PCI (virtio 1.0, 4.1), driver's side: found, reset, features
 * agreed, queues handed over. Needs what lib/pci.h and lib/dma.h need.
 */
#ifndef LIB_VIRTIO_DEVICE_H
#define LIB_VIRTIO_DEVICE_H

#include <lib/pci.h>
#include <lib/virtio/queue.h>

enum { VIRTIO_VENDOR = 0x1af4, VIRTIO_QUEUES = 8 };
enum { VIRTIO_ID_NET = 0x1041, VIRTIO_ID_BLOCK = 0x1042 };      /* 4.1.2: 0x1040 + device type */

/* Feature bits of every device (6). */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_VERSION_1 BIT(32)

struct virtio_common;                   /* the device's registers */

struct virtio_device {
	struct pci_device pci;
	volatile struct virtio_common *common;
	volatile uint8_t *notify, *config;
	uint32_t notify_len, notify_step, config_len;
	volatile uint16_t *bell[VIRTIO_QUEUES];
	uint64_t features;              /* agreed */
};

/* Device `index` of that id, reset, with those of the features `wanted` that it has.
 * -ENOENT: there is none; -ENOTSUP: it is not one of virtio 1.0; -EIO: it does not do as it
 * should. */
err_t virtio_open(struct virtio_device *d, uint16_t id, unsigned index, uint64_t wanted) MUST_CHECK;
/* Give queue n this memory (zero), and let MSI-X vector n tell our line. */
err_t virtio_queue(struct virtio_device *d, unsigned n, struct virtq *q,
		   volatile struct virtq_memory *m, unsigned msi, unsigned bit) MUST_CHECK;
/* The driver is ready. */
err_t virtio_start(struct virtio_device *d) MUST_CHECK;
void virtio_kick(const struct virtio_device *d, unsigned n);
/* Copy of the device's own configuration; false: it is shorter, or changes all the time. */
bool virtio_config(const struct virtio_device *d, void *to, size_t len);
/* The device says that it has given up (2.1, DEVICE_NEEDS_RESET). */
bool virtio_needs_reset(const struct virtio_device *d);

#endif
