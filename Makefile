# SPDX-License-Identifier: BSD-2-Clause
#
# Makefile - builds everything. One makefile, no recursion; all output is under $(BUILD)/.
#
#   make            kernel, services, boot archive, host tools, listings
#   make boot       only what a boot needs: build/kernel/skink.elf and build/boot.img
#   make bench      and what ./skink bench needs
#   make tests      the host tests' programs (not run)
#   make test-host  build and run the host tests
#   make CC=clang   the same with clang, under build-clang/
#   make UNDO=no    services that take nothing back, under build-plain/: to measure what it costs
#
# Order below: settings, host tools, contracts, kernel, services, boot archive, host tests, goals.

# ---- settings ------------------------------------------------------------------------------

MAKEFLAGS += -rR --no-print-directory
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.PHONY: all boot bench tools plugins kernel services listings tests test-host print-tests clean

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
CLANG := $(findstring clang,$(CC))
# Without its undo log a service that dies in the middle of a request is left with half of it done.
UNDO := yes
BUILD := build$(if $(CLANG),-clang)$(if $(filter no,$(UNDO)),-plain)
HOSTCC := $(CC)
LD := ld
AR := ar
OBJCOPY := objcopy
OBJDUMP := objdump
NM := nm

WARN := -Wall -Wextra -Werror
BARE := -O2 -g -std=gnu17 -ffreestanding -fno-pic -fno-pie -mgeneral-regs-only -mno-red-zone \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	$(WARN) $(if $(CLANG),-Qunused-arguments)
DEPS = -MMD -MP -MF $(@:.o=.d) -MT $@
GEN := $(BUILD)/gen

# V=1 shows commands; otherwise one short line for each.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-9s%s\n' '$1' '$(patsubst $(BUILD)/%,%,$@)')

all: boot tools plugins services listings

# ---- host tools ----------------------------------------------------------------------------

TOOL_CFLAGS := -O2 -g -std=gnu17 $(WARN) -I. -I$(GEN) -idirafter lib
TOOL_SRC_contract := $(wildcard tools/contract*.c)
TOOL_SRC_mkboot := $(wildcard tools/mkboot*.c lib/manifest*.c) lib/linux_names.c lib/format.c \
	lib/image_fit.c \
	$(GEN)/contract/kernel_names.c $(GEN)/contract/protocols.c
TOOL_SRC_mksums := tools/mksums.c lib/sums.c
TOOLS := $(foreach t,contract mkboot mksums,$(if $(wildcard tools/$t.c),$(BUILD)/tools/$t))

$(BUILD)/tools/obj/%.o: %.c Makefile
	$(call say,HOSTCC)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(TOOL_CFLAGS) $(DEPS) -c -o $@ $<

tool_objects = $(patsubst %.c,$(BUILD)/tools/obj/%.o,$(patsubst $(BUILD)/%,%,$1))

$(BUILD)/tools/obj/gen/%.o: $(GEN)/%.c Makefile
	$(call say,HOSTCC)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(TOOL_CFLAGS) $(DEPS) -c -o $@ $<

$(TOOLS): $$(call tool_objects,$$(TOOL_SRC_$$(@F)))
	$(call say,HOSTLD)
	$(Q)$(HOSTCC) -o $@ $^

# Finds out whether KVM works on this machine (tools/machine.py).
KVMPROBE := $(BUILD)/tools/kvmprobe.elf

$(KVMPROBE): tools/kvmprobe.S Makefile
	$(call say,PROBE)
	@mkdir -p $(@D)/obj
	$(Q)$(HOSTCC) -c -o $(@D)/obj/kvmprobe.o $<
	$(Q)$(LD) -m elf_x86_64 -static -N --no-warn-rwx-segments -z noexecstack -e start32 \
		--section-start=.probe=0x100000 -o $@ $(@D)/obj/kvmprobe.o

tools: $(TOOLS) $(KVMPROBE)

# ---- contracts -----------------------------------------------------------------------------

