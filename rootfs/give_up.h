/* The end of init when it cannot go on. */
#ifndef MAYFLY_GIVE_UP_H
#define MAYFLY_GIVE_UP_H

/* Writes WHAT and errno to the console, the only way without the channel, and resets the machine.
 * The host notices that there is no result. */
_Noreturn void give_up(const char *what);

#endif
