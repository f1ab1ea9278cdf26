/*
 * runner: starts the commands that `make bench` measures, and tells their times. Started by namespaces.sh as
 * the first process of a PID namespace, so that everything in it ends with it.
 *
 * Each line of its input asks for one thing, its words parted by tabs, and gets one line back:
 *   calls N PROGRAM ARG...                     N processes of a command at once
 *   lives N FOLDER PROGRAM STATE BUNDLE ID     N containers at once, each created, started, awaited, deleted
 *   wait FILE                                  the end of the container whose pid is in FILE
 *   busy N                                     N loops that keep processors busy; 0 ends them
 * An answer is "ok" with times in milliseconds, or "failed" and why. A pair of times is that of the clock and
 * that of processors, the latter as wait4(2) has it: of the command and of all that it has waited for.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORDS = 32, MOST_AT_ONCE = 64, WHY = 400 };

struct times {
  double clock, processor;
};

/** The steps of a life, and all of it. */
enum { CREATE, START, DELETE, ALL, STEPS };

struct life {
  struct times steps[STEPS];
  char why[WHY];
};

extern char **environ;
static int null_device, errors;
static pid_t busy[MOST_AT_ONCE];
static int busy_count;
/** Shared with the processes that live at once. */
static struct life *lives;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double processor(const struct rusage *usage) {
  const struct timeval *user = &usage->ru_utime, *system = &usage->ru_stime;
  return (user->tv_sec + system->tv_sec) * 1e3 + (user->tv_usec + system->tv_usec) / 1e3;
}

/** Describes a failure in one line: the command, its status and what it has printed. */
static void explain(char why[WHY], char *const argv[], int status) {
    /* Behind "--root FOLDER". */
  const char *command = argv[1] && argv[2] && argv[3] ? argv[3] : "";
  int length = snprintf(why, WHY, "%s %s ends with %d: ", argv[0], command,
                        WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  if (length < 0 || length >= WHY) return;
  ssize_t got = pread(errors, why + length, (size_t)(WHY - 1 - length), 0);
  why[length + (got > 0 ? got : 0)] = 0;
  for (char *at = why; *at; at++)
    if (*at == '\n') *at = ' ';
}

/** Starts `count` processes of a command and waits for them. Returns 0, or -1 and says why. */
static int call(char *const argv[], int count, struct times *times, char why[WHY]) {
  posix_spawn_file_actions_t files;
  pid_t started[MOST_AT_ONCE];
  int status = 0, bad = 0, failed = 0;
  if (ftruncate(errors, 0) < 0 || lseek(errors, 0, SEEK_SET) < 0) return -1;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, null_device, 0);
  posix_spawn_file_actions_adddup2(&files, null_device, 1);
  posix_spawn_file_actions_adddup2(&files, errors, 2);
  double start = now();
  for (int each = 0; each < count; each++) {
    failed = posix_spawn(&started[each], argv[0], &files, NULL, argv, environ);
    if (failed) {
      snprintf(why, WHY, "cannot start %s: %s", argv[0], strerror(failed));
      count = each;
    }
  }
  times->processor = 0;
  for (int each = 0; each < count; each++) {
    struct rusage usage;
    if (wait4(started[each], &status, 0, &usage) < 0) continue;
    times->processor += processor(&usage);
    if (status) bad = status;
  }
  times->clock = now() - start;
  posix_spawn_file_actions_destroy(&files);
  if (bad) explain(why, argv, bad);
  return failed || bad ? -1 : 0;
}

/**
 * Waits for the end of the process whose pid is in the file. A container's process is our child once create
 * has ended.
 */
static int wait_for(const char *path, char why[WHY]) {
  FILE *file = fopen(path, "re");
  int pid = 0;
  if (!file || fscanf(file, "%d", &pid) != 1) {
    snprintf(why, WHY, "no pid in %s", path);
    if (file) fclose(file);
    return -1;
  }
  fclose(file);
  if (waitpid(pid, NULL, 0) == pid) return 0;
  /* It has been waited for already, or is another process's child. */
  while (kill(pid, 0) == 0) usleep(100);
  return 0;
}