# The compiler runs for all contracts at once. Only what came out different is replaced, so that
# a change in one contract rebuilds only who includes it. files.mk sets GEN_C; because it is
# included, make makes it, and so everything generated, before anything else.
CONTRACTS := $(sort $(wildcard contracts/*.contract))

ifneq ($(filter $(BUILD)/tools/contract,$(TOOLS)),)
$(GEN)/files.mk: $(BUILD)/tools/contract $(CONTRACTS) tools/sync_tree
	$(call say,CONTRACT)
	$(Q)rm -rf $(GEN).new && mkdir -p $(GEN).new
	$(Q)$(BUILD)/tools/contract --out $(GEN).new $(CONTRACTS)
	$(Q)tools/sync_tree $(GEN).new $(GEN)
	$(Q)cd $(GEN) && echo 'GEN_C :=' $$(ls contract/*.c | grep -v _fuzz) > files.mk

ifeq ($(filter clean print-tests,$(MAKECMDGOALS)),)
include $(GEN)/files.mk
endif
endif

# ---- kernel --------------------------------------------------------------------------------

KERNEL := $(BUILD)/kernel/skink.elf
KERNEL_CFLAGS := $(BARE) -mcmodel=kernel -fno-strict-aliasing -I. -Ikernel -Ikernel/x86_64 -I$(GEN)
KERNEL_SRC := $(sort $(wildcard kernel/core/*.c kernel/call/*.c kernel/x86_64/*.c kernel/x86_64/*.S))
KERNEL_OBJ := $(addsuffix .o,$(basename $(KERNEL_SRC:%=$(BUILD)/%)))
# gcc optimizes the C files as one, but for ipc.c: what it puts into the path of a message then only
# makes it longer.
KERNEL_LTO := $(if $(CLANG),,-flto)
KERNEL_ALONE := kernel/core/ipc.c
KERNEL_C := $(filter %.o,$(patsubst %.c,$(BUILD)/%.o,$(KERNEL_SRC)))
KERNEL_S := $(filter-out $(KERNEL_C),$(KERNEL_OBJ))
KERNEL_LD := $(LD) -m elf_x86_64 -static -nostdlib --build-id=none -z max-page-size=0x1000 \
	-z noexecstack --fatal-warnings -T kernel/x86_64/link.ld

$(BUILD)/kernel/%.o: kernel/%.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(if $(filter $<,$(KERNEL_ALONE)),,$(KERNEL_LTO)) $(DEPS) -c -o $@ $<

$(BUILD)/kernel/%.o: kernel/%.S Makefile
	$(call say,AS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(DEPS) -c -o $@ $<

# Two links: the first with an empty symbol table, to learn the addresses of the text; the second
# with the real one. The table is read-only data behind the text, so no text moves; checked.
$(BUILD)/kernel/ksyms-empty.S: tools/ksyms
	@mkdir -p $(@D)
	$(Q)tools/ksyms < /dev/null > $@

$(BUILD)/kernel/ksyms%.o: $(BUILD)/kernel/ksyms%.S
	$(Q)$(CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/kernel/one.o: $(KERNEL_C)
	$(Q)$(if $(KERNEL_LTO),$(CC) $(KERNEL_CFLAGS) $(KERNEL_LTO) -r -nostdlib \
		-flinker-output=nolto-rel,$(LD) -r) -o $@ $^

$(BUILD)/kernel/pass1.elf: $(BUILD)/kernel/one.o $(KERNEL_S) $(BUILD)/kernel/ksyms-empty.o kernel/x86_64/link.ld
	$(Q)$(KERNEL_LD) -o $@ $(filter %.o,$^)

$(BUILD)/kernel/ksyms-full.S: $(BUILD)/kernel/pass1.elf tools/ksyms
	$(Q)$(NM) -n $< | tools/ksyms > $@

$(KERNEL): $(BUILD)/kernel/one.o $(KERNEL_S) $(BUILD)/kernel/ksyms-full.o kernel/x86_64/link.ld
	$(call say,LD)
	$(Q)$(KERNEL_LD) -o $@ $(filter %.o,$^)
	$(Q)$(OBJCOPY) --wildcard --strip-symbol '*.c.*' $@     # gcc's own, of no place
	$(Q)$(NM) -n $@ | tools/ksyms | cmp -s - $(BUILD)/kernel/ksyms-full.S || \
		{ echo 'kernel text moved between the two links: is .rodata behind .text?' >&2; exit 1; }

kernel: $(KERNEL)

# ---- services ------------------------------------------------------------------------------

# A folder holding a manifest of its own name is a service: all its .c and .S, with lib/ and the
# generated stubs. Further manifests in it start the same program under another name.
MANIFESTS := $(sort $(wildcard servers/*/*.svc bench/*/*.svc fs/*/*.svc net/*/*.svc drivers/*/*/*.svc \
	tests/services/*/*.svc))
