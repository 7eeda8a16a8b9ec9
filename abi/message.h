/* SPDX-License-Identifier: BSD-2-Clause
 * message.h - messages and the primitives that carry them.
 *
 * A message is 64 bytes and travels in registers: its eight words are, in this order,
 * RDI RSI RDX R10 R8 R9 R12 R13. No primitive reads or writes the caller's memory, so none can
 * fail half way. RAX carries the number in and the result out; R14 and R15 carry what belongs to
 * the call but not to the message (below). RCX and R11 are lost, as in every `syscall`.
 *
 * A Linux system call needs nothing of this: the kernel makes the message {peer = the process,
 * type = RAX, w[0..5] = the six arguments} from the registers that Linux's convention names.
 */
#ifndef ABI_MESSAGE_H
#define ABI_MESSAGE_H

#include <abi/types.h>

enum { MESSAGE_WORDS = 7, PAYLOAD_BYTES = 8 * MESSAGE_WORDS };

struct message {
	endpoint_t peer;                /* to whom; on receipt, from whom */
	uint32_t type;                  /* in a reply: the err_t of the call */
	uint64_t w[MESSAGE_WORDS];
};
_Static_assert(sizeof(struct message) == 64, "a message is one cache line");

/* Type ranges. */
enum {
	TYPE_LINUX = 0x000,             /* .. 0x3ff: a Linux system call, by its number */
	NR_LINUX = 0x400,
	TYPE_CONTRACT = 0x400,          /* .. 0xfff: protocol base + operation (contracts/) */
	/* 0x2000 up: only the kernel can make these */
	TYPE_NOTIFY = 0x2000,           /* w[0] services' bits, w[1] interrupt bits, w[2] events */
	TYPE_FAULT = 0x2001,            /* w[0] address, w[1] FAULT_, w[2] instruction pointer */
};

/* Primitives: numbers in RAX. Kernel calls (contracts/kernel.contract) follow at 0x1010. */
enum {
	/* Rendezvous towards a lower rank. In: RDI peer|type, payload; R14 = address of a range
	 * lent to the server until it replies, R15 = its length | CALL_LEND_ bits (0: none).
	 * Out: RAX = 0 or an error of IPC itself, reply in the message registers. */
	IPC_SENDREC = 0x1000,
	/* In: RDI low half = from whom (ENDPOINT_ANY, ENDPOINT_KERNEL or a peer). Out: message;
	 * R14 = serial | owner << 32 (owner: endpoint value of the sender's thread-group leader;
	 * serial 0: the message wants no reply), R15 = length lent | CALL_LEND_ bits. */
	IPC_RECEIVE = 0x1001,
	/* In: RDI peer|err, payload, R14 = serial. Only a process that is blocked in that very call
	 * on the caller takes it; else EDEADPEER. For a Linux call, w[0] becomes its RAX. */
	IPC_REPLY = 0x1002,
	/* IPC_REPLY, then IPC_RECEIVE from anybody. R14 = serial | number of copies << 32,
	 * R15 = address of struct copy[]: done first, under the grant of the call answered; R15 = 0
	 * with one copy: it stands in w[4] = remote, w[5] = local, w[6] = len | dir << 32. If one
	 * stops short nothing is answered: RAX = -EFAULT, RSI = index, RDX = bytes done of it,
	 * R10 = remote address that stopped it. If the client has died or been interrupted out of
	 * its call in the meantime, the answer is dropped and the receive goes on. */
	IPC_REPLYRECEIVE = 0x1003,
	/* In: RDI peer|unused, RSI = serial, RDX low half = the server that takes the call over. */
	IPC_FORWARD = 0x1004,
	/* In: RDI peer|type, payload. Delivered if the peer waits in a receive, else ENOTREADY. */
	IPC_SENDNB = 0x1005,
	/* In: RDI low half = peer. Sets the caller's bit in the peer's services bitmap. */
	IPC_NOTIFY = 0x1006,
	NR_IPC = 7,
};

/* R15 of a sendrec: what the server may do with the range lent. */
#define CALL_LEND_READ BIT(62)          /* the server may read it */
#define CALL_LEND_WRITE BIT(63)         /* the server may write it */
#define CALL_LEND_LENGTH (BIT(48) - 1)

/* Copies name the direction as the caller of the copy sees it. */
enum { COPY_IN = 0, COPY_OUT = 1 };     /* IN: remote to caller; OUT: caller to remote */
enum { COPY_MAX = 64 * 1024, COPIES_MAX = 8 };

struct copy {
	uint32_t dir;
	uint32_t len;                   /* bytes; of all copies of a reply, at most COPY_MAX */
	uint64_t remote;                /* Linux call: an address; lent range or grant: an offset */
	uint64_t local;                 /* address in the caller */
};
_Static_assert(sizeof(struct copy) == 24, "copy layout");

/* Event bits in w[2] of a TYPE_NOTIFY message. */
enum {
	EVENT_ALARM = 1 << 0,           /* the alarm set by SYS_ALARM_SET has gone off */
	EVENT_CANCEL = 1 << 1,          /* a call it holds is interrupted: SYS_CALL_CANCELLED */
	EVENT_PARKED = 1 << 2,          /* programs have parked or faulted: SYS_PROC_NEXT */
	EVENT_GUARD = 1 << 3,           /* a service under this guardian is frozen: SYS_PROC_NEXT */
};

/* Bits in w[1] of a TYPE_FAULT message (x86 page-fault error code, Intel SDM vol. 3, 4.7). */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_USER = 4, FAULT_EXEC = 16 };

#endif
