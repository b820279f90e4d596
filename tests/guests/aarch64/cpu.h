/* CPUs, and the Power State Coordination Interface (Arm DEN 0022), by HVC. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include <stdbool.h>
#include <stdint.h>

enum psci_function {
	PSCI_VERSION = 0x84000000,
	PSCI_CPU_OFF = 0x84000002,
	PSCI_CPU_ON = 0xc4000003,
	PSCI_AFFINITY_INFO = 0xc4000004,
	PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009,
	PSCI_FEATURES = 0x8400000a,
	PSCI_SYSTEM_RESET2 = 0xc4000012,
};

enum psci_result {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_ALREADY_ON = -4,
};

/* What AFFINITY_INFO says. */
enum psci_state { PSCI_ON = 0, PSCI_OFF = 1 };

/* What was written before can be seen by a CPU that this starts. */
int32_t psci(enum psci_function function, uint64_t a, uint64_t b, uint64_t c);

/* Where a CPU is, in MPIDR_EL1's way: this one; that of the INDEXth node in the device tree,
 * false if there is none. */
uint64_t own_affinity(void);
bool cpu_affinity(unsigned index, uint64_t *affinity);

/* Lets that CPU do WORK, on the stack of NUMBER; what PSCI answers. */
int32_t cpu_start(uint64_t affinity, unsigned number, void (*work)(void));

#endif
