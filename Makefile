# mayfly's build. One make, no recursion: every rule and every flag is here.
# `make help` lists the targets. What is slow is built by images/*.sh and cached outside the tree.

VERSION := 0.1.0
ARCH ?= $(shell uname -m)
PREFIX ?= /usr/local
B := build/$(ARCH)

# Quiet unless V=1.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

CC := musl-gcc
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wvla -Wmissing-prototypes -Werror
INCLUDES := -D_GNU_SOURCE= -Ivmm -Ivmm/$(ARCH) -Iboot -Idevices
# The links are made by the rule of $(B)/libseccomp below.
SYSTEM_INCLUDES := -isystem $(B)/libseccomp/include -isystem $(B)/libseccomp/uapi
CFLAGS := -std=c11 -O2 -g $(WARNINGS) -fPIE -fstack-protector-strong -fvisibility=hidden \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-plt
CPPFLAGS := $(INCLUDES) $(SYSTEM_INCLUDES) -DMAYFLY_VERSION='"$(VERSION)"'

# musl-gcc's own start files are for dynamic programs; rcrt1.o relocates a static-PIE.
MUSL ?= /usr/lib/$(ARCH)-linux-musl
LDFLAGS := -nostartfiles -static -Wl,-pie,--no-dynamic-linker,-z,text,-z,relro,-z,now,-z,noexecstack \
	-Wl,-z,separate-code,--gc-sections,--build-id=none
START := $(MUSL)/rcrt1.o $(MUSL)/crti.o
END := $(MUSL)/crtn.o

