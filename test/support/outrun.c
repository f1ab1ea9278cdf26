/*
 * Chains of processes of which each starts the next one and ends: by the time that a signal is sent to a pid
 * that was listed, the process with it is gone. Run by e2e/kill as a container's first process, which outlives
 * them. Who finds the file /over ends the chain, and makes /survived.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define CHAINS 8
/* Should nobody make the file. */
#define LONGEST_SECONDS 120

static void run(time_t end)
{
	for (;;) {
		if (access("/over", F_OK) == 0) {
			open("/survived", O_CREAT | O_WRONLY, 0600);
			_exit(0);
		}
		if (time(NULL) > end || fork() > 0) _exit(0);
	}
}

int main(void)
{
	time_t end = time(NULL) + LONGEST_SECONDS;
	/* It gets those whose parent has ended, and nobody has to wait for them. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGCHLD, SIG_IGN);
	for (int chain = 0; chain < CHAINS; chain++) if (fork() == 0) run(end);
	if (write(1, "up\n", 3) != 3) return 1;
	for (;;) pause();
}
