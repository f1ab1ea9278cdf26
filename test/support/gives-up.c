/*
 * Gives up CAP_KILL, sets no_new_privs and a seccomp filter that allows everything, says so and waits. Run by
 * e2e/diff-process as a container's first process.
 */
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/capability.h, linux/filter.h, linux/seccomp.h: musl-gcc does not find the kernel's headers. */
#define CAP_KILL 5
#define VERSION_3 0x20080522
#define MODE_FILTER 2
#define RETURN 0x06
#define ALLOW 0x7fff0000

struct head { uint32_t version; int pid; };
struct sets { uint32_t effective, permitted, inheritable; };
struct instruction { uint16_t code; uint8_t yes, no; uint32_t k; };
struct program { uint16_t length; struct instruction *instructions; };

int main(void)
{
	struct head head = { VERSION_3, 0 };
	struct sets sets[2];
	struct instruction allow = { RETURN, 0, 0, ALLOW };
	struct program program = { 1, &allow };

	if (prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) != 0) return 1;
	if (syscall(SYS_capget, &head, sets) != 0) return 2;
	sets[0].effective &= ~(1u << CAP_KILL);
	sets[0].permitted &= ~(1u << CAP_KILL);
	if (syscall(SYS_capset, &head, sets) != 0) return 3;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 4;
	if (prctl(PR_SET_SECCOMP, MODE_FILTER, &program) != 0) return 5;
	if (write(1, "up\n", 3) != 3) return 6;
	for (;;) pause();
}
