// SCMP_ACT_NOTIFY: a profile must name an agent, and the message that the agent gets.

import t from "tap";
import { notifyMessage, validateListener } from "../../../src/seccomp/notify.ts";
import type { Seccomp } from "../../../src/spec/types.ts";

const notifying: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
};

t.test("a profile that notifies needs a listener", async (t) => {
  t.throws(() => validateListener(notifying), {
    code: "E_CONFIG",
    message: "cannot use SCMP_ACT_NOTIFY: seccomp listenerPath is not set",
  });
  t.throws(() => validateListener({ ...notifying, listenerPath: "" }), { code: "E_CONFIG" });
  t.doesNotThrow(() => validateListener({ ...notifying, listenerPath: "/run/agent.sock" }));
});

t.test("a listener that nothing needs is ignored", async (t) => {
  t.doesNotThrow(() => validateListener({ defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/nowhere" }));
  t.doesNotThrow(() => validateListener({ defaultAction: "SCMP_ACT_ALLOW" }));
});

const process = {
  ociVersion: "1.3.0",
  pid: 42,
  metadata: "bar",
  container: {
    id: "c1",
    status: "creating" as const,
    pid: 42,
    bundle: "/bundle",
    annotations: { "a.b": "c" },
  },
};

t.test("the message is a ContainerProcessState with its keys in runc's order", async (t) => {
  t.equal(
    notifyMessage(process),
    '{"ociVersion":"1.3.0","fds":["seccompFd"],"pid":42,"metadata":"bar","state":{"ociVersion":"1.3.0",' +
      '"id":"c1","status":"creating","pid":42,"bundle":"/bundle","annotations":{"a.b":"c"}}}',
  );
});

t.test("what is empty is left out", async (t) => {
  const container = { ...process.container, status: "running" as const, pid: 7, annotations: undefined };
  for (const metadata of [undefined, ""]) {
    t.equal(
      notifyMessage({ ...process, metadata, container }),
      '{"ociVersion":"1.3.0","fds":["seccompFd"],"pid":42,"state":{"ociVersion":"1.3.0","id":"c1",' +
        '"status":"running","pid":7,"bundle":"/bundle"}}',
    );
  }
});
