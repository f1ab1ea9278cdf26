/* What a program sees of itself and of what is around it. */
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;
FILE *out;

static void put_bytes(const char *key, const char *bytes, size_t length) {
  fprintf(out, "%s\t", key);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = bytes[i];
    if (c < 32 || c == 127 || c == '\\') fprintf(out, "\\x%02x", c);
    else fputc(c, out);
  }
  fputc('\n', out);
}

void put(const char *key, const char *format, ...) {
  char text[8192];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  put_bytes(key, text, strlen(text));
}

/* As a name, so that nothing depends on how a library says it. */
static const char *result(long value) {
  static char text[32];
  if (value >= 0) return "ok";
  snprintf(text, sizeof text, "errno %d", errno);
  return text;
}

size_t slurp(const char *path, char *to, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  size_t length = 0;
  ssize_t got = fd < 0 ? -1 : 0;
  if (fd < 0) return snprintf(to, size, "errno %d", errno);
  while (length < size && (got = read(fd, to + length, size - length)) > 0) length += got;
  if (got < 0) length += snprintf(to + length, size - length, "errno %d", errno);
  close(fd);
  return length;
}

char buffer[ROOM];

void put_lines(const char *key, const char *path) {
  size_t length = slurp(path, buffer, sizeof buffer), from = 0;
  for (size_t i = 0; i <= length; i++) {
    if (i < length && buffer[i] != '\n') continue;
    if (i > from) put_bytes(key, buffer + from, i - from);
    from = i + 1;
  }
}

static void put_link(const char *key, const char *path) {
  char target[4096];
  ssize_t length = readlink(path, target, sizeof target);
  if (length < 0) put(key, "errno %d", errno);
  else put_bytes(key, target, length);
}

