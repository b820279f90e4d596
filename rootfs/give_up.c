#include "rootfs/give_up.h"

#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

_Noreturn void give_up(const char *what)
{
	say("mayfly init: ");
	say(what);
	say(": ");
	say(strerror(errno));
	say("\n");
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1);
}
