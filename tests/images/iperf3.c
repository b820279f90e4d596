/*
 * iperf3.c: the program iperf3 around Debian's static libiperf, which tools.sh links it with. All options are the
 * library's own. Left out of the original's main: the pid file, --daemon, and the summary after a signal.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <iperf_api.h>

void iperf3_absent(void);

/* Stands for each function of OpenSSL and of SCTP: only authentication and --sctp call them. */
void iperf3_absent(void)
{
	fputs("iperf3: this build has neither OpenSSL nor SCTP (leave out authentication and --sctp)\n",
	      stderr);
	exit(1);
}

/* A client that breaks off (-1) ends nothing but a one-off server; 2: refused, another was being served. */
static int serve(struct iperf_test *test)
{
	int result;

	do {
		result = iperf_run_server(test);
		if (result < 0)
			iperf_err(test, "error - %s", iperf_strerror(i_errno));
		if (result < -1)
			break;
		iperf_reset_test(test);
	} while (!iperf_get_test_one_off(test) || result == 2);
	return result;
}

int main(int argc, char **argv)
{
	struct iperf_test *test = iperf_new_test();
	int result;

	if (!test || iperf_defaults(test) < 0)
		iperf_errexit(test, "create new test error - %s", iperf_strerror(i_errno));
	if (iperf_parse_arguments(test, argc, argv) < 0) {
		iperf_err(test, "parameter error - %s (see iperf3 --help)",
			  iperf_strerror(i_errno));
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	if (iperf_get_test_role(test) == 's') {
		result = serve(test);
	} else {
		result = iperf_run_client(test);
		if (result < 0)
			iperf_err(test, "error - %s", iperf_strerror(i_errno));
	}
	iperf_free_test(test);
	return result < 0;
}
