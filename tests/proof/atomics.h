/* What Frama-C is told of atomics: a load gives any value, since the guest may have written it;
 * a store only has to have a place. That accesses are whole and in order is not a matter of
 * these proofs. */
#ifndef PROOF_ATOMICS_H
#define PROOF_ATOMICS_H

#include <stdatomic.h>
#include <stdint.h>

/*@ requires \valid_read((uint8_t *)from + (0 .. 1));
    terminates \true;
    assigns \result \from \nothing;
    exits \false; */
uint16_t proof_load16(const void *from);

/*@ requires \valid((uint8_t *)to + (0 .. 1));
    terminates \true;
    assigns ((uint8_t *)to)[0 .. 1];
    exits \false; */
void proof_store16(void *to, uint16_t value);

#undef atomic_load_explicit
#undef atomic_store_explicit
#define atomic_load_explicit(from, order) proof_load16(from)
#define atomic_store_explicit(to, value, order) proof_store16(to, value)

#define atomic_thread_fence(order) ((void)0)

#endif
