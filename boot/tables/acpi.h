/* ACPI tables (ACPI 6.4) of a hardware-reduced machine: RSDP, XSDT, FADT, MADT, DSDT. */
#ifndef MAYFLY_ACPI_H
#define MAYFLY_ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_UARTS_MAX 2
#define ACPI_VIRTIO_MAX 8
#define ACPI_SIZE_MAX 4096

struct acpi_uart {
	uint16_t port; /* first of 8 I/O ports */
	uint32_t gsi;  /* edge, active high */
};

struct acpi_virtio {
	uint32_t address, size; /* of the registers */
	uint32_t gsi;           /* edge, active high */
};

struct acpi {
	uint64_t address; /* where the tables will be, guest-physical; the RSDP is first */
	unsigned cpus;    /* 1–32; APIC ids 0 … cpus-1 */
	uint32_t lapic, ioapic;
	uint16_t reset_port; /* a write of RESET_VALUE resets the machine */
	uint8_t reset_value;
	uint16_t sleep_control_port; /* §4.8.3.7; the status register is the port after it */
	unsigned uart_count;
	struct acpi_uart uart[ACPI_UARTS_MAX];
	unsigned virtio_count;
	struct acpi_virtio virtio[ACPI_VIRTIO_MAX];
};

#define ACPI_S5_TYPE 5         /* the value in \_S5 */
#define ACPI_SLEEP_ENABLE 0x20 /* SLP_EN of the sleep control register, §4.8.3.7 */

/* Fills OUT and returns the size of all tables. */
size_t acpi_build(const struct acpi *fields, uint8_t out[ACPI_SIZE_MAX]);

#endif
