/* The end of init when it cannot go on. */
#ifndef MAYFLY_GIVE_UP_H
#define MAYFLY_GIVE_UP_H

/* Says WHAT and errno on the console, all that is left without the channel, and resets the
 * machine; the host notices that there is no result. */
_Noreturn void give_up(const char *what);

#endif
