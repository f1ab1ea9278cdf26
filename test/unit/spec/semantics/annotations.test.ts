// Rules about crun's annotations; end-to-end cases test their effects.

import t from "tap";
import { readAnnotations } from "../../../../src/spec/annotations.ts";
import type { Spec } from "../../../../src/spec/types.ts";
import { faults, warnings } from "./findings.ts";

function spec(annotations: Record<string, string>): Spec {
  return { ociVersion: "1.3.0", process: { cwd: "/", args: ["a"] }, root: { path: "r" }, annotations };
}

t.test("what means something is read, and nothing else", async (t) => {
  t.strictSame(readAnnotations({}), readAnnotations({ annotations: { "org.example": "x" } }));
  const read = readAnnotations({
    annotations: {
      "run.oci.keep_original_groups": "1",
      "run.oci.seccomp_fail_unknown_syscall": "0",
      "run.oci.hooks.stderr": "/e",
      "run.oci.mount_context_type": "defcontext",
      "run.oci.systemd.subgroup": "",
      "run.oci.delegate-cgroup": "//a//b/",
    },
  });
  t.match(read, {
    keepsGroups: true,
    refusesUnknownCalls: false,
    hookFiles: { stdout: undefined, stderr: "/e" },
    mountContext: "defcontext",
    subgroup: undefined,
    delegate: "a/b",
  });
});

t.test("good values are no faults, and the annotations of others are theirs", async (t) => {
  const good = spec({
    "run.oci.keep_original_groups": "true",
    "run.oci.hooks.stdout": "/dev/null",
    "run.oci.systemd.subgroup": "",
    "run.oci.delegate-cgroup": "/init",
    "run.oci.seccomp_bpf_data": "BgAAAAAA/38=",
    "run.oci.handler": "krun",
    "io.kubernetes.cri.container-type": "sandbox",
    "krun.cpus": "1",
    "run.ocix": "x",
  });
  t.strictSame(faults(good), []);
  t.strictSame(warnings(good), []);
});

t.test("what nobody knows is told, with what may have been meant as long as that is read", async (t) => {
  const ignored = "is no annotation of crun that tsrun knows, ignoring";
  t.strictSame(warnings(spec({ "run.oci.delegate_cgroup": "a", "run.oci.a/b": "" })), [
    `/annotations/run.oci.delegate_cgroup: ${ignored}; did you mean "run.oci.delegate-cgroup"?`,
    `/annotations/run.oci.a~1b: ${ignored}`,
  ]);
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`run.oci.x${index}`, ""]));
  t.equal(warnings(spec(many)).length, 20);
});

t.test("a profile that a program takes the place of is not looked at", async (t) => {
  const linux = {
    seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] },
  } as const;
  t.equal(faults({ ...spec({}), linux }).length, 1);
  t.strictSame(faults({ ...spec({ "run.oci.seccomp_bpf_data": "BgAAAAAA/38=" }), linux }), []);
});
