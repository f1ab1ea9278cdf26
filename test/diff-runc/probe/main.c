/* What runs in the containers of `make diff-runc`, as their hooks and beside them. Writes what a program can
 * see of itself and of what is around it, one line each: a key, a tab, the value without control characters.
 *   probe report FILE [tree] [stdin] [exit N | signal N | wait]   FILE appears when it is complete
 *   probe await FILE PID     until FILE is there or the process PID has ended
 *   probe ended PID          until the process PID has ended
 *   probe tree PATH          every file below
 *   probe cgroups            every cgroup below the roots of /sys/fs/cgroup, with its settings
 *   probe console SOCKET OUT takes a terminal and writes what comes from it
 *   probe clean COMMAND…     without descriptors of whoever started this
 *   probe pause              for ever */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int pidfd_of(const char *pid) { return syscall(SYS_pidfd_open, atoi(pid), 0); }

static int await(const char *path, const char *pid) {
  char folder[4096];
  struct pollfd events[2] = {{.events = POLLIN}, {.fd = pidfd_of(pid), .events = POLLIN}};
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  events[0].fd = inotify_init1(IN_CLOEXEC);
  inotify_add_watch(events[0].fd, folder, IN_MOVED_TO);
  while (access(path, F_OK) < 0) {
    if (events[1].fd < 0) return 1;
    poll(events, 2, -1);
    if (events[1].revents) return access(path, F_OK) < 0;
    if (events[0].revents) read(events[0].fd, buffer, sizeof buffer);
  }
  return 0;
}

static int ended(const char *pid) {
  struct pollfd event = {.fd = pidfd_of(pid), .events = POLLIN};
  return event.fd >= 0 && poll(&event, 1, -1) < 0;
}

static int console(const char *path, const char *to) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char data[4096], control[CMSG_SPACE(sizeof(int))];
  struct iovec vector = {data, sizeof data};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), written = open(to, O_CREAT | O_WRONLY, 0644);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 1) < 0) return 1;
  /* Whoever started this goes on now. */
  if (fork() > 0) return 0;
  int connection = accept(listener, NULL, NULL);
  ssize_t got = recvmsg(connection, &message, 0);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (got < 0 || header == NULL) return 1;
  int terminal = *(int *)CMSG_DATA(header);
  dprintf(written, "name of %zd bytes\n", got > 0 && got < 4096 ? (ssize_t)strnlen(data, got) > 0 : got);
  while ((got = read(terminal, data, sizeof data)) > 0) write(written, data, got);
  return 0;
}

static int is_setting(const char *name) {
  static const char *const others[] = {"stat", "usage", "current", "failcnt", "events", "pressure", "tasks", "peak", "blkio.io_",
    "io_se", "io_wait", "io_merged", "io_queued", "sectors", "event_control", "force_empty", "time", "procs",
    "threads", "slabinfo", "throttle.io", "numa", "reclaim", "kill", NULL};
  for (int i = 0; others[i]; i++) if (strstr(name, others[i])) return 0;
  return 1;
}

static void walk_cgroup(const char *hierarchy, const char *below) {
  char path[4096], *names[NAMES];
  struct stat status;
  snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s", hierarchy, below);
  int count = names_in(path, names, NAMES);
  for (int i = 0; i < count; i++) {
    char file[8192], key[8192];
    snprintf(file, sizeof file, "%s/%s", path, names[i]);
    if (lstat(file, &status) < 0) continue;
    if (S_ISDIR(status.st_mode)) {
      snprintf(key, sizeof key, "%s/%s", below, names[i]);
      walk_cgroup(hierarchy, key);
    } else if (*below) {
      snprintf(key, sizeof key, "%s%s %s", hierarchy, below, names[i]);
      if (is_setting(names[i])) put_lines(key, file);
      if (status.st_uid || status.st_gid) put(key, "owner %u:%u", status.st_uid, status.st_gid);
      if (!strcmp(names[i], "cgroup.procs")) {
        size_t length = slurp(file, buffer, sizeof buffer), lines = 0;
        for (size_t at = 0; at < length; at++) lines += buffer[at] == '\n';
        put(key, "%zu processes", lines);
      }
    }
  }
}

static int cgroups(void) {
  char *names[NAMES];
  int count = names_in("/sys/fs/cgroup", names, NAMES);
  for (int i = 0; i < count; i++) walk_cgroup(names[i], "");
  return 0;
}

int main(int argc, char **argv) {
  out = stdout;
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "report") && argc > 2) return report(argc, argv);
  /* Waits end: nobody else looks after them. */
  if (!strcmp(mode, "await") || !strcmp(mode, "ended")) alarm(60);
  if (!strcmp(mode, "await") && argc > 3) return await(argv[2], argv[3]);
  if (!strcmp(mode, "ended") && argc > 2) return ended(argv[2]);
  if (!strcmp(mode, "tree") && argc > 2) return walk(argv[2], 8), 0;
  if (!strcmp(mode, "console") && argc > 3) return console(argv[2], argv[3]);
  if (!strcmp(mode, "cgroups")) return cgroups();
  if (!strcmp(mode, "clean") && argc > 2) {
    syscall(SYS_close_range, 3, ~0u, 0);
    return execvp(argv[2], argv + 2);
  }
  if (!strcmp(mode, "pause")) for (;;) pause();
  return 98;
}
