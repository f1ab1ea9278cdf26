/*
 * What a shell cannot do to the processes around it. Run in a container by `make siege`, as its first process:
 *
 *   attack forks    has as many processes as its limit allows, and they come and go
 *   attack traces   seizes whatever appears, stops it, lets it go on, and never takes note of its end
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PIDS (1 << 22)

static char seen[MOST_PIDS];

static void forks(void)
{
	for (unsigned round = 1;; round++) {
		pid_t made = fork();
		/* One that is refused leaves now and then, so that there is something to fork again. */
		if (made < 0 && getpid() != 1 && (round + getpid()) % 16 == 0) _exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0) continue;
	}
}

static void seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) return;
	seen[pid] = 1;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0) return;
	if (waitpid(pid, NULL, __WALL) == pid) ptrace(PTRACE_CONT, pid, 0, 0);
}

static void traces(void)
{
	for (;;) {
		DIR *proc = opendir("/proc");
		if (proc == NULL) _exit(1);
		for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
			pid_t pid = atoi(entry->d_name);
			if (pid > 1 && pid < MOST_PIDS && !seen[pid]) seize(pid);
		}
		closedir(proc);
	}
}

int main(int count, char **words)
{
	if (count == 2 && strcmp(words[1], "forks") == 0) forks();
	if (count == 2 && strcmp(words[1], "traces") == 0) traces();
	return 2;
}
