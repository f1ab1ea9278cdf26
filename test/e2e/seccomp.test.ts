// Seccomp: the configured filter is really installed, with its actions, errno values and argument rules.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, needsKernel, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Config, SeccompRule } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { parseStatus } from "../support/proc.ts";
import { missingCalls } from "../support/without.ts";

const EPERM = 1;
const ENOENT = 2;
const EXDEV = 18;
const SIGUSR1 = 10;
const SIGSYS = 31;

function withRules(script: string, ...syscalls: SeccompRule[]): (config: Config) => void {
  return (config) => {
    config.process.args = ["/bin/sh", "-c", script];
    config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
  };
}

const MAKE_DIRECTORY = ["mkdir", "mkdirat"];

/**
 * The calls of the static busybox up to its message; that of Debian 13 for arm64 begins with uname. The
 * calls of the runtime itself before execve do not matter.
 */
const BUSYBOX_NEEDS = `
  execve brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat getrandom
  mprotect prctl getuid getgid geteuid getegid setuid setgid umask write writev exit_group exit close
  fcntl futex read rt_sigreturn rt_sigaction rt_sigprocmask mmap munmap openat newfstatat fstat ioctl
  lseek access stat uname
`;

/** The calls that runc itself makes after its filter is loaded. */
const RUNC_NEEDS = `
  epoll_pwait epoll_ctl epoll_create1 nanosleep sched_yield tgkill getpid gettid madvise clone clone3
  open sigaltstack pipe2 eventfd2 getppid capget capset statx getdents64 fstatfs timer_create
  timer_delete timer_settime faccessat2 faccessat chdir fchdir setgroups getcwd close_range unlinkat
  accept4 accept recvmsg sendmsg sendto recvfrom dup dup2 dup3 poll ppoll rt_sigtimedwait wait4 waitid
`;

behaviour("without a profile there is no filter, with one there is", async (t, lab) => {
  const plain = lab.container(Container.script("cat /proc/self/status"));
  // A filter around the runtime, if there is one, is around the container too.
  const inherited = missingCalls.length === 0 ? "0" : "2";
  t.strictSame(parseStatus(await plain.live()).get("Seccomp"), [inherited]);
  const filtered = lab.container(
    withRules("cat /proc/self/status", { names: ["kexec_load"], action: "SCMP_ACT_ERRNO" }),
  );
  t.strictSame(parseStatus(await filtered.live()).get("Seccomp"), ["2"]);
});

behaviour(
  "what compiles the filter does not stay beside a run in the foreground",
  async (t, lab) => {
    const box = lab.container(
      withRules("exec sleep 1000", { names: ["kexec_load"], action: "SCMP_ACT_ERRNO" }),
    );
    let pid = 0;
    const run = box.run({
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    const { pid: init } = await box.waitForProgram("sleep");
    t.equal(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim(), String(init));
    mustSucceed(await box.kill("KILL"));
    t.equal((await run).code, 137);
  },
  tsrunOnly("has threads and children of its own"),
  systemdDriver ? "the process that has libsystemd loaded stays" : undefined,
);

behaviour(
  "a denied call fails with EPERM, or with the errno asked for",
  async (t, lab) => {
    const script = "mkdir /tmp/a 2>&1";
    const plain = lab.container(withRules(script, { names: MAKE_DIRECTORY, action: "SCMP_ACT_ERRNO" }));
    t.match(await plain.live(), /Operation not permitted/);
    for (const [errnoRet, text] of [
      [ENOENT, /No such file or directory/],
      [EXDEV, /Invalid cross-device link/],
      [EPERM, /Operation not permitted/],
    ] as const) {
      const box = lab.container(
        withRules(script, { names: MAKE_DIRECTORY, action: "SCMP_ACT_ERRNO", errnoRet }),
      );
      t.match(await box.live(), text);
    }
  },
  notOfCrun("its cache takes filters that differ in the errno only for the same"),
);

behaviour("a killing rule ends the program with SIGSYS", async (t, lab) => {
  for (const action of ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD"]) {
    const box = lab.container((config) => {
      withRules("", { names: MAKE_DIRECTORY, action })(config);
      config.process.args = ["/bin/mkdir", "/tmp/a"];
    });
    t.equal((await box.run()).code, 128 + SIGSYS, action);
    await nothingLeft(t, lab, "after run");
  }
});

behaviour("a trapping rule sends SIGSYS", async (t, lab) => {
  const rule = { names: MAKE_DIRECTORY, action: "SCMP_ACT_TRAP" };
  const box = lab.container(withRules("mkdir /tmp/a; echo $?", rule));
  t.match(await box.live(), /159\n$/);
});

behaviour("a default action of errno lets only the listed calls through", async (t, lab) => {
  const box = lab.container((config) => {
    config.process.args = ["/bin/mkdir", "/tmp/a"];
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names: `${BUSYBOX_NEEDS} ${RUNC_NEEDS}`.trim().split(/\s+/), action: "SCMP_ACT_ALLOW" }],
    };
  });
  const result = await box.run();
  t.match(result.stderr, /mkdir: .*Operation not permitted/);
  t.equal(result.code, 1);
});

