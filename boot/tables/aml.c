#include "tables/aml.h"

#include <string.h>

#include "base/bytes.h"

/* Opcodes, §20.2. */
enum {
	ZERO_OP = 0x00,
	ONE_OP = 0x01,
	NAME_OP = 0x08,
	BYTE_PREFIX = 0x0a,
	DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d,
	SCOPE_OP = 0x10,
	BUFFER_OP = 0x11,
	PACKAGE_OP = 0x12,
	EXT_OP_PREFIX = 0x5b,
	DEVICE_OP = 0x82, /* after EXT_OP_PREFIX */
};

/* Resource descriptors, §6.4. */
enum {
	IO_PORT = 0x47,
	IO_DECODE_16 = 1,
	MEMORY_32_FIXED = 0x86,
	MEMORY_WRITABLE = 1,
	EXTENDED_INTERRUPT = 0x89,
	INTERRUPT_CONSUMER_EDGE_HIGH = 0x03,
	END_TAG = 0x79,
};

#define EISA_ID_PNP0501 0x0105d041 /* §19.3.4: compressed, stored little-endian */

static void put8(struct aml *aml, unsigned value)
{
	*aml->next++ = (uint8_t)value;
}

static void put32(struct aml *aml, uint32_t value)
{
	put_le32(aml->next, value);
	aml->next += 4;
}

static void put_name(struct aml *aml, const char *name)
{
	memcpy(aml->next, name, 4);
	aml->next += 4;
}

/* Writes every block's length in the two-byte form of §20.2.4, so that room can be kept before the
 * length is known: low nibble and 0x40, then the rest. */
static struct aml_block begin_block(struct aml *aml)
{
	struct aml_block block = {aml->next};

	aml->next += 2;
	return block;
}

struct aml_block aml_begin_scope(struct aml *aml, const char *name)
{
	put8(aml, SCOPE_OP);
	struct aml_block block = begin_block(aml);
	put_name(aml, name);
	return block;
}

void aml_end(struct aml *aml, struct aml_block block)
{
	size_t length = (size_t)(aml->next - block.length);

	block.length[0] = (uint8_t)(0x40 | (length & 15));
	block.length[1] = (uint8_t)(length >> 4);
}

void aml_name_s5(struct aml *aml, uint8_t type)
{
	put8(aml, NAME_OP);
	put_name(aml, "_S5_");
	put8(aml, PACKAGE_OP);
	struct aml_block package = begin_block(aml);
	put8(aml, 2); /* elements */
	put8(aml, BYTE_PREFIX);
	put8(aml, type);
	put8(aml, ZERO_OP);
	aml_end(aml, package);
}

static void put_io_ports(struct aml *aml, uint16_t port, uint8_t count)
{
	put8(aml, IO_PORT);
	put8(aml, IO_DECODE_16);
	put_le16(aml->next, port); /* the range's lowest and highest base */
	put_le16(aml->next + 2, port);
	aml->next += 4;
	put8(aml, 1); /* alignment */
	put8(aml, count);
}

static void put_interrupt(struct aml *aml, uint32_t gsi)
{
	put8(aml, EXTENDED_INTERRUPT);
	put8(aml, 6); /* length of what follows, 16 bits */
	put8(aml, 0);
	put8(aml, INTERRUPT_CONSUMER_EDGE_HIGH);
	put8(aml, 1); /* one interrupt */
	put32(aml, gsi);
}

/* Opens _CRS, a buffer of SIZE bytes of resource descriptors, the end tag included. */
static struct aml_block begin_resources(struct aml *aml, uint8_t size)
{
	put8(aml, NAME_OP);
	put_name(aml, "_CRS");
	put8(aml, BUFFER_OP);
	struct aml_block buffer = begin_block(aml);
	put8(aml, BYTE_PREFIX);
	put8(aml, size);
	return buffer;
}

static void end_resources(struct aml *aml, struct aml_block buffer)
{
	put8(aml, END_TAG);
	put8(aml, 0); /* checksum 0: not checked */
	aml_end(aml, buffer);
}

/* A device's name: three letters and a digit. */
static struct aml_block begin_device(struct aml *aml, const char *letters, unsigned digit)
{
	char name[4];

	memcpy(name, letters, 3);
	name[3] = (char)('0' + digit);
	put8(aml, EXT_OP_PREFIX);
	put8(aml, DEVICE_OP);
	struct aml_block device = begin_block(aml);
	put_name(aml, name);
	return device;
}

static void put_byte_name(struct aml *aml, const char *name, unsigned value)
{
	put8(aml, NAME_OP);
	put_name(aml, name);
	put8(aml, BYTE_PREFIX);
	put8(aml, value);
}

void aml_uart(struct aml *aml, unsigned number, uint16_t port, uint32_t gsi)
{
	struct aml_block device = begin_device(aml, "COM", number + 1);

	put8(aml, NAME_OP);
	put_name(aml, "_HID");
	put8(aml, DWORD_PREFIX);
	put32(aml, EISA_ID_PNP0501);
	put_byte_name(aml, "_UID", number + 1);
	struct aml_block resources = begin_resources(aml, 8 + 9 + 2);
	put_io_ports(aml, port, 8);
	put_interrupt(aml, gsi);
	end_resources(aml, resources);
	aml_end(aml, device);
}

static void put_memory(struct aml *aml, uint32_t address, uint32_t size)
{
	put8(aml, MEMORY_32_FIXED);
	put8(aml, 9); /* length of what follows, 16 bits */
	put8(aml, 0);
	put8(aml, MEMORY_WRITABLE);
	put32(aml, address);
	put32(aml, size);
}

void aml_virtio(struct aml *aml, unsigned number, uint32_t address, uint32_t size, uint32_t gsi)
{
	static const char id[] = "LNRO0005";
	struct aml_block device = begin_device(aml, "VIO", number);

	put8(aml, NAME_OP);
	put_name(aml, "_HID");
	put8(aml, STRING_PREFIX);
	memcpy(aml->next, id, sizeof(id)); /* with its NUL */
	aml->next += sizeof(id);
	put_byte_name(aml, "_UID", number);
	put8(aml, NAME_OP);
	put_name(aml, "_CCA"); /* §6.2.17: the device is coherent with the CPU's caches */
	put8(aml, ONE_OP);
	struct aml_block resources = begin_resources(aml, 12 + 9 + 2);
	put_memory(aml, address, size);
	put_interrupt(aml, gsi);
	end_resources(aml, resources);
	aml_end(aml, device);
}
