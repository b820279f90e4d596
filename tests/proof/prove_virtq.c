/* devices/virtq.c: whatever a driver writes into its rings and descriptors, and whenever it
 * does. */
#include "atomics.h"
#include "bits.h"
#include "devices/virtq.h"

#include <linux/virtio_ring.h>

/* Guest memory is not modelled: what is read from it is any value, each time anew. So it needs
 * no place here, and what is written to it changes nothing of ours, which prove_ram.c proves. */

/*@ axiomatic Guest {
	// Where the two ranges begin and end. A VM's stay as they are, so this is a matter of no
	// memory; they end below 2^52, as far as addresses of any CPU reach.
	logic integer low_start(struct ram *ram) reads \nothing;
	logic integer low_end(struct ram *ram) reads \nothing;
	logic integer high_start(struct ram *ram) reads \nothing;
	logic integer high_end(struct ram *ram) reads \nothing;
	axiom low: \forall struct ram *ram; 0 <= low_start(ram) <= low_end(ram) <= 0x10000000000000;
	axiom high: \forall struct ram *ram;
		0 <= high_start(ram) <= high_end(ram) <= 0x10000000000000;
    }
    // in_ram of prove_ram.c, with these names.
    predicate guest(struct ram *ram, integer address, integer length) =
	low_start(ram) <= address && address + length <= low_end(ram) ||
	high_start(ram) <= address && address + length <= high_end(ram); */

/*@ requires \valid_read(ram) && \valid(to) && length == sizeof(*to);
    terminates \true;
    assigns to->addr, to->len, to->flags, to->next;
    exits \false;
    ensures \result ==> guest(ram, from.v, length); */
bool proof_read_descriptor(const struct ram *ram, gpa_t from, struct vring_desc *to, size_t length);

/*@ requires \valid_read(ram) && \valid(to + (0 .. length - 1)) && guest(ram, from.v, length);
    terminates \true;
    assigns to[0 .. length - 1];
    exits \false;
    ensures \result ==> guest(ram, from.v, length); */
bool proof_read_bytes(const struct ram *ram, gpa_t from, uint8_t *to, size_t length);

/*@ requires \valid_read(ram) && \valid_read(from) && length == sizeof(*from);
    requires guest(ram, to.v, length);
    terminates \true;
    assigns \nothing;
    exits \false; */
bool proof_write_used(const struct ram *ram, gpa_t to, const struct vring_used_elem *from,
		      size_t length);

/*@ requires \valid_read(ram) && \valid_read(from + (0 .. length - 1));
    requires guest(ram, to.v, length);
    terminates \true;
    assigns \nothing;
    exits \false; */
bool proof_write_bytes(const struct ram *ram, gpa_t to, const uint8_t *from, size_t length);

/*@ requires \valid_read(ram);
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result ==> guest(ram, start.v, length); */
bool ram_holds(const struct ram *ram, gpa_t start, size_t length);

/*@ requires \valid_read(ram) && \valid(span) && guest(ram, start.v, length);
    terminates \true;
    assigns span->iov_base, span->iov_len;
    exits \false; */
bool ram_span(const struct ram *ram, gpa_t start, size_t length, struct iovec *span);

/*@ requires \valid_read(ram) && guest(ram, address.v, 2);
    terminates \true;
    assigns \nothing;
    exits \false; */
uint16_t ram_load16_acquire(const struct ram *ram, gpa_t address);

/*@ requires \valid_read(ram) && guest(ram, address.v, 2);
    terminates \true;
    assigns \nothing;
    exits \false; */
void ram_store16_release(const struct ram *ram, gpa_t address, uint16_t value);

/* What is copied is told by its size: WP knows no bytes of a struct. */
#define ram_read(ram, from, to, length)                                               \
	(sizeof(*(to)) == 16 ? proof_read_descriptor(ram, from, (void *)(to), length) \
			     : proof_read_bytes(ram, from, (void *)(to), length))
#define ram_write(ram, to, from, length)                                                \
	(sizeof(*(from)) == 8 ? proof_write_used(ram, to, (const void *)(from), length) \
			      : proof_write_bytes(ram, to, (const void *)(from), length))

/*@ // A queue that was enabled.
    predicate queue_ok(struct virtq *queue, struct ram *ram) =
	1 <= queue->size <= VIRTQ_SIZE_MAX &&
	guest(ram, queue->desc.v, 16 * queue->size) &&
	guest(ram, queue->avail.v, 6 + 2 * queue->size) &&
	guest(ram, queue->used.v, 6 + 8 * queue->size);

    // What virtq.h promises of a chain.
    predicate counts(struct chain *chain) =
	0 <= chain->readable && 0 <= chain->writable &&
	chain->readable + chain->writable <= VIRTQ_SIZE_MAX;
    predicate sums(struct chain *chain) = chain->read_size + chain->write_size <= UINT32_MAX;
    predicate parts(struct chain *chain) =
	\forall integer i; 0 <= i < VIRTQ_SIZE_MAX ==> i < chain->readable + chain->writable ==>
		chain->part[i].length > 0 &&
		guest(chain->ram, chain->part[i].address.v, chain->part[i].length);
    predicate chain_ok(struct chain *chain) = counts(chain) && sums(chain) && parts(chain); */

