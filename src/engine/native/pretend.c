// Pretends, to a command that the build watches (watch.c), that it has a cgroup of v2 and is root of the
// machine: the build has neither, and would not see what a command needs for that. Where TSRUN_PRETEND names
// a folder, it has the files that take the place of those of /proc/self, and the kernel is not asked about
// eBPF programs. Linked to `watched` only, with --wrap (scripts/engine/link.ts).
// docs/adr/0019-layout-by-use.md

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define BPF_PROG_LOAD 5
#define CLONE_INTO_CGROUP 0x200000000ULL

extern int64_t __real_raw_syscall(const int64_t words[7]);
extern int64_t __real_raw_clone3(void *arguments, int64_t size, void (*begin)(void));

static const char own[] = "/proc/self/";
static const char *const replaced[] = {"mountinfo", "cgroup", "uid_map"};

static const char *folder(void) {
  return getenv("TSRUN_PRETEND");
}

static int64_t open_instead(const int64_t words[7]) {
  const char *path = (const char *)words[2];
  if (strncmp(path, own, sizeof own - 1) == 0) {
    for (unsigned index = 0; index < sizeof replaced / sizeof *replaced; index++) {
      if (strcmp(path + sizeof own - 1, replaced[index]) != 0) continue;
      char other[4096];
      snprintf(other, sizeof other, "%s/%s", folder(), replaced[index]);
      return __real_raw_syscall((const int64_t[7]){SYS_openat, AT_FDCWD, (int64_t)other, words[3]});
    }
  }
  return __real_raw_syscall(words);
}

int64_t __wrap_raw_syscall(const int64_t words[7]) {
  if (folder() == NULL) return __real_raw_syscall(words);
  if (words[0] == SYS_openat) return open_instead(words);
  if (words[0] != SYS_bpf) return __real_raw_syscall(words);
  // A descriptor for the program; everything else succeeds.
  if (words[1] != BPF_PROG_LOAD) return 0;
  return __real_raw_syscall((const int64_t[7]){SYS_fcntl, 0, F_DUPFD_CLOEXEC, 3});
}

// The flags are the first member of the arguments. The cgroup is only a folder.
int64_t __wrap_raw_clone3(void *arguments, int64_t size, void (*begin)(void)) {
  if (folder() != NULL) *(uint64_t *)arguments &= ~CLONE_INTO_CGROUP;
  return __real_raw_clone3(arguments, size, begin);
}
