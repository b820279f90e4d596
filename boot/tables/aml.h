/* The few words of ACPI Machine Language (ACPI 6.4 §20) that our DSDT needs. */
#ifndef MAYFLY_AML_H
#define MAYFLY_AML_H

#include <stdint.h>

/* Code is appended at NEXT. The caller knows that there is room. */
struct aml {
	uint8_t *next;
};

struct aml_block {
	uint8_t *length; /* the place of the block's PkgLength */
};

/* Opens a Scope of the four-character NAME at the root; aml_end closes it. */
struct aml_block aml_begin_scope(struct aml *aml, const char *name);
void aml_end(struct aml *aml, struct aml_block block);

/* Name (_S5, Package () {TYPE, 0}): the value that turns the machine off, for the sleep control
 * register. */
void aml_name_s5(struct aml *aml, uint8_t type);

/* Device COM1, COM2, … (NUMBER 0, 1, …): PNP0501 with 8 ports and one edge-triggered interrupt.
 * Without this device, a hardware-reduced kernel gives the UART no interrupt. */
void aml_uart(struct aml *aml, unsigned number, uint16_t port, uint32_t gsi);

/* Device VIO0, VIO1, … (NUMBER 0–9): LNRO0005, a coherent virtio-mmio device with SIZE bytes of
 * registers and one edge-triggered interrupt. */
void aml_virtio(struct aml *aml, unsigned number, uint32_t address, uint32_t size, uint32_t gsi);

#endif
