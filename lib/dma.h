/* SPDX-License-Identifier: BSD-2-Clause
 * dma.h - memory of a driver as its device sees it. A service's memory never moves, so addresses
 * are asked for once, at the start. Needs `talks vm`.
 */
#ifndef LIB_DMA_H
#define LIB_DMA_H

#include <abi/errors.h>
#include <abi/types.h>

/* What a device may reach, now or later: SECTION_DMA. Zero at the first start; then what a
 * predecessor left, whose requests the device goes on with until it is reset: nobody else writes
 * there before. To be cleared after that. */
#define SECTION_DMA __attribute__((section(".dma"), aligned(PAGE_SIZE)))

/* Physical addresses of the pages of [at, at + pages * PAGE_SIZE); at is page aligned. */
err_t dma_pages(const volatile void *at, unsigned pages, uint64_t *physical) MUST_CHECK;

#endif