PERCENT := %
SERVICE_DIRS := $(foreach m,$(MANIFESTS),$(if $(filter $(basename $(notdir $m)),\
	$(notdir $(patsubst %/,%,$(dir $m)))),$(patsubst %/,%,$(dir $m))))
SERVICES := $(notdir $(SERVICE_DIRS))
# Those that recover in place: their stores to state are logged (docs/notes/0005).
LOGGED_DIRS := $(foreach d,$(SERVICE_DIRS),\
	$(if $(shell sed -n '/^[[:space:]]*restart[[:space:]]\{1,\}recover/p' $d/$(notdir $d).svc),$d))

SERVICE_CFLAGS := $(BARE) -ffunction-sections -fdata-sections -I. -Ilib -I$(GEN) \
	$(if $(filter no,$(UNDO)),-DUNDO_NOTHING)
SERVICE_LD := $(LD) -m elf_x86_64 -static -nostdlib --build-id=none -z max-page-size=0x1000 \
	-z noexecstack --fatal-warnings --gc-sections -u _start -e _start -T lib/link.ld
OBJ := $(BUILD)/obj

objects = $(addsuffix .o,$(basename $(patsubst %,$(OBJ)/%,$1)))
sources = $(sort $(wildcard $1/*.c $1/*.S))

$(OBJ)/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SERVICE_CFLAGS) $(DEPS) -c -o $@ $<

$(OBJ)/%.o: %.S Makefile
	$(call say,AS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SERVICE_CFLAGS) $(DEPS) -c -o $@ $<

$(OBJ)/gen/%.o: $(GEN)/contract/%.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SERVICE_CFLAGS) $(DEPS) -c -o $@ $<

# Before each store comes what logs it (tools/undo_stores), for gcc's assembly only: what clang makes
# of these files is checked, not logged.
LOGGED_CFLAGS := -ffixed-r10 -ffixed-r11 -fno-ipa-ra

ifeq ($(CLANG)$(filter no,$(UNDO)),)
LOGGED_OBJ := $(call objects,$(filter %.c,$(foreach d,$(LOGGED_DIRS),$(call sources,$d))))
$(LOGGED_OBJ): $(OBJ)/%.o: %.c Makefile tools/undo_stores tools/undo_check
	$(call say,CC+UNDO)
	@mkdir -p $(@D)
	$(Q): > $(@:.o=.opt)                    # gcc writes none if there is no function
	$(Q)$(CC) $(SERVICE_CFLAGS) $(LOGGED_CFLAGS) -fdump-tree-optimized=$(@:.o=.opt) \
		$(DEPS) -S -o $(@:.o=.raw.s) $<
	$(Q)tools/undo_check $(@:.o=.opt)
	$(Q)tools/undo_stores $(@:.o=.raw.s) > $(@:.o=.s)
	$(Q)$(CC) -c -o $@ $(@:.o=.s)
endif

LIBSKINK := $(BUILD)/lib/libskink.a
LIBCONTRACTS := $(BUILD)/lib/libcontracts.a
GEN_OBJ := $(patsubst contract/%.c,$(OBJ)/gen/%.o,$(GEN_C))

# How many objects there are can change without any of them being new, hence the list.
$(BUILD)/lib/%.list: FORCE
	@mkdir -p $(@D)
	@echo '$(ARCHIVE_$*)' | cmp -s - $@ || echo '$(ARCHIVE_$*)' > $@
.PHONY: FORCE
ARCHIVE_libskink = $(call objects,$(call sources,lib) $(filter-out lib/test/% lib/vdso/%,\
	$(call sources,lib/*)))
ARCHIVE_libcontracts = $(GEN_OBJ)

$(LIBSKINK) $(LIBCONTRACTS): $(BUILD)/lib/%.a: $(BUILD)/lib/%.list $$(ARCHIVE_$$*)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

# The vDSO is a shared object of its own; vm carries it as data.
VDSO := $(BUILD)/lib/vdso.so
VDSO_CFLAGS := $(BARE) -fPIC -fvisibility=hidden -fno-builtin -g0 -I.

$(VDSO): lib/vdso/vdso.c lib/vdso/vdso.lds Makefile abi/boot.h
	$(call say,VDSO)
	@mkdir -p $(@D)
	$(Q)$(CC) $(VDSO_CFLAGS) -c -o $(@:.so=.o) $<
	$(Q)$(LD) -m elf_x86_64 -shared -nostdlib -soname linux-vdso.so.1 --hash-style=both -Bsymbolic \
		--no-undefined --build-id=none -z max-page-size=0x1000 -z noexecstack --fatal-warnings \
		-T lib/vdso/vdso.lds -o $@ $(@:.so=.o)
	$(Q)$(OBJCOPY) --strip-unneeded $@

$(OBJ)/servers/vm/vdso_image.o: $(VDSO)
$(OBJ)/servers/vm/vdso_image.o: SERVICE_CFLAGS += -Wa,-I$(BUILD)/lib

# The screen's font is one of Debian's (package console-setup-linux); none is in the tree.
FONT := /usr/share/consolefonts/Uni2-VGA16.psf.gz

$(BUILD)/lib/console.font: $(FONT) tools/mkfont
	$(call say,FONT)
	@mkdir -p $(@D)
	$(Q)tools/mkfont -o $@ $<

$(OBJ)/drivers/video/screen/font_data.o: $(BUILD)/lib/console.font
$(OBJ)/drivers/video/screen/font_data.o: SERVICE_CFLAGS += -Wa,-I$(BUILD)/lib

SERVICE_ELF := $(foreach s,$(SERVICES),$(BUILD)/services/$s/$s.elf)
SERVICE_BIN := $(SERVICE_ELF:.elf=)

define service_rule
$(BUILD)/services/$(notdir $1)/$(notdir $1).elf: $(call objects,$(call sources,$1)) $(LIBSKINK) \
		$(LIBCONTRACTS) lib/link.ld
	$$(call say,LD)
	@mkdir -p $$(@D)
	$$(Q)$(SERVICE_LD) -o $$@ $$(filter %.o,$$^) --start-group $$(filter %.a,$$^) --end-group
endef
$(foreach d,$(SERVICE_DIRS),$(eval $(call service_rule,$d)))

$(SERVICE_BIN): %: %.elf
	$(Q)$(OBJCOPY) --strip-all $< $@

services: $(SERVICE_ELF) $(SERVICE_BIN)

# ---- boot archive --------------------------------------------------------------------------

# image/boot.list names the boot set, rs first. A service not written yet is left out.
BOOT_NAMES := $(filter $(notdir $(basename $(MANIFESTS))),\
	$(shell sed 's/\#.*//' image/boot.list))
BOOT_SVC := $(foreach n,$(BOOT_NAMES),$(filter %/$n.svc,$(MANIFESTS)))
BOOT_ELF := $(foreach n,$(filter $(SERVICES),$(BOOT_NAMES)),$(BUILD)/services/$n/$n.elf)

# Skink's own programs and those of the tests: static, with Debian's musl, as any Linux program.
MUSLCC := musl-gcc
COMMANDS := $(sort $(patsubst commands/%/,%,$(dir $(wildcard commands/*/*.c))))
PROGRAM_DIRS := $(sort $(patsubst tests/programs/%/,%,$(dir $(wildcard tests/programs/*/*.c))))
PROGRAMS := $(patsubst tests/programs/%.c,%,$(wildcard tests/programs/*.c)) $(PROGRAM_DIRS)
BENCHES := $(patsubst bench/%.c,%,$(wildcard bench/*.c))
ROOT_BIN := $(COMMANDS:%=$(BUILD)/rootfs/usr/sbin/%) \
	$(PROGRAMS:%=$(BUILD)/rootfs/usr/lib/skink/%) $(BENCHES:%=$(BUILD)/rootfs/usr/lib/skink/%)
PROGRAM_CFLAGS := -O2 -g -std=gnu17 -static $(WARN) -I. -I$(GEN)

# What of Skink programs link: how they call services.
PEER := $(BUILD)/commands/peer.a
PEER_C := commands/peer.c lib/ipc.S $(addprefix $(GEN)/,$(filter %_client.c,$(GEN_C)))
PEER_O := $(addprefix $(BUILD)/commands/,$(addsuffix .o,$(basename $(notdir $(PEER_C)))))
$(PEER_O): $(BUILD)/commands/%.o: $$(filter $$(PERCENT)/$$*.c $$(PERCENT)/$$*.S,$(PEER_C)) \
		Makefile $(GEN)/files.mk
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(PROGRAM_CFLAGS) $(DEPS) -c -o $@ $<

$(PEER): $(PEER_O)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/commands/%.elf: commands/%/*.c $(PEER) Makefile $(GEN)/files.mk
	$(call say,PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(PROGRAM_CFLAGS) -o $@ $(filter %.c,$^) $(PEER)

$(COMMANDS:%=$(BUILD)/rootfs/usr/sbin/%): $(BUILD)/rootfs/usr/sbin/%: $(BUILD)/commands/%.elf
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --strip-all $< $@

$(BUILD)/rootfs/usr/lib/skink/%: tests/programs/%.c $(PEER) Makefile $(GEN)/files.mk
	$(call say,PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(PROGRAM_CFLAGS) -s -pthread -o $@ $< $(PEER)

$(PROGRAM_DIRS:%=$(BUILD)/rootfs/usr/lib/skink/%): $(BUILD)/rootfs/usr/lib/skink/%: \
		$$(wildcard tests/programs/$$*/*.[ch]) Makefile
	$(call say,PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) $(PROGRAM_CFLAGS) -s -pthread -o $@ $(filter %.c,$^)

# Services that the disk has, and that are started from there (image/disk.list).
DISK_NAMES := $(filter $(notdir $(basename $(MANIFESTS))),$(shell sed 's/\#.*//' image/disk.list))
DISK_SVC := $(foreach n,$(DISK_NAMES),$(filter %/$n.svc,$(MANIFESTS)))
DISK_ELF := $(foreach n,$(filter $(SERVICES),$(DISK_NAMES)),$(BUILD)/services/$n/$n.elf)
ROOT_BIN += $(foreach n,$(BOOT_NAMES) $(DISK_NAMES),$(BUILD)/rootfs/etc/skink/services/$n.svc) \
	$(patsubst $(BUILD)/services/%.elf,$(BUILD)/rootfs/usr/lib/skink/services/%,$(foreach \
	e,$(DISK_ELF),$(BUILD)/services/$(notdir $e)))

$(BUILD)/rootfs/etc/skink/services/%.svc: $$(filter $$(PERCENT)/$$*.svc,$(MANIFESTS)) \
		$(BUILD)/disk.checked
	@mkdir -p $(@D)
	$(Q)cp $(filter %.svc,$^) $@

$(BUILD)/rootfs/usr/lib/skink/services/%: $(BUILD)/services/$$*/$$*
	@mkdir -p $(@D)
	$(Q)cp $< $@

# They must fit the boot set, as if they were of it.
$(BUILD)/disk.checked: $(BUILD)/tools/mkboot $(BOOT_ELF) $(DISK_ELF) $(BOOT_ELF:.elf=) \
		$(DISK_ELF:.elf=) $(BOOT_SVC) $(DISK_SVC)
	$(call say,CHECK)
	$(Q)$(BUILD)/tools/mkboot -s $(SCRIPTS) -c $(BOOT_SVC) $(DISK_SVC) $(BOOT_ELF) $(DISK_ELF)
	@touch $@

# As the Linux side of the comparison was built (bench/linux-baseline.tsv).
$(BUILD)/rootfs/usr/lib/skink/%: bench/%.c Makefile
	$(call say,PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) -O2 -static -s -o $@ $<

# The same with its symbols, for tools/count.py.
$(BUILD)/bench/mbench.elf: bench/mbench.c Makefile
	$(call say,PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MUSLCC) -O2 -static -o $@ $<

# Plugins of QEMU's, for tools/count.py and tools/inject.py.
PLUGINS := $(foreach p,count logged watch,$(BUILD)/tools/$p.so)
plugins: $(PLUGINS)
$(PLUGINS): $(BUILD)/tools/%.so: tools/%.c abi/message.h abi/trace.h Makefile
	$(call say,HOSTCC)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(TOOL_CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $<

# The root file system: an archive for an image without a disk, a disk, and a smaller one to be copied
# into memory. BUSYBOX is Debian's busybox-static.
BUSYBOX := /bin/busybox
ROOT_FILES := $(shell find image/root -type f)
SCRIPTS := image/root/etc/skink/recover.d

$(BUILD)/root.cpio: tools/mkroot $(BUSYBOX) $(ROOT_FILES) $(ROOT_BIN)
	$(call say,MKROOT)
	$(Q)tools/mkroot -o $@ $(MKROOT_ARGS)

MKROOT_ARGS := --busybox $(BUSYBOX) --overlay $(BUILD)/rootfs image/root
MKSUMS := --sums $(BUILD)/tools/mksums
ROOT_SIZE := 512M
RAM_ROOT_SIZE := 60M

$(BUILD)/root.img: tools/mkroot $(BUILD)/tools/mksums $(BUSYBOX) $(ROOT_FILES) $(ROOT_BIN)
	$(call say,MKROOT)
	$(Q)tools/mkroot -o $@ --ext2 $(ROOT_SIZE) $(MKSUMS) $(MKROOT_ARGS)

$(BUILD)/ramdisk.img: tools/mkroot $(BUILD)/tools/mksums $(BUSYBOX) $(ROOT_FILES) $(ROOT_BIN)
	$(call say,MKROOT)
	$(Q)tools/mkroot -o $@ --ext2 $(RAM_ROOT_SIZE) $(MKSUMS) $(MKROOT_ARGS)

$(BUILD)/boot.img: $(BUILD)/tools/mkboot $(BOOT_ELF) $(BOOT_ELF:.elf=) $(BOOT_SVC) image/boot.list \
		$(BUILD)/root.cpio
	$(call say,MKBOOT)
	$(Q)$(BUILD)/tools/mkboot -s $(SCRIPTS) -o $@ $(BOOT_SVC) $(BOOT_ELF) $(BUILD)/root.cpio

# The same with what measures messages (image/bench.list), for tools/bench.py.
BENCH_NAMES := $(BOOT_NAMES) $(filter-out $(BOOT_NAMES),$(shell sed 's/\#.*//' image/bench.list))
BENCH_SVC := $(foreach n,$(BENCH_NAMES),$(filter %/$n.svc,$(MANIFESTS)))
BENCH_ELF := $(foreach n,$(filter $(SERVICES),$(BENCH_NAMES)),$(BUILD)/services/$n/$n.elf)

$(BUILD)/bench.img: $(BUILD)/tools/mkboot $(BENCH_ELF) $(BENCH_ELF:.elf=) $(BENCH_SVC) \
		image/boot.list image/bench.list $(BUILD)/root.cpio
	$(call say,MKBOOT)
	$(Q)$(BUILD)/tools/mkboot -s $(SCRIPTS) -o $@ $(BENCH_SVC) $(BENCH_ELF) $(BUILD)/root.cpio

bench: boot $(BUILD)/bench.img $(BUILD)/bench/mbench.elf $(PLUGINS)

# The same with a root file system in memory (image/ram.list). RAMDISK: another disk to copy.
RAM_NAMES := $(BOOT_NAMES) $(shell sed 's/\#.*//' image/ram.list)
RAM_SVC := $(foreach n,$(RAM_NAMES),$(filter %/$n.svc,$(MANIFESTS)))
RAM_ELF := $(foreach n,$(filter $(SERVICES),$(RAM_NAMES)),$(BUILD)/services/$n/$n.elf)
RAMDISK := $(BUILD)/ramdisk.img
RAM_IMAGE := $(BUILD)/ram.img

$(RAM_IMAGE): $(BUILD)/tools/mkboot $(RAM_ELF) $(RAM_ELF:.elf=) $(RAM_SVC) image/boot.list \
		image/ram.list $(RAMDISK)
	$(call say,MKBOOT)
	$(Q)$(BUILD)/tools/mkboot -s $(SCRIPTS) -o $@ $(RAM_SVC) $(RAM_ELF) $(RAMDISK)

ram: boot $(RAM_IMAGE)

boot: $(KERNEL) $(KVMPROBE) $(if $(filter $(BUILD)/tools/mkboot,$(TOOLS)),$(BUILD)/boot.img) \
	$(BUILD)/root.img

# ---- listings ------------------------------------------------------------------------------

LISTED := $(KERNEL) $(SERVICE_ELF) $(COMMANDS:%=$(BUILD)/commands/%.elf)

$(LISTED:.elf=.lst): %.lst: %.elf
	$(call say,LIST)
	$(Q)$(OBJDUMP) -dS $< > $@

$(LISTED:.elf=.sym): %.sym: %.elf
	$(Q)$(NM) -n $< > $@

listings: $(LISTED:.elf=.lst) $(LISTED:.elf=.sym)

# ---- host tests ----------------------------------------------------------------------------

# Each test/NAME.c is a program. What it is linked with stands in its opening comment, in a line
# " * Links: lib/manifest.c ...". Kernel tests and the explorer are linked with the whole portable
# kernel, as an archive, on the fake machine in kernel/test/host/ (first on the include path).
TEST_CFLAGS := -O1 -g -std=gnu17 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(WARN)
LIB_TEST_CFLAGS := $(TEST_CFLAGS) -fno-builtin-log -I. -idirafter lib -I$(GEN)
KERNEL_TEST_CFLAGS := $(TEST_CFLAGS) -Ikernel/test/host -I. -Ikernel -I$(GEN)
KERNEL_TEST_SRC := $(sort $(wildcard kernel/core/*.c kernel/call/*.c kernel/test/host/*.c)) \
	$(wildcard kernel/x86_64/pagetable.c)

HOST := $(BUILD)/host
LIB_TESTS := $(sort $(wildcard lib/test/*.c tools/test/*.c servers/*/test/*.c fs/*/test/*.c \
	drivers/*/*/test/*.c))
KERNEL_TESTS := $(sort $(wildcard kernel/test/*.c))
MODEL_TESTS := $(sort $(wildcard tests/model/*.c))
host_object = $(patsubst %.c,$(HOST)/%.o,$1)

$(HOST)/kernel/%.o: kernel/%.c Makefile
	$(call say,TESTCC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_TEST_CFLAGS) $(DEPS) -c -o $@ $<

$(HOST)/gen/%.o: $(GEN)/%.c Makefile
	$(call say,TESTCC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIB_TEST_CFLAGS) $(DEPS) -c -o $@ $<

# State for a test, compiled as a service's is, and where a service has it; always by gcc.
$(HOST)/lib/test/logged/%.o: lib/test/logged/%.c Makefile tools/undo_stores
	$(call say,CC+UNDO)
	@mkdir -p $(@D)
	$(Q)gcc $(BARE) -I. $(LOGGED_CFLAGS) $(DEPS) -S -o $(@:.o=.raw.s) $<
	$(Q)tools/undo_stores $(@:.o=.raw.s) > $(@:.o=.s)
	$(Q)gcc -c -o $@ $(@:.o=.s)

$(HOST)/bin/lib/test/undo_test: TEST_LDFLAGS := -no-pie -Wl,--section-start=.state=0x10000000 \
	-Wl,--defsym=undo_minus_state=-0x10000000

$(HOST)/%.o: %.c Makefile
	$(call say,TESTCC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIB_TEST_CFLAGS) $(DEPS) -c -o $@ $<

$(HOST)/libkernel.a: $(call host_object,$(KERNEL_TEST_SRC)) $(HOST)/gen/contract/kernel_names.o
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# $(call test_rule,SOURCE,ARCHIVE)
define test_rule
$(HOST)/bin/$(basename $1): $(call host_object,$1 \
		$(shell sed -n 's/^ \* Links://p' $1)) $2
	$$(call say,TESTLD)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(TEST_CFLAGS) $$(TEST_LDFLAGS) -o $$@ $$(filter %.o %.a,$$^)
endef
# test/messages_test.c is linked with the whole server beside it: tests/messages/README.md.
MESSAGE_TESTS := $(filter %/messages_test.c,$(LIB_TESTS))
MESSAGES_SRC := $(wildcard tests/messages/*.c) $(filter-out lib/string.c lib/print.c lib/clock.c \
	lib/assert.c lib/doubt.c,$(filter %.c,$(call sources,lib)))
MESSAGES_GEN := $(patsubst $(GEN)/%.c,$(HOST)/gen/%.o,$(sort $(addprefix $(GEN)/,$(GEN_C)) \
	$(wildcard $(GEN)/contract/*_fuzz.c)))
$(HOST)/libmessages.a: $(call host_object,$(MESSAGES_SRC)) $(MESSAGES_GEN)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(foreach t,$(MESSAGE_TESTS),$(eval $(call test_rule,$t,\
	$(call host_object,$(filter %.c,$(call sources,$(patsubst %/test/,%,$(dir $t))))) \
	$(HOST)/libmessages.a)))
$(foreach t,$(filter-out $(MESSAGE_TESTS),$(LIB_TESTS)),$(eval $(call test_rule,$t,)))
$(foreach t,$(KERNEL_TESTS),$(eval $(call test_rule,$t,$(HOST)/libkernel.a)))
$(foreach t,$(filter-out tests/model/explorer.c,$(MODEL_TESTS)),$(eval $(call test_rule,$t,)))

# The explorer must be fast: without sanitizers, in $(BUILD)/model. Each planted/BUG.sed ("# File:")
# makes one more explorer, of a kernel with that bug; planted.c expects each to be found.
MODEL := $(BUILD)/model
MODEL_CFLAGS := -O2 -g -std=gnu17 $(WARN) -Ikernel/test/host -I. -Ikernel -I$(GEN)
model_object = $(patsubst %.c,$(MODEL)/%.o,$1)
EXPLORER := $(call model_object,tests/model/explorer.c $(wildcard tests/model/explorer/*.c))
PLANTED := $(patsubst tests/model/planted/%.sed,%,$(sort $(wildcard tests/model/planted/*.sed)))

$(MODEL)/%.o: %.c Makefile
	$(call say,MODELCC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(MODEL_CFLAGS) $(DEPS) -c -o $@ $<

$(MODEL)/names.o: $(GEN)/contract/kernel_names.c Makefile
	$(Q)$(CC) $(MODEL_CFLAGS) $(DEPS) -c -o $@ $<

$(MODEL)/libkernel.a: $(call model_object,$(KERNEL_TEST_SRC)) $(MODEL)/names.o
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(HOST)/bin/tests/model/explorer: $(EXPLORER) $(MODEL)/libkernel.a
	$(call say,TESTLD)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

# $(call planted_rule,BUG,SOURCE)
define planted_rule
$(MODEL)/planted/$1/bug.c: $2 tests/model/planted/$1.sed
	@mkdir -p $$(@D)
	$$(Q)sed -f tests/model/planted/$1.sed $2 > $$@
	$$(Q)! cmp -s $$@ $2 || { echo 'tests/model/planted/$1.sed changes nothing' >&2; exit 1; }

$(MODEL)/planted/$1/bug.o: $(MODEL)/planted/$1/bug.c Makefile
	$$(Q)$(CC) $(MODEL_CFLAGS) -w $$(DEPS) -c -o $$@ $$<

$(MODEL)/planted/$1/explorer: $(MODEL)/planted/$1/bug.o $(EXPLORER) $(MODEL)/libkernel.a
	$$(call say,PLANT)
	$$(Q)$(CC) -o $$@ $$^
endef
$(foreach p,$(PLANTED),$(eval $(call planted_rule,$p,$(shell sed -n 's/^\# File: //p' \
	tests/model/planted/$p.sed))))
$(HOST)/bin/tests/model/planted: $(PLANTED:%=$(MODEL)/planted/%/explorer)

$(HOST)/bin/tests/model/moments: | $(BUILD)/services/toy/toy $(BUILD)/services/ds/ds \
	$(BUILD)/services/semaphore/semaphore

TEST_BIN := $(patsubst %.c,$(HOST)/bin/%,$(LIB_TESTS) $(KERNEL_TESTS) $(MODEL_TESTS))
tests: $(TEST_BIN) $(TOOLS)

# For tools/test.py: the sources of all host tests.
print-tests:
	@echo $(LIB_TESTS) $(KERNEL_TESTS) $(MODEL_TESTS)

test-host: tests
	$(Q)tools/test.py host model

# ---- the rest ------------------------------------------------------------------------------

clean:
	rm -rf $(BUILD)

ifeq ($(filter clean print-tests,$(MAKECMDGOALS)),)
-include $(shell find $(BUILD) -path $(BUILD)/packages -prune -o -name '*.d' -print 2>/dev/null)
endif
