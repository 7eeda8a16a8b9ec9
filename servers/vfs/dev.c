/* SPDX-License-Identifier: BSD-2-Clause
 * dev.c - the devices that are nothing but a rule: null, zero, full, random.
 *
 * Job:      reads and writes of /dev/null and its kin; random numbers.
 * Speaks:   Linux calls.
 * Touches:  the generator's state.
 * Trusts:   RDRAND, if there is, mixed with the time-stamp counter.
 * On crash: recovers in place.
 * Spec:     null(4), full(4), random(4). The generator is ChaCha20 (RFC 8439) under a key that is
 *           replaced after each use.
 */
#include "vfs.h"

enum { MEM = 1, DEV_NULL = 3, DEV_ZERO = 5, DEV_FULL = 7, DEV_RANDOM = 8, DEV_URANDOM = 9 };

static char zeros[COPY_MAX] SECTION_UNDO;
static char noise[4096] SECTION_UNDO;

bool device_is_memory(uint32_t device)
{
	uint32_t minor = device & 0xff;

	return device >> 8 == MEM && (minor == DEV_NULL || minor == DEV_ZERO || minor == DEV_FULL ||
				      minor == DEV_RANDOM || minor == DEV_URANDOM);
}

/* ---- random ---- */

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

static void block(const uint64_t key[4], uint32_t counter, uint32_t out[16])
{
	uint32_t in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(&in[4], key, 32);
	in[12] = counter;
	memcpy(out, in, sizeof(in));
	for (unsigned i = 0; i < 10; i++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += in[i];
}

static uint64_t hardware_random(void)
{
	uint32_t a = 1, b, c = 0, d, lo, hi;
	uint64_t x = 0;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (c >> 30 & 1)
		__asm__ volatile("rdrand %0" : "=r"(x) : : "cc");
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return x ^ (lo | (uint64_t)hi << 32);
}

void random_fill(void *to, size_t len)
{
	uint64_t key[4];
	uint32_t out[16];
	size_t done = 0;

	for (unsigned i = 0; i < 4; i++)
		key[i] = state.random[i] ^ hardware_random();
	for (uint32_t n = 1; done < len; n++) {
		size_t part = len - done < sizeof(out) ? len - done : sizeof(out);

		block(key, n, out);
		memcpy((char *)to + done, out, part);
		done += part;
	}
	block(key, 0, out);
	memcpy(state.random, out, sizeof(state.random));
}

static int64_t give_random(struct op *o, uint64_t address, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = len - done < sizeof(noise) ? len - done : sizeof(noise);
		bool last = done + part == len;
		int64_t err;

		random_fill(noise, part);
		err = last ? user_give(o, address + done, noise, part) :
			user_write(o, address + done, noise, part);
		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		done += part;
	}
	return (int64_t)done;
}

/* ---- read, write ---- */

static int64_t give_zeros(struct op *o, uint64_t address, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = len - done < COPY_MAX ? len - done : COPY_MAX;
		int64_t err = user_give(o, address + done, zeros, part);

		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		done += part;
	}
	return (int64_t)done;
}

int64_t memory_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write)
{
	switch (f->device & 0xff) {
	case DEV_NULL:
		return write ? (int64_t)len : 0;
	case DEV_ZERO:
		return write ? (int64_t)len : give_zeros(o, address, len);
	case DEV_FULL:
		return write ? -ENOSPC : give_zeros(o, address, len);
	default:
		return write ? (int64_t)len : give_random(o, address, len);
	}
}
