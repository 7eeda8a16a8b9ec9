/* SPDX-License-Identifier: BSD-2-Clause
 * vm.h - what the parts of vm offer each other. Reading order: state.h, region.c, frames.c,
 * space.c, fault.c, linux.c, fork.c, futex.c, cache.c, share.c, check.c, vm.c.
 */
#ifndef VM_H
#define VM_H

#include "state.h"
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/server.h>

/* si_code, and what a refused fault answers: signal << 32 | si_code. */
#define FAULT_CODE(signal, code) ((int64_t)(signal) << 32 | (code))
enum { SIGBUS = 7, SIGKILL = 9, SIGSEGV = 11 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRERR = 2 };

static inline uint64_t page_down(uint64_t bytes)
{
	return bytes & ~(uint64_t)(PAGE_SIZE - 1);
}

static inline uint64_t page_up(uint64_t bytes)
{
	return page_down(bytes + PAGE_SIZE - 1);
}

/* ---- region.c: no kernel calls ---- */

static inline struct region *region(unsigned n)
{
	return &state.region[n];
}

/* The region that holds address; the first that ends above it. 0: none. */
unsigned region_find(unsigned space, uint64_t address);
unsigned region_above(unsigned space, uint64_t address);
/* Is [start, end) covered without a hole? */
bool region_covers(unsigned space, uint64_t start, uint64_t end);
/* How many of these can be inserted now? */
bool region_room(unsigned space, unsigned count);
/* A copy of r becomes a region of r->space; 0: no row is left. The range must be empty. */
unsigned region_insert(const struct region *r);
void region_remove(unsigned n);
/* Cut so that a region begins at address, if one holds it. Needs one row. */
err_t region_cut(unsigned space, uint64_t address);
/* Join with its neighbours where they continue each other. Returns the region that has it now. */
unsigned region_join(unsigned n);
/* Move its end or start, within the room there is. */
void region_resize(unsigned n, uint64_t start, uint64_t end);
/* Room for len bytes below top: its address, or 0. */
uint64_t region_gap(unsigned space, uint64_t len, uint64_t top);
bool region_is_empty(unsigned space, uint64_t start, uint64_t end);
/* Make the trees anew from the lists, and the buckets of files and free rows from the regions. */
unsigned regions_rebuild(void);
unsigned file_bucket(uint64_t file);

/* ---- limit.c ---- */

/* May len bytes more, a region like r, be mapped? What [start, end) holds now would go. */
bool limit_allows(const struct region *r, uint64_t len, uint64_t start, uint64_t end);
err_t do_vm_limit(const struct call *c, const struct vm_limit_request *req);

/* ---- frames.c ---- */

enum { SPARES = 4 };                    /* a page needs three tables at most */

void frames_init(void);
void frames_find(void);                 /* as the kernel has them, and no other */
uint32_t frames_total(void);            /* that could ever be vm's */
uint32_t frames_free(void);
/* The next free frames in the order they will be used; *have: how many, `want` if there are. */
const pfn_t *frames_peek(unsigned want, unsigned *have);
/* Of the next `own` frames the first `used` are in use now, and `spares` of those behind them. */
void frames_taken(unsigned own, unsigned used, unsigned spares);
void frames_put(const pfn_t *f, unsigned n);
/* May pages of a program be taken? The reserve is for page tables, */
bool frames_plenty(unsigned n);
bool frames_left(unsigned n);           /* and half of it for who cannot wait */
uint32_t frames_wanted(void);           /* that the page cache ought to give back */
bool frames_for_cache(unsigned n);      /* may it have so many more? */
bool frames_low(void);                  /* fewer than there were when it was last true */
/* Frames of the page cache. */
bool frame_is_cache(pfn_t f);
void frame_set_cache(pfn_t f, bool cache);
uint32_t frames_cache(void);

/* ---- space.c ---- */

bool spaces_init(enum start_kind kind);   /* true: they are of an earlier life */
/* The space of a process, 0: none. */
unsigned space_of(endpoint_t proc);
bool space_is_live(unsigned space);
/* A number and a root; BUILDING. */
err_t space_begin(unsigned *space);
err_t space_fixed(unsigned space);      /* clock page and vDSO */
err_t space_fixed_page(unsigned space, uint64_t at);    /* which is in such a region */
void space_end(unsigned space);         /* it goes, with all it maps */
void spaces_reap(void);                 /* DYING ones, again */
bool space_destroy(unsigned space);     /* false: a process still uses it */
pfn_t clock_page(void);
/* Map runs whose last `own` pages are the next free frames. -EEXIST: another page is there. */
err_t pages_map(unsigned space, const struct map_run *run, unsigned n, unsigned own);
/* Unmap what is mapped; frames that nobody maps any more become free. */
void pages_unmap(unsigned space, uint64_t start, uint64_t end);
void pages_protect(unsigned space, uint64_t start, uint64_t end, unsigned flags);
bool space_exists(unsigned space);      /* has the kernel such a one? */
bool page_query(unsigned space, uint64_t address, struct space_query_reply *page);
/* Regions and pages of a range go. -ENOMEM: nothing was changed. */
err_t range_unmap(unsigned space, uint64_t start, uint64_t end);
void objects_reap(void);
unsigned map_flags(const struct region *r);

