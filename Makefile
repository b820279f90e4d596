# mayfly's build. One make, no recursion: every rule and every flag is here.
# `make help` lists the targets. What is slow is built by images/*.sh and cached outside the tree.

VERSION := 0.1.0
ARCH ?= $(shell uname -m)
PREFIX ?= /usr/local
B := build/$(ARCH)
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
INCLUDES = -D_GNU_SOURCE= -Ivmm -Ivmm/$(MAP) -Iboot -Idevices -I$(B)
# The links are made by the rules of $(B)/libseccomp and $(B)/musl below.
SYSTEM_INCLUDES := -isystem $(B)/libseccomp/include -isystem $(B)/libseccomp/uapi
# What runs only before the guest does, or instead of it, shall be small. There, variables begin as zeros.
OPTIMIZE = $(if $(filter devices/% $(addprefix vmm/,bus.c console.c ioloop.c ram.c serial.c stream.c vcpu.c),$<),-O2,-Os \
	-ftrivial-auto-var-init=zero)
# An overflow, a bad index or a bad shift ends in an illegal instruction. (Armv8.3 signs return addresses; older CPUs do nothing.)
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

VMM_SOURCES := $(wildcard vmm/*.c vmm/$(ARCH)/*.c)
PURE_SOURCES := $(wildcard boot/*.c devices/*.c)
SOURCES := $(VMM_SOURCES) $(PURE_SOURCES)
OBJECTS := $(SOURCES:%.c=$(B)/obj/%.o) $(B)/obj/vmm/$(ARCH)/start.o

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all clean help kernel kernel-fast rootfs run run-deps run-files cache-size cache-prune check check-all check-files check-files-other check-unit check-build fuzz-coverage lint prove bench bench-files bench-check install

all: $(B)/mayfly ## build the launcher

help: ## show this list
	$(Q)awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

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

$(B)/obj/vmm/guest_init.o: $(B)/init
$(B)/obj/vmm/guest_init.o: CPPFLAGS += -DGUEST_INIT_FILE='"$(B)/init"'

$(B)/ioctls.inc: images/ioctls.sh | $(B)/libseccomp $(B)/musl
	$(Q)images/ioctls.sh $(CC) $(SYSTEM_INCLUDES) >$@

$(B)/obj/vmm/selftest_trial.o: $(B)/ioctls.inc

# The outer seccomp filter. The machine that builds makes it, with its own libseccomp: ours knows one architecture's calls.
FILTER_SOURCES := images/filter.c $(addprefix vmm/,outer_list.c sysfilter.c sysfilter_install.c report.c format.c)

$(B)/outer.inc: $(FILTER_SOURCES) $(wildcard vmm/*.h vmm/$(ARCH)/*.h) images/deps.sh Makefile
	$(call say,FILTER,$@)
	$(Q)images/deps.sh build
	$(Q)mkdir -p $(@D)
	$(Q)gcc -std=c11 $(WARNINGS) $(INCLUDES) -o $(B)/filter $(FILTER_SOURCES) -lseccomp
	$(Q)$(B)/filter >$@

$(B)/obj/vmm/outer.o $(B)/unit-musl/vmm/outer.o: $(B)/outer.inc

$(B)/mayfly.debug: $(OBJECTS) $(B)/libseccomp $(B)/musl
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(START) $(OBJECTS) $(B)/libseccomp/lib/libseccomp.a $(B)/musl/libc.a $(END)

$(B)/mayfly: $(B)/mayfly.debug tests/check-binary.sh
	$(Q)$(B)/musl/bin/strip -o $@.new $<
	$(Q)tests/check-binary.sh $@.new
	$(Q)mv $@.new $@

# --- the same with attacks built in, for tests: what the linker calls through tests/attack/hooks.c ---

ATTACK_OBJECTS := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/attack/*.c))
ATTACK_HOOKS := main arch_add_devices virtio_await sysfilter_install sysfilter_narrow read unshare chroot landlock_version \
	setgroups setrlimit syscall
comma := ,

$(B)/mayfly-attack: $(OBJECTS) $(ATTACK_OBJECTS) $(B)/libseccomp $(B)/musl
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(ATTACK_HOOKS:%=-Wl$(comma)--wrap=%) -o $@ $(START) $(OBJECTS) $(ATTACK_OBJECTS) \
		$(B)/libseccomp/lib/libseccomp.a $(B)/musl/libc.a $(END)

-include $(ATTACK_OBJECTS:.o=.d)

# --- the guest's init: static, not PIE, as small as it gets ---

INIT_CFLAGS := -std=c11 -Os $(WARNINGS) -fno-pie -fstack-protector-strong -ffunction-sections \
	-fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables

INIT_SOURCES := $(wildcard rootfs/*.c) boot/cpio.c

$(B)/init: $(INIT_SOURCES) $(wildcard rootfs/*.h) devices/channel_wire.h boot/job.h boot/bytes.h boot/cpio.h Makefile | $(B)/libseccomp
	$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE= -Irootfs -Idevices -Iboot -Ivmm $(SYSTEM_INCLUDES) $(INIT_CFLAGS) -static -no-pie \
		-Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,norelro,-z,noseparate-code -s -o $@ $(INIT_SOURCES) $(B)/musl/libc.a

# --- bare guests: no operating system, no libc ---

GUESTS_x86_64 := $(B)/guests/bare.elf $(B)/guests/bare.bzimage
GUESTS_aarch64 := $(B)/guests/bare.image
GUESTS := $(GUESTS_$(ARCH))

# Atomics of Armv8.0 in place: what chooses better ones at run time is in a library. The x86 guest has data near address 0.
GUEST_CFLAGS_x86_64 := -mno-red-zone -mcmodel=small --param=min-pagesize=0
GUEST_CFLAGS_aarch64 := -mno-outline-atomics
GUEST_CFLAGS := -std=c11 -O2 $(WARNINGS) -Itests/guests -Itests/guests/$(ARCH) -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -mgeneral-regs-only -fno-unwind-tables -fno-asynchronous-unwind-tables $(GUEST_CFLAGS_$(ARCH))

GUEST_SOURCES := tests/guests/$(ARCH)/start.S $(wildcard tests/guests/*.c tests/guests/$(ARCH)/*.c)
GUEST_LINK := tests/guests/$(ARCH)/bare.ld

$(B)/guests/bare.elf: $(GUEST_SOURCES) $(wildcard tests/guests/*.h tests/guests/$(ARCH)/*.h) $(GUEST_LINK) Makefile | $(B)/musl
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(B)/musl/bin/gcc $(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -T $(GUEST_LINK) -o $@ $(GUEST_SOURCES)

$(B)/guests/bare.bzimage: $(B)/guests/bare.elf tests/guests/x86_64/bzimage.S
	$(call say,GUEST,$@)
	$(Q)$(B)/musl/bin/objcopy -O binary $< $(@D)/bare.bin
	$(Q)$(B)/musl/bin/gcc -c -DGUEST='"$(@D)/bare.bin"' -DSTART64=0x$$($(B)/musl/bin/nm $< | sed -n 's/ . start64//p') \
		-o $(@D)/bzimage.o tests/guests/x86_64/bzimage.S
	$(Q)$(B)/musl/bin/objcopy -O binary $(@D)/bzimage.o $@

$(B)/guests/bare.image: $(B)/guests/bare.elf
	$(call say,GUEST,$@)
	$(Q)$(B)/musl/bin/objcopy -O binary $< $@

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

# To be appended to initramfs.cpio: what tests need in a guest.
$(B)/tools.cpio: rootfs/tools-initramfs.sh images/tools.sh images/iperf3.c images/debian-kernel.sh images/tree.sh \
		images/apt.sh images/arch.sh images/cache.sh
	$(Q)images/deps.sh tools $(CROSS)
	$(Q)mkdir -p $(@D)
	$(Q)rootfs/tools-initramfs.sh $(ARCH) $@

$(B)/debian-vmlinuz: images/debian-kernel.sh images/apt.sh images/arch.sh images/cache.sh
	$(Q)images/deps.sh lab
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/debian-kernel.sh $(ARCH)) && cp -f "$$entry/vmlinuz" $@ && touch $@

# --- use ---

# Where a guest of $(ARCH) can run: here, or in the lab.
WHERE = $(shell tests/where.sh $(ARCH))

# All packages at once: apt works alone. Then all that is built, side by side: the kernel, which takes longest, first.
run: run-deps ## run a command in a microVM and show its exit code
	$(Q)$(MAKE) --no-print-directory $(JOBS) run-files
	$(Q)tests/run.sh $(ARCH)

run-deps:
	$(Q)images/deps.sh build kernel $(filter lab,$(WHERE)) $(CROSS)

run-files: $(KERNELS) $(B)/mayfly $(B)/initramfs.cpio $(if $(filter lab,$(WHERE)),$(B)/lab-host)
	$(Q):

# The lab's own part, which lies in the cache.
$(B)/lab-host: tests/lab/lab.sh images/debian-kernel.sh images/tree.sh images/apt.sh images/arch.sh
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

# --- tests ---

# What only asks the kernel has nothing to fuzz.
HOST_CODE := vmm/jail.c vmm/landlock.c vmm/capabilities.c
# What unit tests and fuzzers link: everything that needs neither KVM nor a running VM.
UNIT_CODE := $(PURE_SOURCES) $(addprefix vmm/,ram.c report.c options.c device_options.c cli.c cli_values.c words.c optionfile.c job_options.c files.c tarball.c deadlines.c bus.c ending.c fdplan.c file.c stream.c pages.c storage.c tap.c unpack.c unpack_open.c tree.c) \
	vmm/serial.c vmm/format.c vmm/json.c vmm/facts.c vmm/sysfilter.c $(HOST_CODE)
# Those of each architecture, on any machine, but for what only the machine itself can compile.
ARCH_TESTS := $(filter-out $(if $(filter x86_64,$(ARCH)),,x86_64/test_guest_cpuid), \
	$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/x86_64/test_*.c tests/unit/aarch64/test_*.c)))
UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit/test_*.c))) $(ARCH_TESTS)
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))
UNIT_CFLAGS = -std=c11 -O1 -g $(WARNINGS) -Itests/unit $(INCLUDES) -DMAYFLY_VERSION='"1.2.3"'
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

# One object directory a flavour: sanitizers with glibc, musl as mayfly itself, libFuzzer with clang.
$(B)/unit-san/%.o: %.c Makefile | $(B)/libseccomp
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

# The devices once more, for their threads' sake.
$(B)/unit-tsan/%.o: %.c Makefile | $(B)/libseccomp
	$(call say,CC-TSAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_CFLAGS) -fsanitize=thread -MMD -MP -c -o $@ $<

$(B)/unit-musl/%.o: %.c Makefile | $(B)/libseccomp $(B)/cmocka
	$(call say,CC-MUSL,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -isystem $(B)/cmocka/include $(SYSTEM_INCLUDES) -MMD -MP -c -o $@ $<

$(B)/fuzz/%.o: %.c Makefile
	$(call say,CC-FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(UNIT_CFLAGS) -Wno-gnu-variable-sized-type-not-at-end $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# And once more with counters, instead of sanitizers.
COVERAGE := -fprofile-instr-generate -fcoverage-mapping
$(B)/fuzz-coverage/%.o: %.c Makefile
	$(call say,CC-COV,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(UNIT_CFLAGS) -Wno-gnu-variable-sized-type-not-at-end $(COVERAGE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(B)/cmocka: images/cmocka.sh images/cache.sh images/apt.sh
	$(Q)images/deps.sh build check
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/cmocka.sh $(ARCH)) && ln -sfn "$$entry" $@.new && mv -T $@.new $@ && touch -h $@

UNIT_OBJECTS = $(UNIT_CODE:%.c=$(B)/$(1)/%.o)

$(B)/unit-san/%: $(B)/unit-san/tests/unit/%.o $(call UNIT_OBJECTS,unit-san)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(SANITIZE) -o $@ $^ -lcmocka -pthread

THREAD_CODE := $(wildcard devices/*.c) vmm/ram.c vmm/report.c vmm/format.c vmm/sysfilter.c
THREAD_TESTS := $(basename $(notdir $(wildcard tests/unit/test_virt*.c)))

$(B)/unit-tsan/test_%: $(B)/unit-tsan/tests/unit/test_%.o $(THREAD_CODE:%.c=$(B)/unit-tsan/%.o)
	$(Q)gcc -fsanitize=thread -o $@ $^ -lcmocka -pthread

$(B)/unit-musl/%: $(B)/unit-musl/tests/unit/%.o $(call UNIT_OBJECTS,unit-musl)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $^ $(B)/cmocka/lib/libcmocka.a -pthread

$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(filter-out $(HOST_CODE:%.c=$(B)/fuzz/%.o),$(call UNIT_OBJECTS,fuzz))
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -pthread

$(B)/fuzz-coverage/fuzz_%: $(B)/fuzz-coverage/tests/fuzz/fuzz_%.o $(filter-out $(HOST_CODE:%.c=$(B)/fuzz-coverage/%.o),$(call UNIT_OBJECTS,fuzz-coverage))
	$(Q)clang $(COVERAGE) -fsanitize=fuzzer -o $@ $^ -pthread

# What an architecture's own tests take from its directory.
TAKEN := x86_64/test_guest_cpuid:guest_cpuid x86_64/test_layout:layout x86_64/test_load:layout
$(foreach flavour,unit-san unit-musl,$(foreach pair,$(TAKEN),$(eval \
	$(B)/$(flavour)/$(firstword $(subst :, ,$(pair))): $(B)/$(flavour)/vmm/x86_64/$(lastword $(subst :, ,$(pair))).o)))

# Whoever has rules for a role.
ROLES_CODE := $(addprefix vmm/,roles.c outer_list.c gate.c devices.c ioloop.c console.c signals.c stats.c terminal.c vcpu.c outbox.c crash.c $(ARCH)/end.c) \
	$(wildcard vmm/$(ARCH)/registers.c)
$(foreach flavour,unit-san unit-musl,$(eval $(B)/$(flavour)/test_roles: $(ROLES_CODE:%.c=$(B)/$(flavour)/%.o)))

# Those of the filter itself: there are no sanitizers then, which make calls of their own.
SEALED_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/sealed/test_*.c))
SEALED_CODE := $(UNIT_CODE) vmm/outer.c vmm/outer_list.c vmm/sysfilter_install.c vmm/unpack_seal.c vmm/selftest_try.c vmm/$(ARCH)/selftest.c

$(B)/unit-musl/sealed/%: $(B)/unit-musl/tests/unit/sealed/%.o $(SEALED_CODE:%.c=$(B)/unit-musl/%.o)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $^ $(B)/libseccomp/lib/libseccomp.a $(B)/cmocka/lib/libcmocka.a -pthread

TESTS := $(UNIT_TESTS:%=$(B)/unit-san/%) $(UNIT_TESTS:%=$(B)/unit-musl/%) $(SEALED_TESTS:%=$(B)/unit-musl/%) $(THREAD_TESTS:%=$(B)/unit-tsan/%) $(FUZZERS:%=$(B)/fuzz/%)
.SECONDARY:

# An x86-64 machine can test the other architecture as well, in its lab.
OTHER := $(if $(filter x86_64,$(ARCH)),aarch64)

# All processors, unless the user said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# SUITE names suites of tests/suites.sh; less is built for some of them. tests/check.pl takes FAILED, too.
check: LEVEL := check
check: ## test this architecture (SUITE="disk net": these suites; FAILED=1: what failed last)
check-all: LEVEL := all
check-all: ## test all there is: the other architecture, every kernel, longer hunts; what CI runs

# The packages first: with -j, compilers would be called before they are there.
check check-all:
	$(Q)images/deps.sh build kernel lab tools check $(if $(filter check-all,$@),$(if $(OTHER),cross))
	$(Q)targets=$$(tests/suites.sh targets $(ARCH) $(LEVEL) $(subst $(comma), ,$(SUITE))); \
		[ -z "$$targets" ] || $(MAKE) --no-print-directory $(JOBS) $$targets
	$(Q)SUITE="$(SUITE)" FAILED="$(FAILED)" tests/check.pl $(ARCH) $(LEVEL) $(OTHER)

check-files-other:
	$(Q)$(if $(OTHER),$(MAKE) --no-print-directory ARCH=$(OTHER) check-files)

# What end-to-end tests take.
check-files: $(B)/mayfly $(B)/mayfly-attack $(KERNELS) $(B)/initramfs.cpio $(B)/tools.cpio $(B)/debian-vmlinuz $(GUESTS)

check-unit: $(TESTS)

check-build: check-files check-unit $(if $(filter x86_64,$(ARCH)),$(addprefix $(B)/bench/,floor measure crowd guest.elf guest-stays.elf))

fuzz-coverage: ## build the fuzzers with counters; tell what their kept inputs reach of boot/ and devices/
	$(Q)images/deps.sh build coverage
	$(Q)$(MAKE) --no-print-directory $(JOBS) $(FUZZERS:%=$(B)/fuzz-coverage/%)
	$(Q)tests/fuzz/coverage.sh $(ARCH)

lint: ## check style, layers, shell scripts and the manual
	$(Q)images/deps.sh check
	$(Q)tests/lint.sh

prove: ## prove that hostile rings and files do no harm (docs/proofs.md; a GB of packages)
	$(Q)images/deps.sh prove
	$(Q)tests/proof/prove.sh

# --- benchmarks ---

BENCH_PROGRAMS := floor measure crowd
BENCH_GUESTS := guest guest-stays guest-8-stays guest-1 guest-8 guest-64 guest-512
BENCH_FILES := $(BENCH_PROGRAMS:%=$(B)/bench/%) $(BENCH_GUESTS:%=$(B)/bench/%.elf)

$(BENCH_PROGRAMS:%=$(B)/bench/%): $(B)/bench/%: tests/bench/%.c Makefile | $(B)/libseccomp
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -Os $(WARNINGS) -D_GNU_SOURCE= $(SYSTEM_INCLUDES) -static -o $@ $<

# guest-N is a kernel of N MiB. Nobody may write to them, so that their pages are shared.
$(B)/bench/guest-stays.elf: GUEST_FLAGS := -DSTAYS
$(B)/bench/guest-8-stays.elf: GUEST_FLAGS := -DSTAYS -DPAD_MIB=8
$(foreach mib,1 8 64 512,$(eval $(B)/bench/guest-$(mib).elf: GUEST_FLAGS := -DPAD_MIB=$(mib)))
$(BENCH_GUESTS:%=$(B)/bench/%.elf): tests/bench/guest.S Makefile | $(B)/musl
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(B)/musl/bin/gcc $(GUEST_FLAGS) -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext-segment=0x100000 -o $@.new $<
	$(Q)chmod a-w $@.new && mv -f $@.new $@

bench-files: $(B)/mayfly $(BENCH_FILES) $(KERNELS) $(FAST_KERNEL) $(B)/initramfs.cpio $(B)/tools.cpio

bench: bench-files ## measure against the floor program and QEMU's microvm; tables, JSON and plots (docs/performance.md)
	$(Q)images/deps.sh bench lab tools
	$(Q)tests/bench/run.sh

bench-check: ## compare what `make bench` measured with its budget; fails if a figure is beyond its bound
	$(Q)tests/bench/budget.sh $(B)/bench/bench.json

-include $(foreach flavour,unit-san unit-tsan unit-musl fuzz fuzz-coverage,$(wildcard $(B)/$(flavour)/*/*.d \
	$(B)/$(flavour)/*/*/*.d $(B)/$(flavour)/*/*/*/*.d))

clean: ## remove what was built (the cache outside the tree stays)
	$(Q)rm -rf build