static int by_name(const void *one, const void *other) {
  return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The names in a directory in order; -1 when it cannot be read. */
int names_in(const char *path, char **names, int most) {
  DIR *directory = opendir(path);
  struct dirent *entry;
  int count = 0;
  if (directory == NULL) return -1;
  while ((entry = readdir(directory)) != NULL && count < most)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names[count++] = strdup(entry->d_name);
  closedir(directory);
  qsort(names, count, sizeof *names, by_name);
  return count;
}

void walk(const char *path, int depth) {
  char key[4200], text[128] = "", *names[NAMES];
  struct stat status;
  struct statfs system;
  snprintf(key, sizeof key, "tree %s", path);
  if (lstat(path, &status) < 0) {
    put(key, "errno %d", errno);
    return;
  }
  if (S_ISLNK(status.st_mode)) {
    put_link(key, path);
    return;
  }
  if (S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size < 64) {
    size_t length = slurp(path, text, sizeof text - 1);
    text[length] = 0;
  }
  statfs(path, &system);
  put(key, "%o %u:%u %u:%u size %lld fs %lx flags %lx %s", status.st_mode, status.st_uid, status.st_gid,
      major(status.st_rdev), minor(status.st_rdev),
      S_ISREG(status.st_mode) ? (long long)status.st_size : 0, (long)system.f_type, (long)system.f_flags, text);
  if (!S_ISDIR(status.st_mode) || depth == 0) return;
  /* Those of the kernel are the same for everybody: proc, sysfs, cgroup and cgroup2. */
  if (system.f_type == 0x9fa0 || system.f_type == 0x62656572 || system.f_type == 0x27e0eb ||
      system.f_type == 0x63677270 || !strcmp(path, "/out")) return;
  int count = names_in(path, names, NAMES);
  if (count < 0) put(key, "not readable, errno %d", errno);
  for (int i = 0; i < count; i++) {
    char below[4096];
    snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") ? path : "", names[i]);
    walk(below, depth - 1);
    free(names[i]);
  }
}

static void put_descriptors(void) {
  char *names[NAMES], path[64], key[64];
  int count = names_in("/proc/self/fd", names, NAMES);
  for (int i = 0; i < count; i++) {
    int fd = atoi(names[i]);
    struct stat status;
    if (fd == fileno(out) || fstat(fd, &status) < 0) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    snprintf(key, sizeof key, "fd %d", fd);
    put_link(key, path);
    put(key, "flags %o mode %o", fcntl(fd, F_GETFL), status.st_mode);
    put(key, "tty %d foreground %d", isatty(fd), isatty(fd) && tcgetpgrp(fd) == getpgrp());
  }
}

static void put_terminal(void) {
  struct winsize size;
  struct termios modes;
  struct stat status;
  if (tcgetattr(0, &modes) < 0) return;
  put("terminal", "modes %x %x %x %x", modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag);
  if (ioctl(0, TIOCGWINSZ, &size) == 0) put("terminal", "size %d %d", size.ws_row, size.ws_col);
  if (fstat(0, &status) == 0) put("terminal", "%o %u:%u", status.st_mode, status.st_uid, status.st_gid);
  put("terminal", "name %s", ttyname(0));
  put("terminal", "/dev/tty %s", result(open("/dev/tty", O_RDWR | O_CLOEXEC)));
}

static void put_process(void) {
  char text[4096];
  struct rlimit limit;
  put("cwd", "%s", getcwd(text, sizeof text) ? text : result(-1));
  put_link("exe", "/proc/self/exe");
  put_link("root", "/proc/self/root");
  for (char **entry = environ; *entry; entry++) put("environment", "%s", *entry);
  for (int i = 0; i < RLIM_NLIMITS; i++)
    if (getrlimit(i, &limit) == 0)
      put("rlimit", "%d %llu %llu", i, (long long)limit.rlim_cur, (long long)limit.rlim_max);
  put("scheduler", "policy %d nice %d priority %ld", (int)syscall(SYS_sched_getscheduler, 0), getpriority(PRIO_PROCESS, 0),
      syscall(SYS_ioprio_get, 1, 0));
  struct { unsigned size, policy; unsigned long long flags; int nice; unsigned priority;
           unsigned long long runtime, deadline, period; unsigned low, high; } attributes = {0};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0)
    put("scheduler", "flags %llx priority %u runtime %llu deadline %llu period %llu clamp %u %u", attributes.flags,
        attributes.priority, attributes.runtime, attributes.deadline, attributes.period, attributes.low,
        attributes.high);
  put("personality", "%x", personality(0xffffffff));
  put("prctl", "dumpable %d securebits %x nnp %d subreaper %d keepcaps %d slack %d thp %d", prctl(PR_GET_DUMPABLE),
      prctl(PR_GET_SECUREBITS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
      (prctl(PR_GET_CHILD_SUBREAPER, text), *(int *)text), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_TIMERSLACK),
      prctl(42, 0, 0, 0, 0));
  put("prctl", "death signal %d", (prctl(PR_GET_PDEATHSIG, text), *(int *)text));
  int mode = 0;
  put("memory policy", "%s %d", result(syscall(SYS_get_mempolicy, &mode, 0, 0, 0, 0)), mode);
  long key = syscall(SYS_keyctl, 6, -3, text, sizeof text);
  put("session keyring", "%s", key > 0 ? text : result(key));
  put("session", "leader %d group leader %d", getsid(0) == getpid(), getpgrp() == getpid());
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  put("affinity", "%d", CPU_COUNT(&set));
}

