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
INCLUDES := -Ivmm -Ivmm/$(ARCH) -Iboot -Idevices
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
.PHONY: all clean help kernel rootfs run check lint install deps

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

$(B)/init: rootfs/init.c devices/channel_wire.h boot/job.h boot/bytes.h Makefile | $(B)/libseccomp
	$(call say,CC,$<)
	$(Q)$(CC) -Idevices -Iboot $(SYSTEM_INCLUDES) $(INIT_CFLAGS) -static -no-pie \
		-Wl,--gc-sections,--build-id=none,-z,noexecstack -s -o $@ $<

# --- bare guests: no operating system, no libc ---

GUESTS := $(B)/guests/bare.elf $(B)/guests/bare.bzimage
GUEST_CFLAGS := -std=c11 -O2 $(WARNINGS) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-mno-red-zone -mgeneral-regs-only --param=min-pagesize=0 -fno-asynchronous-unwind-tables

$(B)/guests/bare.elf: tests/guests/start.S tests/guests/bare.c tests/guests/bare.ld Makefile
	$(call say,GUEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -mcmodel=small -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -T tests/guests/bare.ld -o $@ tests/guests/start.S tests/guests/bare.c

$(B)/guests/bare.bzimage: $(B)/guests/bare.elf tests/guests/bzimage.S
	$(call say,GUEST,$@)
	$(Q)objcopy -O binary $< $(@D)/bare.bin
	$(Q)gcc -c -DGUEST='"$(@D)/bare.bin"' -DSTART64=0x$$(nm $< | sed -n 's/ . start64//p') \
		-o $(@D)/bzimage.o tests/guests/bzimage.S
	$(Q)objcopy -O binary $(@D)/bzimage.o $@

-include $(OBJECTS:.o=.d)

clean: ## remove what was built (the cache outside the tree stays)
	$(Q)rm -rf build