/* ---- fault.c ---- */

enum { NO_SLOT = VM_NO_SLOT };

struct want {
	unsigned space;
	uint64_t address;
	unsigned access;                /* READ, WRITE, EXEC */
	bool present;                   /* the page is there, but not for this access */
	bool urgent;                    /* who asks cannot wait for memory */
	uint32_t slot;                  /* of the page cache that holds it, NO_SLOT: not known */
};

struct missing { uint64_t file, offset; uint32_t write; };

/* Make a page present. -EFAULT no region, -EACCES not so, -ENODATA missing says what, -ENOMEM. */
err_t page_in(const struct want *w, struct missing *missing);
int64_t fault_refused(err_t err);
int64_t vm_fault(const struct delivery *d);
err_t vm_populate_reply(const struct delivery *d, uint64_t address, bool write);
/* Present for a call that vm answers: 0, -EFAULT, or NO_REPLY: the call is done again later. */
int64_t page_for_call(const struct delivery *d, uint64_t address, bool write);
/* As call_read and call_write, with absent pages made present. */
int64_t user_read(const struct delivery *d, uint64_t from, void *to, size_t len);
int64_t user_write(const struct delivery *d, uint64_t to, const void *from, size_t len);
/* Make a range present as far as memory allows, with a bound. */
void range_populate(unsigned space, uint64_t start, uint64_t end, bool write);

/* ---- wait.c ---- */

/* The call d waits for this page, or for memory. */
void wait_for_page(const struct delivery *d, unsigned space, uint64_t address,
		   const struct missing *m);
void wait_for_memory(const struct delivery *d, unsigned space);
void wait_for_memory_of(unsigned asker, endpoint_t proc, unsigned space);
/* Whether that was so already. */
bool wait_populate(unsigned asker, endpoint_t proc, unsigned space, uint64_t address,
		   const struct missing *m);
void wait_end(unsigned slot);           /* out of every list */
endpoint_t service_now(unsigned service);
void notify(unsigned service);
void wait_told(unsigned slot);          /* vfs has heard of the page */
void wait_tell_again(unsigned slot);
void wait_set_deadline(unsigned slot, uint64_t deadline);
void wait_supplied(unsigned slot, uint32_t cache_slot, err_t error);
void waits_for_memory_again(void);
void waits_alarm(void);
void audit(void);                       /* audit.c */
void audit_fault(const struct delivery *d);
void waits_cancel(void);
void waits_rebuild(void);
/* Do a call again that has waited, and answer it. */
void call_again(const struct wait *w);

/* ---- futex.c: queues; no kernel calls ---- */

void futex_enqueue(unsigned slot, struct futex_key key, uint32_t bitset);
void futex_dequeue(unsigned slot);
/* The first wait on key from `after` on (0: the first of all) whose bitset meets bits. */
unsigned futex_next(struct futex_key key, uint32_t bits, unsigned after);
void futex_move(unsigned slot, struct futex_key key);
void futex_rebuild(void);

/* ---- futex_call.c ---- */

int64_t linux_futex(const struct delivery *d);
uint32_t futex_wake(struct futex_key key, uint32_t bits, uint32_t count);
struct futex_key futex_key(unsigned space, uint64_t address, bool private);

/* ---- linux.c, advice.c, remap.c ---- */

int64_t vm_linux(const struct delivery *d);
int64_t linux_mremap(unsigned space, const struct delivery *d);
int64_t linux_madvise(unsigned space, const struct delivery *d);
int64_t linux_mincore(unsigned space, const struct delivery *d);
int64_t linux_msync(unsigned space, const struct delivery *d);
int64_t linux_mlock(unsigned space, const struct delivery *d);
/* Insert a mapping: where, or a negative error. */
int64_t map_insert(struct region *r, uint64_t address, uint64_t len, uint32_t flags);
/* Answers given twice are the same: see state.done. */
bool done_before(endpoint_t client, uint32_t serial, int64_t *result);
void done_now(endpoint_t client, uint32_t serial, int64_t result);

/* ---- object.c: shared anonymous memory ---- */

uint64_t object_new(uint64_t len);      /* its address in HOLDER, 0: no room */
err_t object_page(uint64_t address, pfn_t *pfn);

/* ---- fork.c ---- */

err_t space_fork(unsigned parent, unsigned *child);