static void put_proc(void) {
  static const char *const files[] = {
    "mountinfo", "status", "cgroup", "comm", "oom_score_adj", "coredump_filter", "loginuid", "sessionid",
    "attr/current", "uid_map", "gid_map", "setgroups", "projid_map", "timens_offsets", "cmdline", NULL,
  };
  static const char *const kinds[] = {
    "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts", NULL,
  };
  char path[128];
  for (int i = 0; files[i]; i++) {
    snprintf(path, sizeof path, "/proc/self/%s", files[i]);
    put_lines(files[i], path);
  }
  for (int i = 0; kinds[i]; i++) {
    char key[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    snprintf(key, sizeof key, "ns %s", kinds[i]);
    put_link(key, path);
  }
}

static void put_system(void) {
  static const char *const sysctls[] = {
    "kernel/msgmax", "kernel/shmmax", "kernel/shm_rmid_forced", "kernel/sem", "kernel/msgmnb",
    "fs/mqueue/msg_max", "fs/mqueue/queues_max", "net/ipv4/ip_unprivileged_port_start", "net/ipv4/ip_forward",
    "net/ipv4/ping_group_range", "net/core/somaxconn", "kernel/hostname", "kernel/domainname", NULL,
  };
  struct utsname names;
  uname(&names);
  put("hostname", "%s %s", names.nodename, names.domainname);
  for (int i = 0; sysctls[i]; i++) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/%s", sysctls[i]);
    put_lines(sysctls[i], path);
  }
  struct if_nameindex *links = if_nameindex();
  int any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int i = 0; links && links[i].if_name; i++) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, links[i].if_name, IFNAMSIZ - 1);
    put("interface", "%s %s %x", links[i].if_name, result(ioctl(any, SIOCGIFFLAGS, &request)), request.ifr_flags);
  }
  close(any);
  char *entries[NAMES];
  int count = names_in("/sys/fs/cgroup", entries, NAMES);
  for (int i = 0; i < count; i++) put("cgroup mount", "%s", entries[i]);
  /* Not of a host whose /proc is seen: there others come and go. */
  char self[32] = "";
  count = readlink("/proc/self", self, sizeof self - 1) > 0 && atoi(self) == getpid() ? names_in("/proc", entries, NAMES) : 0;
  for (int i = 0; i < count; i++) {
    char path[320];
    if (entries[i][0] < '0' || entries[i][0] > '9') continue;
    snprintf(path, sizeof path, "/proc/%s/comm", entries[i]);
    put_lines("processes", path);
  }
}

