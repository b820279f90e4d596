/* What the tests of the bare guest share. */
#ifndef BARE_H
#define BARE_H

#include "arch.h"

/* To the console. */
void say(const char *text);

/* Opens the channel; end() says through it how the workload ended (0: VALUE is its exit code). */
void ready(void);
void listen_again(void); /* when the channel's UART was left in any state */
_Noreturn void end(uint8_t kind, uint8_t value);

/* Ends the VM with NUMBER if CONDITION is false. */
void expect(bool condition, uint8_t number);

/* On the command line: the number after KEY, or 0; whether NAME stands after KEY. */
unsigned number_after(const char *key);
bool is_asked_for(const char *key, const char *name);

/* The end of the RAM below MAPPED_END. Not for a bzImage, which is told no map here. */
uint64_t ram_end(void);

/* Tests of virtio devices, the first in slot 0. Each ends with the number of the check that
 * failed, 0: none. */
void test_blkprobe(void); /* registers, configuration of sectors=N, steps of the status, reset */
void test_blkrw(
	void); /* 1000 sectors: written in disorder, read back; the ID; errors= is 1 at the end */
void test_blkro(void);     /* nothing that writes succeeds */
void test_blkzero(void);   /* discard and write-zeroes */
void test_blkqueues(void); /* two queues, a CPU each */
void test_blkirq(void);    /* interrupts through the interrupt controller */
void test_blkevents(void); /* EVENT_IDX: one interrupt in 100 */
void test_blkidle(void);   /* breaks the ring and sleeps */
void test_blkstorm(void);  /* 20000 kicks, then sleeps */
void test_evil(void);      /* evil=NAME, see the table in virtio_evil.c */
void test_machinefuzz(void); /* seed=N, count=N, others=N: accesses at random, see machine_fuzz.c */
void test_nettalk(void);   /* one frame out; an ARP request in, its reply out, and what follows */
void test_netevil(void);   /* headers that make no sense, broken rings */
void test_netstorm(void);  /* rounds=N resets (1000) while packets come */
void test_rules(void);     /* all that a disk, an ephemeral one and a NIC are for */
void test_attack(void);    /* for the launcher of tests/attack alone */

#endif
