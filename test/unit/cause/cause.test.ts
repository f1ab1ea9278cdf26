// How a cause gets into an error, and that nothing in a cause is taken for what callers match.

import { readdirSync, readFileSync } from "node:fs";
import t from "tap";
import { named, withCause } from "../../../src/cause/cause.ts";
import { whyConfined } from "../../../src/cause/confined.ts";
import { whyFiltered, whyKilled } from "../../../src/cause/seccomp.ts";
import { TsrunError, wrapError } from "../../../src/errors.ts";

const failed = new TsrunError("E_EXEC", 'exec: "x": permission denied', { errno: "EACCES", hint: "look" });

t.test("the cause stands behind the words, and the next step becomes the hint", async (t) => {
  const error = withCause(failed, () => ({ words: "it is closed", next: "open it" }));
  t.match(error, { message: 'exec: "x": permission denied: it is closed', code: "E_EXEC", errno: "EACCES" });
  t.equal((error as TsrunError).hint, "open it");
});

t.test("without a cause, and if looking fails, the error stays what it is", async (t) => {
  t.equal(
    withCause(failed, () => undefined),
    failed,
  );
  t.equal(
    withCause(failed, () => {
      throw new Error("no /proc");
    }),
    failed,
  );
  const other = new Error("x");
  t.equal(
    withCause(other, () => ({ words: "never" })),
    other,
  );
});

t.test("an error that others wrap keeps what it is about", async (t) => {
  const subject = { kind: "directory", path: "/x" } as const;
  const inner = new TsrunError("E_SYSCALL", "y", { subject, errno: "EACCES" });
  t.match(wrapError("cannot z", inner), { subject, errno: "EACCES" });
});

t.test("names of an image can neither end the line nor control a terminal", async (t) => {
  t.equal(named('a"b\n\u001b[2J\u009b\u2028'), '"a\\"b\\n\\u001b[2J\\u009b\\u2028"');
  t.ok(named("x".repeat(100_000)).length < 300);
});

t.test("a seccomp rule is the cause when it returns the errno that was seen", async (t) => {
  const rule = { names: ["execve"], action: "SCMP_ACT_ERRNO", errnoRet: 38 } as const;
  const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] } as const;
  t.match(whyFiltered(profile, "execve", "ENOSYS")?.words, /syscalls\/0 denies execve\(2\)/);
  t.equal(whyFiltered(profile, "execve", "ENOENT"), undefined);
  t.match(whyFiltered({ defaultAction: "SCMP_ACT_ERRNO" }, "execve", "EPERM")?.words, /default action/);
  t.equal(whyFiltered(undefined, "execve", "EPERM"), undefined);
  t.match(whyKilled({ defaultAction: "SCMP_ACT_KILL" }, "execve")?.words, /defaultAction/);
  t.equal(whyKilled(profile, "execve"), undefined);
});

t.test("AppArmor's profile for what ordinary users make is the cause of what it refuses", async (t) => {
  const label = "unprivileged_userns (enforce)";
  for (const errno of ["EACCES", "EPERM"]) {
    t.match(
      whyConfined(label, errno)?.words,
      /the sysctl kernel\.apparmor_restrict_unprivileged_userns is 1$/,
    );
  }
  t.ok(whyConfined("unprivileged_userns//&unconfined (enforce)", "EACCES"));
  t.equal(whyConfined(label, "EINVAL"), undefined);
  for (const other of ["unprivileged_userns_mine (enforce)", "docker-default (enforce)", undefined]) {
    t.equal(whyConfined(other, "EACCES"), undefined);
  }
});

/** Texts by which dockerd, containerd's shim, Podman and CRI-O tell one failure from another. */
const MATCHED = [
  ...["does not exist", "not running", "no such process", "no such file", "executable file not found"],
  ...[
    "permission denied",
    "operation not permitted",
    "not a directory",
    "is a directory",
    "already finished",
  ],
];

t.test("no words of a cause are those that callers match", async (t) => {
  for (const file of readdirSync("src/cause").filter((name) => name.endsWith(".ts"))) {
    const texts = readFileSync(`src/cause/${file}`, "utf8").match(/(["`'])(?:(?!\1|\\).|\\.)*\1/g) ?? [];
    // The ends of a walk are compared, and never shown.
    const shown = texts.filter((text) => text !== '"not a directory"');
    const bad = shown.filter((text) => MATCHED.some((words) => text.includes(words)));
    t.strictSame(bad, [], file);
  }
});