static void put_access(void) {
  static const char *const paths[] = {
    "/", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/tty", "/dev/ptmx", "/dev/kmsg", "/dev/fuse",
    "/dev/stdin", "/dev/fd", "/dev/core", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger",
    "/proc/acpi", "/proc/scsi", "/proc/bus", "/proc/irq", "/proc/fs", "/proc/sys/kernel/hostname",
    "/proc/sys/vm/swappiness", "/sys/firmware", "/sys/kernel", "/sys/fs/cgroup", "/tmp", "/dev/shm", "/run", NULL,
  };
  for (int i = 0; paths[i]; i++) {
    char key[128], read[32], write[32];
    int fd = open(paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    snprintf(read, sizeof read, "%s", result(fd));
    if (fd >= 0) close(fd);
    snprintf(write, sizeof write, "%s", result(access(paths[i], W_OK)));
    fd = open(paths[i], O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    snprintf(key, sizeof key, "access %s", paths[i]);
    put(key, "read %s, may write %s, write %s", read, write, result(fd));
    if (fd >= 0) close(fd);
  }
  static const struct { int type, major, minor; } devices[] = {
    {S_IFCHR, 1, 3}, {S_IFCHR, 1, 5}, {S_IFCHR, 1, 11}, {S_IFCHR, 5, 1}, {S_IFCHR, 10, 200}, {S_IFCHR, 10, 229},
    {S_IFBLK, 7, 0}, {S_IFBLK, 7, 1},
  };
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    const char *path = "/out/node";
    char made[32], read[32] = "-", write[32] = "-";
    long status = mknod(path, devices[i].type | 0600, makedev(devices[i].major, devices[i].minor));
    snprintf(made, sizeof made, "%s", result(status));
    if (status == 0) {
      int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
      snprintf(read, sizeof read, "%s", result(fd));
      if (fd >= 0) close(fd);
      fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
      snprintf(write, sizeof write, "%s", result(fd));
      if (fd >= 0) close(fd);
      unlink(path);
    }
    put("node", "%o %d:%d made %s, read %s, write %s", devices[i].type, devices[i].major, devices[i].minor, made,
        read, write);
  }
}

/* Each in a child, as it may be killed; with arguments that change nothing. */
static void put_calls(void) {
  static const struct { const char *name; long number, first, second, third; } calls[] = {
    {"mkdir", SYS_mkdir, (long)"", 0, 0}, {"chmod", SYS_chmod, (long)"", 0, 0},
    {"personality", SYS_personality, 0xffffffff, 0, 0}, {"personality 8", SYS_personality, 8, 0, 0},
    {"sethostname", SYS_sethostname, 0, 1, 0}, {"mount", SYS_mount, 0, 0, 0}, {"unshare", SYS_unshare, 0, 0, 0},
    {"socket inet", SYS_socket, 2, 2, 0}, {"socket unix", SYS_socket, 1, 2, 0}, {"socket vsock", SYS_socket, 40, 1, 0},
    {"getpriority", SYS_getpriority, 0, 0, 0}, {"times", SYS_times, 0, 0, 0}, {"sysinfo", SYS_sysinfo, 0, 0, 0},
    {"clone3", SYS_clone3, 0, 0, 0}, {"openat2", SYS_openat2, -1, 0, 0}, {"bpf", SYS_bpf, 0xffff, 0, 0},
    {"keyctl", SYS_keyctl, -1, 0, 0}, {"ptrace", SYS_ptrace, -1, 1, 0}, {"chroot", SYS_chroot, (long)"", 0, 0},
    {"io_uring_setup", SYS_io_uring_setup, 0, 0, 0}, {"fchmodat2", 452, -1, (long)"", 0}, {"mseal", 462, 1, 0, 0},
    {"none", 900, 0, 0, 0}, {"kcmp", SYS_kcmp, 1, 1, -1}, {"capset", SYS_capset, 0, 0, 0},
    {"setns", SYS_setns, -1, 0, 0}, {"pivot_root", SYS_pivot_root, (long)"", (long)"", 0},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
      struct rlimit none = {0, 0};
      setrlimit(RLIMIT_CORE, &none);
      long value = syscall(calls[i].number, calls[i].first, calls[i].second, calls[i].third, 0, 0);
      _exit(value < 0 ? errno : 0);
    }
    if (child > 0) waitpid(child, &status, 0);
    put("call", "%s %s %d", calls[i].name, child < 0 ? "no child" : WIFSIGNALED(status) ? "signal" : "errno",
        child < 0 ? errno : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
}

static void put_input(void) {
  size_t length = 0;
  ssize_t got;
  while ((got = read(0, buffer + length, sizeof buffer - length)) > 0) length += got;
  put_bytes("stdin", buffer, length);
}

int report(int argc, char **argv) {
  char part[4096];
  /* The first process of a pid namespace ignores what it does not handle. */
  for (int i = 0; i < 3; i++) signal((int[]){SIGTERM, SIGINT, SIGUSR1}[i], _exit);
  int tree = 0, input = 0, code = 0, mode = 0;
  for (int i = 3; i < argc; i++) {
    if (!strcmp(argv[i], "tree")) tree = 1;
    else if (!strcmp(argv[i], "stdin")) input = 1;
    else if (!strcmp(argv[i], "wait")) mode = 'w';
    else if (!strcmp(argv[i], "exit")) code = atoi(argv[++i]);
    else if (!strcmp(argv[i], "signal")) mode = 's', code = atoi(argv[++i]);
  }
  snprintf(part, sizeof part, "%s.part", argv[2]);
  out = fopen(part, "we");
  if (out == NULL) {
    fprintf(stderr, "probe: cannot write %s: %s\n", part, strerror(errno));
    return 99;
  }
  for (int i = 0; i < argc; i++) put("argument", "%s", argv[i]);
  put_proc();
  put_descriptors();
  put_process();
  put_terminal();
  if (input) put_input();
  else if (tree) {
    put_system();
    put_access();
    put_calls();
    walk("/", 4);
  }
  fclose(out);
  printf("reported\n");
  fflush(stdout);
  /* Whoever waits for the report goes on now. */
  rename(part, argv[2]);
  if (mode == 's') {
    signal(code, SIG_DFL);
    raise(code);
  }
  if (mode == 'w') for (;;) pause();
  return code;
}