behaviour("a rule may depend on an argument", async (t, lab) => {
  const script =
    "kill -0 $$ && echo probe; kill -USR2 $$ && echo other; kill -USR1 $$ 2>/dev/null || echo denied";
  const box = lab.container(
    withRules(`trap '' USR1 USR2; ${script}`, {
      names: ["kill"],
      action: "SCMP_ACT_ERRNO",
      args: [{ index: 1, value: SIGUSR1, op: "SCMP_CMP_EQ" }],
    }),
  );
  t.equal(await box.live(), "probe\nother\ndenied\n");
});

behaviour("comparisons are those of libseccomp", async (t, lab) => {
  // Which of the signals 10 and 12 are allowed.
  for (const [op, value, valueTwo, through] of [
    ["SCMP_CMP_NE", 10, 0, "10 "],
    ["SCMP_CMP_LT", 12, 0, "12 "],
    ["SCMP_CMP_LE", 10, 0, "12 "],
    ["SCMP_CMP_GE", 12, 0, "10 "],
    ["SCMP_CMP_GT", 10, 0, "10 "],
    ["SCMP_CMP_MASKED_EQ", 4, 4, "10 "],
  ] as const) {
    const rule = { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value, valueTwo, op }] };
    const script =
      "trap '' 10 12; for s in 10 12; do kill -$s $$ 2>/dev/null && printf '%s ' $s; done; exit 0";
    t.equal(await lab.container(withRules(script, rule)).live(), through, op);
  }
});

behaviour("names that libseccomp does not know are skipped", async (t, lab) => {
  const box = lab.container(
    withRules("mkdir /tmp/a 2>/dev/null || echo denied", {
      names: ["no_such_call_at_all", ...MAKE_DIRECTORY],
      action: "SCMP_ACT_ERRNO",
    }),
  );
  t.equal(await box.live(), "denied\n");
});

behaviour("a filter works with and without noNewPrivileges, for root and for a user", async (t, lab) => {
  for (const noNewPrivileges of [true, false]) {
    for (const uid of [0, 1000]) {
      const box = lab.container(
        withRules("cat /proc/self/status; mkdir /tmp/a 2>&1", {
          names: MAKE_DIRECTORY,
          action: "SCMP_ACT_ERRNO",
        }),
      );
      box.config.process.noNewPrivileges = noNewPrivileges;
      box.config.process.user = { uid, gid: uid };
      box.writeConfig();
      const output = await box.live();
      t.match(output, /Operation not permitted/, `noNewPrivileges ${noNewPrivileges}, uid ${uid}`);
      t.strictSame(parseStatus(output).get("NoNewPrivs"), [noNewPrivileges ? "1" : "0"]);
    }
  }
});

behaviour(
  "a 32-bit call is answered by the rules of its own architecture when it is listed",
  async (t, lab) => {
    const box = lab.container(
      withRules("mkdir /tmp/a 2>/dev/null || echo denied", {
        names: MAKE_DIRECTORY,
        action: "SCMP_ACT_ERRNO",
      }),
    );
    const seccomp = box.config.linux.seccomp;
    if (seccomp !== undefined) seccomp.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
    box.writeConfig();
    t.equal(await box.live(), "denied\n");
  },
  process.arch === "x64" ? undefined : "needs an x86-64 machine",
  needsKernel(4, 14, "SCMP_ACT_LOG"),
);

behaviour(
  "an action, operator or architecture nobody knows is refused and leaves nothing",
  async (t, lab) => {
    const rule = { names: ["mkdir"], action: "SCMP_ACT_ERRNO" };
    for (const seccomp of [
      { defaultAction: "SCMP_ACT_NOTHING", syscalls: [rule] },
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...rule, action: "SCMP_ACT_ERRNOO" }] },
      {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ ...rule, args: [{ index: 0, value: 1, op: "SCMP_CMP_EQUAL" }] }],
      },
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_VAX"], syscalls: [rule] },
    ]) {
      const box = lab.container();
      box.config.linux.seccomp = seccomp;
      box.writeConfig();
      refused(t, await box.create(), /SCMP_/);
      await nothingLeft(t, lab, "after the refusal");
    }
  },
);

behaviour("start of a filtered container fails in no other way than without a filter", async (t, lab) => {
  const box = lab.container(withRules("echo ran", { names: ["mount", "umount2"], action: "SCMP_ACT_ERRNO" }));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.equal(box.output(), "ran\n");
});

behaviour(
  "a filter is the same whatever libseccomp the host has, and without one",
  async (t, lab) => {
    const layers = join(lab.folder, "layers");
    for (const name of ["upper", "work"]) mkdirSync(join(layers, name), { recursive: true });
    // Hides the library from this one command, in a new mount namespace. /lib may be a link to /usr/lib.
    const hide = `
    set -e
    for folder in /lib/*-linux-gnu /usr/lib/*-linux-gnu /usr/local/lib; do
      [ -n "$(find "$folder" -name 'libseccomp.so.2*')" ] || continue
      mount -t overlay x -o "lowerdir=$folder,upperdir=${layers}/upper,workdir=${layers}/work" "$folder"
      rm -f "$folder"/libseccomp.so.2*
    done
    exec "$@"`;
    const box = lab.container(
      withRules("mkdir /tmp/a 2>&1", { names: MAKE_DIRECTORY, action: "SCMP_ACT_ERRNO", errnoRet: EXDEV }),
    );
    const wrapper = ["unshare", "--mount", "sh", "-c", hide, "sh"];
    const { stdout } = await box.run({ wrapper });
    t.match(stdout, /Invalid cross-device link/);
  },
  tsrunOnly("loads the library of the host"),
);