VMM_SOURCES := $(wildcard vmm/*.c vmm/$(ARCH)/*.c)
PURE_SOURCES := $(wildcard boot/*.c devices/*.c)
SOURCES := $(VMM_SOURCES) $(PURE_SOURCES)
OBJECTS := $(SOURCES:%.c=$(B)/obj/%.o)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all clean help kernel rootfs run check check-deps check-build lint install

all: $(B)/mayfly ## build the launcher

help: ## show this list
	$(Q)awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# --- the launcher ---

$(B)/libseccomp: images/libseccomp.sh images/cache.sh images/apt.sh
	$(Q)images/deps.sh build
	$(Q)mkdir -p $(@D)
	$(Q)ln -sfn "$$(images/libseccomp.sh $(ARCH))" $@.new && mv -T $@.new $@ && touch -h $@

$(B)/obj/%.o: %.c Makefile | $(B)/libseccomp
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/vmm/guest_init.o: $(B)/init
$(B)/obj/vmm/guest_init.o: CPPFLAGS += -DGUEST_INIT_FILE='"$(B)/init"'

$(B)/mayfly.debug: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(START) $(OBJECTS) $(B)/libseccomp/lib/libseccomp.a $(END)

$(B)/mayfly: $(B)/mayfly.debug tests/check-binary.sh
	$(Q)strip -o $@.new $<
	$(Q)tests/check-binary.sh $@.new
	$(Q)mv $@.new $@

# --- the guest's init: static, not PIE, as small as it gets ---

INIT_CFLAGS := -std=c11 -Os $(WARNINGS) -fno-pie -fstack-protector-strong -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables

INIT_SOURCES := $(wildcard rootfs/*.c)

$(B)/init: $(INIT_SOURCES) $(wildcard rootfs/*.h) devices/channel_wire.h boot/job.h boot/bytes.h Makefile | $(B)/libseccomp
	$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE= -Irootfs -Idevices -Iboot $(SYSTEM_INCLUDES) $(INIT_CFLAGS) -static -no-pie \
		-Wl,--gc-sections,--build-id=none,-z,noexecstack -s -o $@ $(INIT_SOURCES)

# --- bare guests: no operating system, no libc ---

GUESTS := $(B)/guests/bare.elf $(B)/guests/bare.bzimage
GUEST_CFLAGS := -std=c11 -O2 $(WARNINGS) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-mno-red-zone -mgeneral-regs-only --param=min-pagesize=0 -fno-asynchronous-unwind-tables

GUEST_SOURCES := tests/guests/start.S $(wildcard tests/guests/*.c)

$(B)/guests/bare.elf: $(GUEST_SOURCES) $(wildcard tests/guests/*.h) tests/guests/bare.ld Makefile
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -mcmodel=small -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -T tests/guests/bare.ld -o $@ $(GUEST_SOURCES)

$(B)/guests/bare.bzimage: $(B)/guests/bare.elf tests/guests/bzimage.S
	$(call say,GUEST,$@)
	$(Q)objcopy -O binary $< $(@D)/bare.bin
	$(Q)gcc -c -DGUEST='"$(@D)/bare.bin"' -DSTART64=0x$$(nm $< | sed -n 's/ . start64//p') \
		-o $(@D)/bzimage.o tests/guests/bzimage.S
	$(Q)objcopy -O binary $(@D)/bzimage.o $@

-include $(OBJECTS:.o=.d)

# --- kernel, initramfs, Debian's kernel as a guest: from the cache ---

BUILT := $(B)/vmlinux $(B)/bzImage

kernel: $(B)/vmlinux ## build the guest kernel: vmlinux and bzImage
rootfs: $(B)/initramfs.cpio ## build the busybox initramfs

$(B)/vmlinux: images/kernel.sh images/cache.sh images/common.config images/$(ARCH).config
	$(Q)images/deps.sh kernel
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/kernel.sh $(ARCH)) && cp -f "$$entry/bzImage" "$$entry/vmlinux" $(@D) && touch $@

$(B)/bzImage: $(B)/vmlinux

$(B)/initramfs.cpio: rootfs/initramfs.sh images/tree.sh
	$(Q)images/deps.sh kernel
	$(Q)mkdir -p $(@D)
	$(Q)rootfs/initramfs.sh $(ARCH) $@

# To be appended to initramfs.cpio: what tests need in a guest.
$(B)/tools.cpio: rootfs/tools-initramfs.sh images/tools.sh images/iperf3.c images/debian-kernel.sh images/tree.sh \
		images/apt.sh images/cache.sh
	$(Q)images/deps.sh lab
	$(Q)mkdir -p $(@D)
	$(Q)rootfs/tools-initramfs.sh $(ARCH) $@

$(B)/debian-vmlinuz: images/debian-kernel.sh images/apt.sh images/cache.sh
	$(Q)images/deps.sh lab
	$(Q)mkdir -p $(@D)
	$(Q)entry=$$(images/debian-kernel.sh $(ARCH)) && cp -f "$$entry/vmlinuz" $@ && touch $@

# --- use ---

run: $(B)/mayfly $(BUILT) $(B)/initramfs.cpio ## run a command in a microVM and show its exit code
	$(Q)[ "$$(tests/where.sh $(ARCH))" = host ] || images/deps.sh lab
	$(Q)tests/run.sh $(ARCH)

install: $(B)/mayfly ## install the launcher and its manual (PREFIX, DESTDIR)
	install -D -m 755 $(B)/mayfly $(DESTDIR)$(PREFIX)/bin/mayfly
	install -D -m 644 docs/mayfly.1 $(DESTDIR)$(PREFIX)/share/man/man1/mayfly.1

# --- tests ---

# What unit tests and fuzzers link: everything that needs neither KVM nor a running VM.
UNIT_CODE := $(PURE_SOURCES) $(addprefix vmm/,ram.c report.c options.c device_options.c bus.c ending.c fdplan.c file.c stream.c pages.c storage.c tap.c) \
	vmm/$(ARCH)/layout.c vmm/$(ARCH)/guest_cpuid.c tests/unit/sysfilter_stub.c
UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit/test_*.c)))
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c)))
UNIT_CFLAGS := -std=c11 -O1 -g $(WARNINGS) -Itests/unit $(INCLUDES)
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

$(B)/cmocka: images/cmocka.sh images/cache.sh images/apt.sh
	$(Q)images/deps.sh build check
	$(Q)mkdir -p $(@D)
	$(Q)ln -sfn "$$(images/cmocka.sh $(ARCH))" $@.new && mv -T $@.new $@ && touch -h $@

UNIT_OBJECTS = $(UNIT_CODE:%.c=$(B)/$(1)/%.o)

$(B)/unit-san/test_%: $(B)/unit-san/tests/unit/test_%.o $(call UNIT_OBJECTS,unit-san)
	$(Q)gcc $(SANITIZE) -o $@ $^ -lcmocka -pthread

THREAD_CODE := $(wildcard devices/*.c) vmm/ram.c vmm/report.c tests/unit/sysfilter_stub.c
THREAD_TESTS := $(basename $(notdir $(wildcard tests/unit/test_virt*.c)))

$(B)/unit-tsan/test_%: $(B)/unit-tsan/tests/unit/test_%.o $(THREAD_CODE:%.c=$(B)/unit-tsan/%.o)
	$(Q)gcc -fsanitize=thread -o $@ $^ -lcmocka -pthread

$(B)/unit-musl/test_%: $(B)/unit-musl/tests/unit/test_%.o $(call UNIT_OBJECTS,unit-musl)
	$(Q)$(CC) -static -o $@ $^ $(B)/cmocka/lib/libcmocka.a -pthread

$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(call UNIT_OBJECTS,fuzz)
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -pthread

TESTS := $(UNIT_TESTS:%=$(B)/unit-san/%) $(UNIT_TESTS:%=$(B)/unit-musl/%) $(THREAD_TESTS:%=$(B)/unit-tsan/%) $(FUZZERS:%=$(B)/fuzz/%)
.SECONDARY:

check-deps:
	$(Q)images/deps.sh build kernel lab check

# The packages first: with -j, compilers would be called before they are there.
check: check-deps ## run all tests; ends with "N passed, N failed, N skipped"
	$(Q)$(MAKE) --no-print-directory check-build
	$(Q)tests/check.sh $(ARCH)

check-build: $(B)/mayfly $(BUILT) $(B)/initramfs.cpio $(B)/tools.cpio $(B)/debian-vmlinuz $(GUESTS) $(TESTS)

lint: ## check style, layers, shell scripts and the manual
	$(Q)images/deps.sh check
	$(Q)tests/lint.sh

-include $(wildcard $(B)/unit-san/*/*.d $(B)/unit-san/*/*/*.d $(B)/unit-tsan/*/*.d $(B)/unit-tsan/*/*/*.d $(B)/unit-musl/*/*.d $(B)/unit-musl/*/*/*.d \
	$(B)/fuzz/*/*.d $(B)/fuzz/*/*/*.d)

clean: ## remove what was built (the cache outside the tree stays)
	$(Q)rm -rf build