static int live(struct life *life, char *folder, char *program, char *state, char *bundle, char *id) {
  char pid_file[PATH_MAX];
  snprintf(pid_file, sizeof pid_file, "%s/%s.pid", folder, id);
  char *create[] = {program, "--root", state, "create", "--bundle", bundle, "--pid-file", pid_file, id, NULL};
  char *start[] = {program, "--root", state, "start", id, NULL};
  char *delete[] = {program, "--root", state, "delete", id, NULL};
  struct times *steps = life->steps;
  double begin = now();
  if (call(create, 1, &steps[CREATE], life->why) || call(start, 1, &steps[START], life->why) ||
      wait_for(pid_file, life->why) || call(delete, 1, &steps[DELETE], life->why))
    return -1;
  steps[ALL].clock = now() - begin;
  steps[ALL].processor = steps[CREATE].processor + steps[START].processor + steps[DELETE].processor;
  return 0;
}

/**
 * Each life has a process of its own, which waits for the container's process. All begin when all are ready.
 */
static int live_at_once(char *words[], int count, struct times *times, char why[WHY]) {
  pid_t started[MOST_AT_ONCE];
  int gate[2], status, failed = 0;
  if (pipe2(gate, O_CLOEXEC) < 0) return -1;
  for (int each = 0; each < count; each++) {
    memset(&lives[each], 0, sizeof lives[each]);
    started[each] = fork();
    if (started[each] != 0) continue;
    char id[256], byte;
    close(gate[1]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    errors = memfd_create("errors", MFD_CLOEXEC);
    snprintf(id, sizeof id, "%s-%d", words[4], each);
    if (read(gate[0], &byte, 1) < 0) _exit(1);
    _exit(live(&lives[each], words[0], words[1], words[2], words[3], id) ? 1 : 0);
  }
  close(gate[0]);
  double start = now();
  close(gate[1]);
  times->processor = 0;
  for (int each = 0; each < count; each++) {
    if (waitpid(started[each], &status, 0) != started[each] || status) {
      failed = -1;
      snprintf(why, WHY, "%s", lives[each].why);
    }
    times->processor += lives[each].steps[ALL].processor;
  }
  times->clock = now() - start;
  return failed;
}

static void keep_busy(int count) {
  while (busy_count > 0) {
    pid_t pid = busy[--busy_count];
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  for (; busy_count < count; busy_count++) {
    busy[busy_count] = fork();
    if (busy[busy_count] == 0)
      for (volatile unsigned long round = 0;; round++) continue;
  }
}

static void tell(int failed, const struct times *times, int count, const char *why) {
  if (failed) {
    printf("failed %s", why);
  } else {
    printf("ok");
    for (int each = 0; each < count; each++) printf(" %.4f %.4f", times[each].clock, times[each].processor);
  }
  printf("\n");
  fflush(stdout);
}

static void answer(char *words[], int count) {
  struct life life = {0};
  int at_once = count > 1 ? atoi(words[1]) : 0;
  if (at_once < 0 || at_once > MOST_AT_ONCE) at_once = 0;
  if (!strcmp(words[0], "calls") && count > 2 && at_once > 0) {
    tell(call(words + 2, at_once, life.steps, life.why), life.steps, 1, life.why);
  } else if (!strcmp(words[0], "lives") && count == 7 && at_once == 1) {
    tell(live(&life, words[2], words[3], words[4], words[5], words[6]), life.steps, STEPS, life.why);
  } else if (!strcmp(words[0], "lives") && count == 7 && at_once > 1) {
    tell(live_at_once(words + 2, at_once, life.steps, life.why), life.steps, 1, life.why);
  } else if (!strcmp(words[0], "wait") && count == 2) {
    tell(wait_for(words[1], life.why), NULL, 0, life.why);
  } else if (!strcmp(words[0], "busy") && count == 2) {
    keep_busy(at_once);
    tell(0, NULL, 0, "");
  } else {
    tell(-1, NULL, 0, "no such request");
  }
}

int main(int argc, char **argv) {
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  /* What measures the cost of starting a process: one that does nothing. */
  if (argc > 1 && !strcmp(argv[1], "nothing")) return 0;
  null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
  errors = memfd_create("errors", MFD_CLOEXEC);
  lives = mmap(NULL, MOST_AT_ONCE * sizeof *lives, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (null_device < 0 || errors < 0 || lives == MAP_FAILED) return 1;
  while ((length = getline(&line, &room, stdin)) > 0) {
    char *words[MOST_WORDS + 1];
    int count = 0;
    if (line[length - 1] == '\n') line[length - 1] = 0;
    for (char *word = strtok(line, "\t"); word && count < MOST_WORDS; word = strtok(NULL, "\t"))
      words[count++] = word;
    words[count] = NULL;
    if (count > 0) answer(words, count);
    /* Containers' processes that nobody waits for by name. */
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
  return 0;
}