/*@ requires base.v + offset <= UINT64_MAX;
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result.v == base.v + offset; */
static gpa_t at(gpa_t base, uint64_t offset);

/*@ requires \valid_read(queue);
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result == 6 + 2 * queue->size; */
static uint64_t avail_bytes(const struct virtq *queue);

/*@ requires \valid_read(queue);
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result == 6 + 8 * queue->size; */
static uint64_t used_bytes(const struct virtq *queue);

/*@ requires \valid_read(queue);
    requires queue->avail.v + 6 + 2 * queue->size <= UINT64_MAX;
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result.v == queue->avail.v + 4 + 2 * queue->size; */
static gpa_t used_event(const struct virtq *queue);

/*@ requires \valid_read(queue);
    requires queue->used.v + 6 + 8 * queue->size <= UINT64_MAX;
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result.v == queue->used.v + 4 + 8 * queue->size; */
static gpa_t avail_event(const struct virtq *queue);

/*@ requires \valid(queue) && \valid_read(ram) && \separated(queue, ram);
    terminates \true;
    assigns queue->ready;
    exits \false;
    ensures \result ==> queue->ready && queue_ok(queue, ram);
    ensures \result ==>
	queue->desc.v % 16 == 0 && queue->avail.v % 2 == 0 && queue->used.v % 4 == 0;
    ensures !\result ==> queue->ready == \old(queue->ready); */
bool virtq_enable(struct virtq *queue, const struct ram *ram);

/*@ requires \valid(chain) && \valid_read(desc) && \separated(chain, desc);
    requires \valid_read(chain->ram) && chain_ok(chain);
    requires chain->readable + chain->writable < VIRTQ_SIZE_MAX;
    terminates \true;
    assigns *chain;
    exits \false;
    ensures chain->ram == \old(chain->ram) && chain->head == \old(chain->head);
    ensures \result ==> counts(chain);
    ensures \result ==> sums(chain);
    ensures \result ==> parts(chain);
    ensures \result ==> chain->readable + chain->writable <=
	\old(chain->readable + chain->writable) + 1;
    ensures readable_first: \result && chain->readable > \old(chain->readable) ==>
	chain->writable == 0;
    ensures direct: \result ==> !(desc->flags & VRING_DESC_F_INDIRECT); */
static bool add_part(struct chain *chain, const struct vring_desc *desc);

/*@ requires \valid_read(queue) && \valid(chain) && \separated(chain, queue);
    requires \valid_read(chain->ram) && queue_ok(queue, chain->ram);
    requires chain->readable == 0 && chain->writable == 0 && sums(chain);
    terminates \true;
    assigns *chain;
    exits \false;
    ensures chain->ram == \old(chain->ram) && chain->head == \old(chain->head);
    ensures \result ==> counts(chain);
    ensures \result ==> sums(chain);
    ensures \result ==> parts(chain);
    ensures \result ==> 1 <= chain->links <= queue->size;
    ensures \result ==> head < queue->size; */
static bool walk(const struct virtq *queue, uint16_t head, struct chain *chain);

/*@ requires \valid(queue) && \valid_read(ram) && queue_ok(queue, ram);
    terminates \true;
    assigns queue->suppressed;
    exits \false; */
static void suppress_kicks(struct virtq *queue, const struct ram *ram);

/*@ requires \valid(queue) && \valid(chain) && \separated(queue, chain, ram);
    requires \valid_read(ram) && (queue->ready ==> queue_ok(queue, ram));
    terminates \true;
    assigns *chain, queue->next_avail, queue->suppressed;
    exits \false;
    ensures \result == VIRTQ_EMPTY || \result == VIRTQ_OK || \result == VIRTQ_BROKEN;
    ensures \result == VIRTQ_OK ==> chain_ok(chain) && chain->ram == ram &&
	chain->head < queue->size && 1 <= chain->links <= queue->size;
    ensures \result != VIRTQ_OK ==> queue->next_avail == \old(queue->next_avail); */
enum virtq_answer virtq_pop(struct virtq *queue, const struct ram *ram, struct chain *chain);

/*@ requires \valid(queue) && \valid_read(ram) && \separated(queue, ram);
    requires queue->ready ==> queue_ok(queue, ram);
    terminates \true;
    assigns queue->suppressed;
    exits \false; */
bool virtq_await_kick(struct virtq *queue, const struct ram *ram);

/*@ requires \valid(queue) && \valid_read(ram) && \separated(queue, ram) && queue_ok(queue, ram);
    terminates \true;
    assigns queue->next_used;
    exits \false; */
void virtq_push(struct virtq *queue, const struct ram *ram, uint16_t head, uint32_t written);

/*@ requires \valid(queue) && \valid_read(ram) && \separated(queue, ram) && queue_ok(queue, ram);
    terminates \true;
    assigns queue->announced;
    exits \false; */
static bool wants_interrupt(struct virtq *queue, const struct ram *ram);

/*@ requires \valid(queue) && \valid_read(ram) && \separated(queue, ram) && queue_ok(queue, ram);
    terminates \true;
    assigns queue->published, queue->announced;
    exits \false; */
bool virtq_publish(struct virtq *queue, const struct ram *ram);

#include "annotated/devices/virtq.c"
