// AppArmor and SELinux labels: what is written, and the errors on a host without them.

import t from "tap";
import {
  checkLabels,
  labelHint,
  labelKeys,
  labelOperations,
  NO_LABELS,
} from "../../../src/process/labels.ts";
import { type ProcessPlan, planProcess } from "../../../src/process/plan.ts";
import { operation, render } from "../../../src/proxy/calls/operation.ts";

function plan(labels: { apparmorProfile?: string; selinuxLabel?: string }): ProcessPlan {
  return planProcess({
    kind: "init",
    id: "box",
    linux: undefined,
    newKeyring: true,
    process: { cwd: "/", ...labels },
  });
}

const none = { apparmor: false, selinux: false };

t.test("a label that nothing enforces is refused with runc's words", async (t) => {
  checkLabels(plan({}), none);
  checkLabels(plan({ apparmorProfile: "", selinuxLabel: "" }), none);
  t.throws(() => checkLabels(plan({ apparmorProfile: "docker-default" }), none), {
    code: "E_UNSUPPORTED",
    message: "apparmor: config provided but apparmor not supported",
  });
  t.throws(() => checkLabels(plan({ selinuxLabel: "a:b:c:s0" }), { ...none, apparmor: true }), {
    code: "E_UNSUPPORTED",
    message: "selinux label is specified in config, but selinux is disabled or not supported",
  });
  checkLabels(plan({ apparmorProfile: "docker-default" }), { ...none, apparmor: true });
  checkLabels(plan({ selinuxLabel: "a:b:c:s0" }), { ...none, selinux: true });
});

t.test("a refused label says which module has refused it, and what helps", async (t) => {
  const failed = { ...operation("write", [], "apply"), result: -2 };
  t.match(labelHint(failed, plan({ apparmorProfile: "mine" })), /no AppArmor profile "mine" is loaded/);
  t.match(labelHint({ ...failed, result: -13 }, plan({ apparmorProfile: "mine" })), /AppArmor lets/);
  t.match(labelHint(failed, plan({ selinuxLabel: "a:b:c" })), /SELinux knows no such label/);
});

t.test("AppArmor gets `exec PROFILE`, SELinux the label itself", async (t) => {
  const of = plan({ apparmorProfile: "docker-default", selinuxLabel: "a:b:c:s0" });
  t.strictSame(labelOperations(of, { apparmor: 5, selinux: 6, keys: undefined }).map(render), [
    'write(5, "exec docker-default", 19)',
    "close(5)",
    'write(6, "a:b:c:s0", 8)',
    "close(6)",
  ]);
  t.strictSame(labelOperations(of, NO_LABELS), []);
});

t.test("the label of keys holds for the session keyring only", async (t) => {
  const of = plan({ selinuxLabel: "a:b:c:s0" });
  const making = [operation("keyctl", [1], "join")];
  t.strictSame(labelKeys(of, { ...NO_LABELS, keys: 7 }, making).map(render), [
    'write(7, "a:b:c:s0", 8)',
    "keyctl(1)",
    'write(7, "", 0)',
    "close(7)",
  ]);
  t.strictSame(labelKeys(of, NO_LABELS, making), making);
});
