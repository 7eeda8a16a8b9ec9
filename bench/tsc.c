/* SPDX-License-Identifier: BSD-2-Clause
 * tsc.c - prints the time-stamp counter: under `-icount shift=0`, the instructions since reset.
 */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	printf("tsc %llu\n", (unsigned long long)hi << 32 | lo);
	return 0;
}
