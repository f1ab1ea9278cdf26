// crun's annotations about seccomp: the agent, a program instead of the profile, unknown names. CONTRACT:
// crun(1), "Extensions to OCI".

import { needsAgent, startAgent } from "../support/agent.ts";
import { behaviour, needsKernel, nothingLeft, notOfRunc, refused } from "../support/behaviour.ts";
import { annotated, type Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { until } from "../support/wait.ts";
import { needsCall } from "../support/without.ts";

const ANNOTATIONS = notOfRunc("has no annotations of crun's");

const ENOMEDIUM = 123;

function notifying(annotations: Record<string, string>): (config: Config) => void {
  return annotated(annotations, (config) => {
    config.process.args = ["/bin/sh", "-c", "mkdir /tmp/a 2>&1"];
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
    };
  });
}

behaviour(
  "seccomp.receiver is notified where the profile names nobody, for a process of exec too",
  async (t, lab) => {
    const agent = await startAgent(lab, String(ENOMEDIUM));
    const box = lab.container(notifying({ "run.oci.seccomp.receiver": agent.socket }));
    t.match(await box.live(), /No medium found/);
    t.match(agent.told()[0], { message: { fds: ["seccompFd"], state: { id: box.id } }, descriptors: 1 });

    const other = lab.container(notifying({ "run.oci.seccomp.receiver": agent.socket }));
    other.config.process.args = ["sleep", "1000"];
    other.writeConfig();
    mustSucceed(await other.run({ flags: ["--detach"] }));
    const result = await lab.invoke(["exec", other.id, "mkdir", "/tmp/a"]);
    t.match(result.stderr, /No medium found/);
  },
  ANNOTATIONS,
  needsKernel(5, 6, "pidfd_getfd(2)"),
  needsCall("pidfd_open", "a seccomp agent"),
  needsAgent,
);

const BPF_LD_W_ABS = 0x20;
const BPF_JEQ_K = 0x15;
const BPF_RET_K = 0x06;
/** arm64 has mkdirat(2) alone. */
const SYS_MKDIR = process.arch === "x64" ? 83 : 34;

/** A program that allows everything except what mkdir(1) calls, for which it returns this. */
function program(result: number): string {
  const bytes = Buffer.alloc(32);
  const instructions = [
    [BPF_LD_W_ABS, 0, 0, 0],
    [BPF_JEQ_K, 0, 1, SYS_MKDIR],
    [BPF_RET_K, 0, 0, result],
    [BPF_RET_K, 0, 0, 0x7fff0000],
  ] as const;
  instructions.forEach(([code, jumpTrue, jumpFalse, k], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  });
  return bytes.toString("base64");
}

const SECCOMP_RET_ERRNO = 0x00050000;
const SECCOMP_RET_USER_NOTIF = 0x7fc00000;

for (const noNewPrivileges of [true, false]) {
  behaviour(
    `seccomp_bpf_data takes the profile's place, noNewPrivileges ${noNewPrivileges}`,
    async (t, lab) => {
      const box = lab.container((config) => {
        notifying({ "run.oci.seccomp_bpf_data": program(SECCOMP_RET_ERRNO | ENOMEDIUM) })(config);
        config.process.noNewPrivileges = noNewPrivileges;
        // It notifies, but names no agent.
        config.process.args = ["/bin/sh", "-c", "mkdir /tmp/a 2>&1; exec sleep 1000"];
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const result = await lab.invoke(["exec", box.id, "mkdir", "/tmp/b"]);
      t.match(result.stderr, /No medium found/, "exec has it too");
      await until("the first process to say so too", () => box.output().includes("No medium found"));
    },
    ANNOTATIONS,
  );
}

behaviour(
  "a program that notifies has its listener handed to the receiver",
  async (t, lab) => {
    const agent = await startAgent(lab, String(ENOMEDIUM));
    const box = lab.container(
      annotated(
        {
          "run.oci.seccomp_bpf_data": program(SECCOMP_RET_USER_NOTIF),
          "run.oci.seccomp.receiver": agent.socket,
        },
        Container.script("mkdir /tmp/a 2>&1"),
      ),
    );
    t.match(await box.live(), /No medium found/);
  },
  ANNOTATIONS,
  needsKernel(5, 6, "pidfd_getfd(2)"),
  needsCall("pidfd_open", "a seccomp agent"),
  needsAgent,
);

behaviour(
  "a program that the kernel does not take ends the creation",
  async (t, lab) => {
    // It does not end with a return.
    const data = Buffer.from([BPF_LD_W_ABS, 0, 0, 0, 0, 0, 0, 0]).toString("base64");
    const box = lab.container(annotated({ "run.oci.seccomp_bpf_data": data }));
    box.config.process.noNewPrivileges = false;
    box.writeConfig();
    refused(t, await box.create(), /cannot install the seccomp profile: seccomp\(.*\) = EINVAL/);
    await nothingLeft(t, lab, "after create");
  },
  ANNOTATIONS,
);

function unknownCall(annotations: Record<string, string>): (config: Config) => void {
  return annotated(annotations, (config) => {
    config.process.args = ["echo", "ran"];
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["no_such_call"], action: "SCMP_ACT_ERRNO" }],
    };
  });
}

behaviour(
  "seccomp_fail_unknown_syscall makes an error of a name that libseccomp does not know",
  async (t, lab) => {
    // The cache has the filter without the name, which must not be used instead of the requested one.
    t.equal(await lab.container(unknownCall({})).live(), "ran\n");
    const off = { "run.oci.seccomp_fail_unknown_syscall": "0" };
    t.equal(await lab.container(unknownCall(off)).live(), "ran\n");
    const box = lab.container(unknownCall({ "run.oci.seccomp_fail_unknown_syscall": "1" }));
    refused(t, await box.create(), /libseccomp [\d.]+ does not know the system call "no_such_call"/);
    await nothingLeft(t, lab, "after create");
  },
  ANNOTATIONS,
);
