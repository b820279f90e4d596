# mayfly's build. One make, no recursion. The rules of tests, guests and benchmarks are in tests/tests.mk.
# `make help` lists the targets. What is slow is built by images/*.sh and cached outside the tree.

VERSION := 0.1.0
ARCH ?= $(shell uname -m)
PREFIX ?= /usr/local
B := build/$(ARCH)
FOREIGN_x86_64 := aarch64
FOREIGN_aarch64 := x86_64
# Another machine's compilers come in packages of their own.
CROSS := $(if $(filter $(ARCH),$(shell uname -m)),,cross)

# Quiet unless V=1.
Q := $(if $(V),,@)
# On a terminal, after what a recipe's line that rewrites itself has left there (images/progress.sh).
say = $(if $(V),,@printf '$(if $(MAKE_TERMOUT),\r\033[K)  %-7s %s\n' '$(1)' '$(2)')
# The recipes end what they do when this make is gone.
export MAYFLY_MAKE := $(or $(MAYFLY_MAKE),$(shell echo $$PPID))

CC := $(B)/musl/bin/cc
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wvla -Wmissing-prototypes -Werror
# The map and the constants of an architecture go with the directory that a file lies in; the rest takes $(ARCH)'s.
MAP = $(or $(findstring x86_64,$<),$(findstring aarch64,$<),$(ARCH))
AUDIT_x86_64 := AUDIT_ARCH_X86_64
AUDIT_aarch64 := AUDIT_ARCH_AARCH64
INCLUDES = -D_GNU_SOURCE= -DARCH_AUDIT=$(AUDIT_$(MAP)) -DGUEST_INIT_FILE='"$(B)/init"' \
	-Ivmm -Ivmm/machine/$(MAP) -I. -Iboot -I$(B)
# The links are made by the rules of $(B)/libseccomp and $(B)/musl below.
SYSTEM_INCLUDES := -isystem $(B)/libseccomp/include -isystem $(B)/libseccomp/uapi
# What runs only before the guest does, or instead of it, shall be small. There, variables begin as zeros.
OPTIMIZE = $(if $(filter devices/% $(addprefix vmm/,base/ram.c loop/console.c loop/ioloop.c loop/stream.c $(addprefix machine/,bus.c serial.c vcpu.c)),$<),-O2,-Os \
	-ftrivial-auto-var-init=zero)
# An overflow, a bad index or a bad shift ends in an illegal instruction. (Armv8.3 signs return addresses; older CPUs do
# nothing.)
HARDEN_aarch64 := -mbranch-protection=pac-ret
HARDEN := -fstack-protector-strong -fstack-clash-protection -fsanitize=signed-integer-overflow,bounds,shift \
	-fsanitize-undefined-trap-on-error $(HARDEN_$(ARCH))
CFLAGS = -std=c11 $(OPTIMIZE) -g $(WARNINGS) -fPIE $(HARDEN) -fvisibility=hidden \
	-ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables -fno-plt
CPPFLAGS = $(INCLUDES) $(SYSTEM_INCLUDES) -DMAYFLY_VERSION='"$(VERSION)"'

# The compiler's own start files are for dynamic programs; rcrt1.o relocates a static-PIE.
# lld: it keeps segments apart without filling the file up to pages, which may have 64 KiB on arm64.
LDFLAGS := -B$(B)/musl/bin -fuse-ld=lld -nostartfiles -static -Wl,-pie,--no-dynamic-linker,-z,text,-z,relro,-z,now \
	-Wl,-z,noexecstack,--gc-sections,--icf=all,-O2,--build-id=none,--pack-dyn-relocs=relr,-e,mayfly_start
START := $(B)/musl/lib/rcrt1.o $(B)/musl/lib/crti.o
END := $(B)/musl/lib/crtn.o

