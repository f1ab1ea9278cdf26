// A seccomp profile applies to the container's program, not to the runtime: changing the user, entering the
// working directory and finding the program are done before the filter is installed.

import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { parseStatus } from "../support/proc.ts";

/** What a static busybox needs to print a file, on both machines. */
const PROGRAM = (
  "arch_prctl brk close execve exit_group fcntl fstat getrandom getuid geteuid getgid getegid ioctl " +
  "lseek mmap mprotect munmap newfstatat open openat prctl prlimit64 read readlink readlinkat rseq " +
  "rt_sigaction rt_sigprocmask sendfile set_robust_list set_tid_address setgid setuid statx uname " +
  "write"
).split(" ");

function strict(names: readonly string[]): (config: Config) => void {
  return (config) => {
    config.process.args = ["/bin/cat", "/proc/self/status"];
    config.process.user = { uid: 1000, gid: 1000, additionalGids: [5] };
    config.process.cwd = "/made/for/it";
    const kill = ["CAP_KILL"];
    config.process.capabilities = {
      bounding: kill,
      effective: kill,
      permitted: kill,
      inheritable: kill,
      ambient: kill,
    };
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names: [...names], action: "SCMP_ACT_ALLOW" }],
    };
  };
}

/** The first word after each of these keys. */
function facts(text: string, ...keys: readonly string[]): Record<string, string | undefined> {
  const status = parseStatus(text);
  return Object.fromEntries(keys.map((key) => [key, status.get(key)?.[0]]));
}

const EACCES = 13;

const KILL = "0000000000000020";

const reason = tsrunOnly("needs further system calls of its own");

behaviour(
  "with no_new_privs a profile need allow nothing but what the program does",
  async (t, lab) => {
    const box = lab.container((config) => {
      strict(PROGRAM)(config);
      config.process.noNewPrivileges = true;
    });
    const seen = facts(await box.live(), "Seccomp", "NoNewPrivs", "CapEff", "CapAmb");
    t.strictSame(seen, { Seccomp: "2", NoNewPrivs: "1", CapEff: KILL, CapAmb: KILL });
  },
  reason,
);

behaviour(
  "without it a profile need allow capset beside, and CAP_SYS_ADMIN is gone all the same",
  async (t, lab) => {
    const box = lab.container((config) => {
      strict([...PROGRAM, "capset"])(config);
      config.process.noNewPrivileges = false;
    });
    const seen = facts(await box.live(), "Seccomp", "NoNewPrivs", "CapPrm", "CapBnd");
    t.strictSame(seen, { Seccomp: "2", NoNewPrivs: "0", CapPrm: KILL, CapBnd: KILL });
  },
  reason,
);

behaviour(
  "exec, too, looks the program up before the filter is in",
  async (t, lab) => {
    for (const noNewPrivileges of [true, false]) {
      const box = lab.container((config) => {
        Container.script("exec sleep 1000")(config);
        config.process.noNewPrivileges = noNewPrivileges;
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["faccessat2"], action: "SCMP_ACT_ERRNO", errnoRet: EACCES }],
        };
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { code, stdout, stderr } = await lab.invoke(["exec", box.id, "cat", "/proc/self/status"]);
      t.equal(code, 0, stderr);
      t.strictSame(facts(stdout, "Seccomp"), { Seccomp: "2" });
    }
  },
  reason,
);
