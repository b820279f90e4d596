# How what is not the product is built: bare guests, attacks, unit tests, fuzzers, benchmarks. The Makefile includes it.

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

# --- bare guests: no operating system, no libc ---

GUESTS_x86_64 := $(B)/guests/bare.elf $(B)/guests/bare.bzimage
GUESTS_aarch64 := $(B)/guests/bare.image
GUESTS := $(GUESTS_$(ARCH))

# Atomics of Armv8.0 in place: what chooses better ones at run time is in a library. The x86 guest has data near address
# 0.
GUEST_CFLAGS_x86_64 := -mno-red-zone -mcmodel=small --param=min-pagesize=0
GUEST_CFLAGS_aarch64 := -mno-outline-atomics
GUEST_CFLAGS := -std=c11 -O2 $(WARNINGS) -Itests/guests -Itests/guests/$(ARCH) -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -mgeneral-regs-only -fno-unwind-tables -fno-asynchronous-unwind-tables $(GUEST_CFLAGS_$(ARCH))

GUEST_SOURCES := tests/guests/$(ARCH)/start.S $(wildcard tests/guests/*.c tests/guests/$(ARCH)/*.c)
GUEST_LINK := tests/guests/$(ARCH)/bare.ld

$(B)/guests/bare.elf: $(GUEST_SOURCES) $(wildcard tests/guests/*.h tests/guests/$(ARCH)/*.h) $(GUEST_LINK) Makefile tests/tests.mk | $(B)/musl
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

# --- what tests need in a guest, and Debian's kernel as one: from the cache ---

# To be appended to initramfs.cpio: what tests need in a guest.
$(B)/tools.cpio: tests/images/tools-initramfs.sh tests/images/tools.sh tests/images/iperf3.c tests/images/debian-kernel.sh images/tree.sh \
		images/apt.sh images/arch.sh images/cache.sh
	$(Q)images/deps.sh tools $(CROSS)
	$(Q)mkdir -p $(@D)
	$(Q)tests/images/tools-initramfs.sh $(ARCH) $@

$(B)/debian-vmlinuz: tests/images/debian-kernel.sh images/apt.sh images/arch.sh images/cache.sh
	$(Q)images/deps.sh lab
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(tests/images/debian-kernel.sh $(ARCH)) && cp -f "$$entry/vmlinuz" $@ && touch $@

# --- unit tests and fuzzers ---

# NAME of tests/unit/NAME.c. Those of each architecture on any machine, but for what only the machine itself can
# compile.
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(shell find tests/unit -name "test_*.c")))
UNIT_TESTS := $(filter-out sealed/% $(if $(filter x86_64,$(ARCH)),,machine/x86_64/test_guest_cpuid),$(UNIT_TESTS))
# Those of the filter itself: there are no sanitizers then, which make calls of their own.
SEALED_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/sealed/test_*.c))
THREAD_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/devices/test_virt*.c))
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))
# The request of an ioctl is an int in musl and an unsigned long in glibc.
UNIT_CFLAGS = -std=c11 -O1 -g $(WARNINGS) -Wno-sign-conversion -Itests/unit $(INCLUDES) -DMAYFLY_VERSION='"1.2.3"'
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

# One object directory a flavour: sanitizers with glibc, musl as mayfly itself, libFuzzer with clang.
$(B)/unit-san/%.o: %.c Makefile tests/tests.mk | $(B)/libseccomp
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

# The devices once more, for their threads' sake.
$(B)/unit-tsan/%.o: %.c Makefile tests/tests.mk | $(B)/libseccomp
	$(call say,CC-TSAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_CFLAGS) -fsanitize=thread -MMD -MP -c -o $@ $<

$(B)/unit-musl/%.o: %.c Makefile tests/tests.mk | $(B)/libseccomp $(B)/cmocka
	$(call say,CC-MUSL,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -isystem $(B)/cmocka/include $(SYSTEM_INCLUDES) -MMD -MP -c -o $@ $<

$(B)/fuzz/%.o: %.c Makefile tests/tests.mk
	$(call say,CC-FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(UNIT_CFLAGS) -Wno-gnu-variable-sized-type-not-at-end -Wno-unknown-attributes $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# And once more with counters, instead of sanitizers.
COVERAGE := -fprofile-instr-generate -fcoverage-mapping
$(B)/fuzz-coverage/%.o: %.c Makefile tests/tests.mk
	$(call say,CC-COV,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(UNIT_CFLAGS) -Wno-gnu-variable-sized-type-not-at-end -Wno-unknown-attributes $(COVERAGE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(B)/cmocka: tests/images/cmocka.sh images/cache.sh images/apt.sh
	$(Q)images/deps.sh build check
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(tests/images/cmocka.sh $(ARCH)) && ln -sfn "$$entry" $@.new && mv -T $@.new $@ && touch -h $@

# An archive of mayfly's own code, of which a test takes what it does not bring along itself. Threads are the devices'
# alone; fuzzers need neither KVM nor processes.
BELOW_THREADS := $(filter devices/% vmm/base/%,$(SOURCES))
$(foreach flavour,unit-san unit-musl,$(eval $(B)/$(flavour)/mayfly.a: $(SOURCES:%.c=$(B)/$(flavour)/%.o)))
$(foreach flavour,fuzz fuzz-coverage,$(eval $(B)/$(flavour)/mayfly.a: $(SOURCES:%.c=$(B)/$(flavour)/%.o)))
$(B)/unit-tsan/mayfly.a: $(BELOW_THREADS:%.c=$(B)/unit-tsan/%.o)
$(B)/%/mayfly.a:
	$(Q)rm -f $@
	$(Q)ar qcs $@ $^

$(B)/unit-san/%: $(B)/unit-san/tests/unit/%.o $(B)/unit-san/mayfly.a
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(SANITIZE) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka -lseccomp -pthread

$(B)/unit-tsan/%: $(B)/unit-tsan/tests/unit/%.o $(B)/unit-tsan/mayfly.a
	$(Q)mkdir -p $(@D)
	$(Q)gcc -fsanitize=thread -o $@ $^ -lcmocka -pthread

$(B)/unit-musl/%: $(B)/unit-musl/tests/unit/%.o $(B)/unit-musl/mayfly.a
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $(filter %.o,$^) $(filter %.a,$^) $(B)/libseccomp/lib/libseccomp.a $(B)/cmocka/lib/libcmocka.a -pthread

# With all that is pure, so that what no fuzzer calls is counted, too.
$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(PURE_SOURCES:%.c=$(B)/fuzz/%.o) $(B)/fuzz/mayfly.a
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -pthread

$(B)/fuzz-coverage/fuzz_%: $(B)/fuzz-coverage/tests/fuzz/fuzz_%.o $(PURE_SOURCES:%.c=$(B)/fuzz-coverage/%.o) $(B)/fuzz-coverage/mayfly.a
	$(Q)clang $(COVERAGE) -fsanitize=fuzzer -o $@ $^ -pthread

# With the map of the architecture that is tested, whatever machine tests. (Objects before the archive.)
$(foreach flavour,unit-san unit-musl,$(foreach test,machine/x86_64/test_layout machine/x86_64/test_load,$(eval \
	$(B)/$(flavour)/$(test): $(B)/$(flavour)/vmm/machine/x86_64/layout.o)))

TESTS := $(UNIT_TESTS:%=$(B)/unit-san/%) $(UNIT_TESTS:%=$(B)/unit-musl/%) $(SEALED_TESTS:%=$(B)/unit-musl/%) $(THREAD_TESTS:%=$(B)/unit-tsan/%) $(FUZZERS:%=$(B)/fuzz/%)
.SECONDARY:

# An x86-64 machine can test the other architecture as well, in its lab.
OTHER := $(if $(filter x86_64,$(ARCH)),aarch64)

# All processors, unless the user said how many.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# SUITE names suites of tests/suites.sh; less is built for some of them. tests/check.pl takes FAILED and JOBS. (make
# puts them into the environment.)
check: LEVEL := check
check: ## test this architecture (SUITE="disk net": these suites; FAILED=1: what failed last)
check-all: LEVEL := all
check-all: ## test all there is: the other architecture, every kernel, longer hunts; what CI runs

# The packages first: with -j, compilers would be called before they are there.
check check-all:
	$(Q)images/deps.sh build kernel lab tools check $(if $(filter check-all,$@),$(if $(OTHER),cross))
	$(Q)targets=$$(tests/suites.sh targets $(ARCH) $(LEVEL) $(OTHER)) || exit; \
		[ -z "$$targets" ] || $(MAKE) --no-print-directory $(PARALLEL) $$targets
	$(Q)tests/check.pl $(ARCH) $(LEVEL) $(OTHER)

check-files-other:
	$(Q)$(if $(OTHER),$(MAKE) --no-print-directory ARCH=$(OTHER) check-files)

# What end-to-end tests take.
check-files: $(B)/mayfly $(B)/mayfly-attack $(KERNELS) $(B)/initramfs.cpio $(B)/tools.cpio $(B)/debian-vmlinuz $(GUESTS)

check-unit: $(TESTS)

check-build: check-files check-unit $(if $(filter x86_64,$(ARCH)),$(addprefix $(B)/bench/,floor measure crowd guest.elf guest-stays.elf))

fuzz-coverage: ## build the fuzzers with counters; tell what their kept inputs reach of boot/ and devices/
	$(Q)images/deps.sh build coverage
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(FUZZERS:%=$(B)/fuzz-coverage/%)
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

$(BENCH_PROGRAMS:%=$(B)/bench/%): $(B)/bench/%: tests/bench/%.c Makefile tests/tests.mk | $(B)/libseccomp
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -Os $(WARNINGS) -D_GNU_SOURCE= $(SYSTEM_INCLUDES) -static -o $@ $<

# guest-N is a kernel of N MiB. Nobody may write to them, so that their pages are shared.
$(B)/bench/guest-stays.elf: GUEST_FLAGS := -DSTAYS
$(B)/bench/guest-8-stays.elf: GUEST_FLAGS := -DSTAYS -DPAD_MIB=8
$(foreach mib,1 8 64 512,$(eval $(B)/bench/guest-$(mib).elf: GUEST_FLAGS := -DPAD_MIB=$(mib)))
$(BENCH_GUESTS:%=$(B)/bench/%.elf): tests/bench/guest.S Makefile tests/tests.mk | $(B)/musl
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
	$(B)/$(flavour)/*/*/*.d $(B)/$(flavour)/*/*/*/*.d $(B)/$(flavour)/*/*/*/*/*.d))