# All there is, but for what another architecture's name is on: a folder's or a file's.
PURE_SOURCES := $(wildcard boot/*/*.c devices/*.c)
SOURCES := $(foreach source,$(wildcard vmm/*.c vmm/*/*.c vmm/*/*/*.c) $(PURE_SOURCES), \
	$(if $(findstring $(FOREIGN_$(ARCH)),$(source)),,$(source)))
OBJECTS := $(SOURCES:%.c=$(B)/obj/%.o) $(B)/obj/vmm/machine/$(ARCH)/start.o

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all clean help kernel kernel-fast rootfs run run-deps run-files cache-size cache-prune check check-all check-files check-files-other check-unit check-build fuzz-coverage lint prove bench bench-files bench-check install

all: $(B)/mayfly ## build the launcher

help: ## show this list
	$(Q)awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the launcher ---

$(B)/musl: images/musl.sh images/arch.sh images/cache.sh images/apt.sh
	$(Q)images/deps.sh build $(CROSS)
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/musl.sh $(ARCH)) && ln -sfn "$$entry" $@.new && mv -T $@.new $@ && touch -h $@

$(B)/libseccomp: images/libseccomp.sh images/arch.sh images/cache.sh images/apt.sh | $(B)/musl
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/libseccomp.sh $(ARCH)) && ln -sfn "$$entry" $@.new && mv -T $@.new $@ && touch -h $@

$(B)/obj/%.o: %.c Makefile | $(B)/libseccomp $(B)/musl
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/%.o: %.S | $(B)/musl
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

$(B)/ioctls.inc: images/ioctls.sh | $(B)/libseccomp $(B)/musl
	$(Q)images/ioctls.sh $(CC) $(SYSTEM_INCLUDES) >$@

# The outer seccomp filter. The machine that builds makes it, with its own libseccomp: ours knows one architecture's
# calls.
FILTER_SOURCES := images/filter.c $(addprefix vmm/,sandbox/outer_list.c base/sysfilter.c sandbox/seccomp.c base/report.c base/text.c)

$(B)/outer.inc: $(FILTER_SOURCES) $(wildcard vmm/*.h vmm/*/*.h) images/deps.sh Makefile
	$(call say,FILTER,$@)
	$(Q)images/deps.sh build
	$(Q)mkdir -p $(@D)
	$(Q)gcc -std=c11 $(WARNINGS) $(INCLUDES) -o $(B)/filter $(FILTER_SOURCES) -lseccomp
	$(Q)$(B)/filter >$@

# What is made before the objects that hold it: the launcher's own, and those of unit tests (tests/tests.mk).
$(foreach objects,obj unit-san unit-musl fuzz fuzz-coverage,$(eval $(B)/$(objects)/vmm/files/guest_init.o: $(B)/init) \
	$(eval $(B)/$(objects)/vmm/commands/selftest_trial.o: $(B)/ioctls.inc) \
	$(eval $(B)/$(objects)/vmm/sandbox/outer.o: $(B)/outer.inc))

$(B)/mayfly.debug: $(OBJECTS) $(B)/libseccomp $(B)/musl
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(START) $(OBJECTS) $(B)/libseccomp/lib/libseccomp.a $(B)/musl/libc.a $(END)

$(B)/mayfly: $(B)/mayfly.debug tests/check-binary.sh
	$(Q)$(B)/musl/bin/strip -o $@.new $<
	$(Q)tests/check-binary.sh $@.new
	$(Q)mv $@.new $@

# --- the guest's init: static, not PIE, as small as it gets ---

INIT_CFLAGS := -std=c11 -Os $(WARNINGS) -fno-pie -fstack-protector-strong -ffunction-sections \
	-fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables

INIT_SOURCES := $(wildcard rootfs/*.c) boot/archive/cpio.c

$(B)/init: $(INIT_SOURCES) $(wildcard rootfs/*.h) devices/channel_wire.h boot/archive/job.h vmm/base/bytes.h boot/archive/cpio.h Makefile | $(B)/libseccomp
	$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE= -I. -Iboot -Ivmm $(SYSTEM_INCLUDES) $(INIT_CFLAGS) -static -no-pie \
		-Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,norelro,-z,noseparate-code -s -o $@ $(INIT_SOURCES) $(B)/musl/libc.a

-include $(OBJECTS:.o=.d)

# --- kernel, initramfs, Debian's kernel as a guest: from the cache ---

KERNELS_x86_64 := vmlinux bzImage
# The kernel for functions: images/x86_64-fast.config.
FAST_KERNEL := $(if $(filter x86_64,$(ARCH)),$(B)/vmlinux-fast)
KERNELS_aarch64 := Image
KERNELS := $(KERNELS_$(ARCH):%=$(B)/%)
KERNEL := $(firstword $(KERNELS))

kernel: $(KERNELS) ## build the guest kernel: vmlinux and bzImage, on arm64 Image
rootfs: $(B)/initramfs.cpio ## build the busybox initramfs

$(KERNEL): images/kernel.sh images/arch.sh images/cache.sh images/common.config images/$(ARCH).config
	$(Q)images/deps.sh kernel $(CROSS)
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/kernel.sh $(ARCH)) && cd "$$entry" && cp -f $(notdir $(KERNELS)) $(CURDIR)/$(@D) && \
		touch $(CURDIR)/$@

$(filter-out $(KERNEL),$(KERNELS)): $(KERNEL)

kernel-fast: $(FAST_KERNEL) ## build the guest kernel for functions: vmlinux-fast (x86-64)
	$(Q)[ -n "$(FAST_KERNEL)" ] || { echo "make kernel-fast: x86-64 only" >&2; exit 1; }

$(B)/vmlinux-fast: images/kernel.sh images/arch.sh images/cache.sh images/common.config images/x86_64.config images/x86_64-fast.config
	$(Q)images/deps.sh kernel
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/kernel.sh x86_64 fast) && cp -f "$$entry/vmlinux" $@ && touch $@

$(B)/initramfs.cpio: rootfs/initramfs.sh images/arch.sh images/tree.sh
	$(Q)images/deps.sh kernel
	$(Q)mkdir -p $(@D)
	$(Q)rootfs/initramfs.sh $(ARCH) $@

# --- use ---

# Where a guest of $(ARCH) can run: here, or in the lab.
WHERE = $(shell tests/where.sh $(ARCH))

# All packages at once: apt works alone. Then all that is built, side by side: the kernel, which takes longest, first.
run: run-deps ## run a command in a microVM and show its exit code
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) run-files
	$(Q)tests/run.sh $(ARCH)

run-deps:
	$(Q)images/deps.sh build kernel $(filter lab,$(WHERE)) $(CROSS)

run-files: $(KERNELS) $(B)/mayfly $(B)/initramfs.cpio $(if $(filter lab,$(WHERE)),$(B)/lab-host)
	$(Q):

# The lab's own part, which lies in the cache.
$(B)/lab-host: tests/lab/lab.sh tests/images/debian-kernel.sh images/tree.sh images/apt.sh images/arch.sh
	$(Q)images/deps.sh lab $(CROSS)
	$(Q)mkdir -p $(@D)
	$(Q)tests/lab/lab.sh -n -a $(ARCH) >$@

cache-size: ## tell what the cache holds, when that was used, and whether this tree needs it
	$(Q)images/cache-list.sh size

cache-prune: ## remove from the cache what this tree does not need and nobody used for DAYS (30)
	$(Q)images/cache-list.sh prune $(or $(DAYS),30)

install: $(B)/mayfly ## install the launcher, its manual and bash completion (PREFIX, DESTDIR)
	install -D -m 755 $(B)/mayfly $(DESTDIR)$(PREFIX)/bin/mayfly
	install -D -m 644 docs/mayfly.1 $(DESTDIR)$(PREFIX)/share/man/man1/mayfly.1
	install -D -m 644 docs/mayfly.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mayfly

include tests/tests.mk

clean: ## remove what was built (the cache outside the tree stays)
	$(Q)rm -rf build