/* ---- contracts: calls.c, cache.c, share.c, device.c ---- */

bool is_a_service(endpoint_t who, unsigned id);
err_t do_vm_space_new(const struct call *c, struct vm_space_new_reply *reply);
err_t do_vm_space_fork(const struct call *c, const struct vm_space_fork_request *req,
		       struct vm_space_fork_reply *reply);
err_t do_vm_attach(const struct call *c, const struct vm_attach_request *req);
err_t do_vm_detach(const struct call *c, const struct vm_detach_request *req);
err_t do_vm_space_free(const struct call *c, const struct vm_space_free_request *req);
err_t do_vm_map(const struct call *c, const struct vm_map_request *req,
		struct vm_map_reply *reply);
err_t do_vm_brk_set(const struct call *c, const struct vm_brk_set_request *req);
void user_gone(endpoint_t proc);        /* it is no more, nor its part in its space */
err_t do_vm_populate(const struct call *c, const struct vm_populate_request *req,
		     struct vm_populate_reply *reply);
err_t do_vm_write(const struct call *c, const struct vm_write_request *req);
err_t do_vm_futex_wake(const struct call *c, const struct vm_futex_wake_request *req,
		       struct vm_futex_wake_reply *reply);
err_t do_vm_lost_next(const struct call *c, struct vm_lost_next_reply *reply);
err_t do_vm_victim_next(const struct call *c, struct vm_victim_next_reply *reply);
err_t do_vm_totals(const struct call *c, struct vm_totals_reply *reply);
err_t do_vm_usage(const struct call *c, const struct vm_usage_request *req,
		  struct vm_usage_reply *reply);
err_t do_vm_region(const struct call *c, const struct vm_region_request *req,
		   struct vm_region_reply *reply);

/* The slot that has this page of a file, if vfs says so; NO_SLOT. */
uint32_t cache_find(uint64_t file, uint64_t offset);
bool cache_frame(uint32_t slot, pfn_t *pfn);
void cache_scan(void);
void index_scan(void);                  /* is vfs's index mapped? */
void pressure(void);
err_t do_vm_cache_take(const struct call *c, const struct vm_cache_take_request *req,
		       struct vm_cache_take_reply *reply);
err_t do_vm_cache_give(const struct call *c, const struct vm_cache_give_request *req);
err_t do_vm_wait_next(const struct call *c, struct vm_wait_next_reply *reply);
err_t do_vm_wait_supply(const struct call *c, const struct vm_wait_supply_request *req);
err_t do_vm_file_drop(const struct call *c, const struct vm_file_drop_request *req);
err_t do_vm_file_clean(const struct call *c, const struct vm_file_clean_request *req);
err_t do_vm_cache_index(const struct call *c, const struct vm_cache_index_request *req);
err_t do_vm_file_check(const struct call *c);
err_t do_vm_file_mapped(const struct call *c, const struct vm_file_mapped_request *req,
			struct vm_file_mapped_reply *reply);

err_t do_vm_lend(const struct call *c, const struct vm_lend_request *req);
err_t do_vm_borrow(const struct call *c, const struct vm_borrow_request *req,
		   struct vm_borrow_reply *reply);
err_t do_vm_device_map(const struct call *c, const struct vm_device_map_request *req,
		       struct vm_device_map_reply *reply);
err_t do_vm_dma_address(const struct call *c, const struct vm_dma_address_request *req,
			struct vm_dma_address_reply *reply);

/* ---- service.c: memory of services that come and go ---- */

err_t do_vm_service_map(const struct call *c, const struct vm_service_map_request *req);
err_t do_vm_service_unmap(const struct call *c, const struct vm_service_unmap_request *req);
err_t do_vm_service_end(const struct call *c, const struct vm_service_end_request *req);
/* What was lent to it, and by it, is forgotten. */
void shares_forget(unsigned service);
void shares_init(void);

/* ---- check.c ---- */

err_t vm_check(void);
void memory_find(void);                 /* without a crash */
void vm_begin_again(void);              /* fresh, and not for the first time */
bool stranger_next(endpoint_t *proc);   /* a program that we know nothing of */

/* ---- doubt.c: before a verdict that a program dies of ---- */

void doubt_refusal(endpoint_t proc, unsigned space, uint64_t address, unsigned access, err_t err);
void doubt_shortage(unsigned parent);           /* 0: none */
bool doubt_done(endpoint_t proc, const struct want *w, uint64_t code, uint64_t ip);

/* ---- scratch.c: a page of somebody else in vm's own space ---- */

err_t scratch_open(pfn_t pfn);
err_t scratch_copy(pfn_t from, unsigned len, pfn_t *to);
void scratch_close(void);
static inline void *scratch(void)
{
	return (void *)SCRATCH_VA;
}

#endif
