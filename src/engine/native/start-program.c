// Starts a program as posix_spawn(3) does, but does not wait until the child has executed it: for 0.2 ms
// tsrun would do nothing. src/linux/process/start-program.ts calls it.
//
// Until then the child shares tsrun's memory, and has only a stack of its own. So it calls the kernel and
// nothing else, not even a function that sets errno, and finds what it needs in variables that tsrun leaves
// alone.

#define _GNU_SOURCE
#include "start-program.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

// syscall-*.s. In the child raw_clone3 calls `begin`, which does not return.
struct clone_args;
extern int64_t raw_clone3(const struct clone_args *arguments, int64_t size, void (*begin)(void));
extern int64_t raw_syscall(const int64_t words[7]);

// <linux/sched.h>, which musl does not have.
struct clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  uint64_t set_tid, set_tid_size, cgroup;
};

// futex(2).
#define FUTEX_WAIT 0

#define MOST_MOVES 64
#define SIGNALS 64
#define SIGNAL_BYTES 8

// What the kernel takes for rt_sigaction(2), in its longest form.
struct kernel_action {
  uint64_t handler, flags, restorer, mask;
};

// start-program.ts lays it out.
struct order {
  // Of clone3(2), besides those that start_program needs; and the cgroup's descriptor if one of them wants
  // it.
  uint64_t flags, cgroup;
  int64_t count;
  struct move {
    int32_t from, to;
  } moves[MOST_MOVES];
  char path[32], name[16];
};

static struct order order;
static _Alignas(16) char stack[4096];
// The kernel sets it to 0 when the child executes or ends, and so leaves this memory (CLONE_CHILD_CLEARTID).
static volatile uint32_t child = 0;
static volatile int failure = 0;

#define CALL(...) raw_syscall((const int64_t[7]){__VA_ARGS__})

// As posix_spawn_file_actions_adddup2(3): a descriptor that keeps its number is inherited as well.
static int64_t move(const struct move *each) {
  if (each->from == each->to) return CALL(SYS_fcntl, each->from, F_SETFD, 0);
  return CALL(SYS_dup3, each->from, each->to, 0);
}

// No signal is ignored or blocked, and the descriptors have their numbers.
static int64_t prepare(void) {
  static const struct kernel_action standard = {0};
  static const uint64_t none = 0;
  int64_t result = 0;
  for (int signal = 1; signal <= SIGNALS; signal++)
    CALL(SYS_rt_sigaction, signal, (int64_t)&standard, 0, SIGNAL_BYTES);
  for (int index = 0; index < order.count && result >= 0; index++) result = move(&order.moves[index]);
  return result < 0 ? result : CALL(SYS_rt_sigprocmask, SIG_SETMASK, (int64_t)&none, 0, SIGNAL_BYTES);
}

static void begin(void) {
  const char *const arguments[] = {order.name, 0}, *const environment[] = {0};
  int64_t result = prepare();
  if (result >= 0) result = CALL(SYS_execve, (int64_t)order.path, (int64_t)arguments, (int64_t)environment);
  failure = (int)-result;
  for (;;) CALL(SYS_exit_group, 127);
}

// One child at a time can use the stack.
static void wait_for_child(void) {
  for (uint32_t tid; (tid = child) != 0;) CALL(SYS_futex, (int64_t)&child, FUTEX_WAIT, tid, 0, 0, 0);
}

int start_program(const struct order *asked) {
  static const uint64_t all = ~(uint64_t)0;
  uint64_t before;
  wait_for_child();
  order = *asked;
  failure = 0;
  struct clone_args arguments = {
      .flags = order.flags | CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
      .child_tid = (uint64_t)&child,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)stack,
      .stack_size = sizeof stack,
      .cgroup = order.cgroup,
  };
  // A signal that reached the child before it executes would be handled in tsrun's memory.
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, (int64_t)&all, (int64_t)&before, SIGNAL_BYTES);
  child = UINT32_MAX;
  int64_t pid = raw_clone3(&arguments, sizeof arguments, begin);
  if (pid < 0) child = 0;
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, (int64_t)&before, 0, SIGNAL_BYTES);
  return (int)pid;
}

int program_failure(void) {
  wait_for_child();
  return failure;
}
