// Writes to procfs for the container (sysctl, labels, oom score) must reach a real procfs, and a mount over
// it must not redirect them. CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52881.

import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { attack, mendedIn } from "../support/attack.ts";
import { nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import type { Outside } from "../support/outside.ts";

/** A folder that looks like a procfs to a program that writes by path; every file leads to the host's. */
function forgedProc(folder: string, outside: Outside): void {
  const names = [
    ..."self/attr/exec self/attr/apparmor/exec thread-self/attr/exec thread-self/attr/apparmor/exec".split(
      " ",
    ),
    ..."self/oom_score_adj self/setgroups self/loginuid sys/net/ipv4/ip_forward sys/kernel/shmmni".split(" "),
  ];
  for (const name of names) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    symlinkSync(outside.file, join(folder, name));
  }
}

const WRITES = { "net.ipv4.ip_forward": "1", "kernel.shmmni": "4000" };

function withWrites(config: Config): void {
  Container.script("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni /proc/self/oom_score_adj")(
    config,
  );
  config.linux.sysctl = WRITES;
  config.process.oomScoreAdj = 333;
}

for (const cve of ["CVE-2019-19921", "CVE-2023-27561", "CVE-2023-28642"]) {
  attack(cve, "a /proc or /sys of the image that is a link is refused", async (t, lab, outside) => {
    for (const name of ["proc", "sys"]) {
      for (const target of [
        outside.folder,
        "tmp",
        "../../../../..",
        "/",
        "proc",
        join(lab.folder, "nowhere"),
      ]) {
        const box = lab.container();
        rmSync(join(box.rootfs, name), { recursive: true });
        symlinkSync(target, join(box.rootfs, name));
        refused(t, await box.create(), new RegExp(`"/?${name}(fs)?"`));
      }
    }
    await nothingLeft(t, lab, "after the refusals");
  });
}

attack(
  "CVE-2019-16884",
  "nothing is mounted over parts of /proc that decide",
  async (t, lab, outside) => {
    forgedProc(join(lab.folder, "forged"), outside);
    const places = [
      "/proc/self",
      "/proc/self/attr",
      "/proc/thread-self/attr/exec",
      "/proc/sys",
      "/proc/sys/kernel",
    ];
    for (const destination of [
      ...places,
      "/proc/1",
      "/proc/../proc/self/attr",
      "/tmp/link/attr",
      "/proc/./self",
    ]) {
      const box = lab.container();
      symlinkSync("../proc/self", join(box.rootfs, "tmp/link"));
      const source = join(lab.folder, "forged");
      box.config.mounts.push({ destination, type: "bind", source, options: ["rbind"] });
      box.writeConfig();
      refused(t, await box.create(), /proc/);
    }
    await nothingLeft(t, lab, "after the refusals");
  },
  notOfCrun("it mounts over them"),
);

attack(
  "CVE-2019-16884",
  "a volume on /proc itself is no procfs that anything is written to",
  async (t, lab, outside) => {
    const forged = join(lab.folder, "forged");
    forgedProc(forged, outside);
    const box = lab.container(withWrites);
    box.config.mounts[0] = { destination: "/proc", type: "bind", source: forged, options: ["rbind"] };
    box.writeConfig();
    const created = await box.create();
    if (created.code !== 0) return;
    const { pid } = await box.stateDocument();
    t.equal(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"), "333\n", "it reached the process");
  },
  mendedIn("1.2.8"),
);

attack(
  "CVE-2025-52881",
  "sysctl and oom score reach their files whatever the image has at /proc",
  async (t, lab, outside) => {
    const box = lab.container(withWrites);
    forgedProc(join(box.rootfs, "proc"), outside);
    t.equal(await box.live(), "1\n4000\n333\n");
  },
);

attack(
  "CVE-2025-52881",
  "sysctl reach their files even where /proc is mounted last, or not at all",
  async (t, lab, outside) => {
    const box = lab.container(withWrites);
    forgedProc(join(box.rootfs, "proc"), outside);
    box.config.mounts = box.config.mounts.filter(({ type }) => type !== "proc");
    box.config.process.args = ["/bin/sh", "-c", "exec sleep 1000"];
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { pid } = await box.stateDocument();
    const script = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni";
    const { stdout } = await lab.invoke(["features"], {
      wrapper: ["nsenter", "-t", `${pid}`, "--net", "--ipc", "sh", "-c", script],
    });
    t.equal(stdout, "1\n4000\n");
  },
  tsrunOnly("it wants a procfs of the container's"),
);

attack(
  "CVE-2025-52881",
  "a label that nobody would enforce is refused, not written anywhere",
  async (t, lab, outside) => {
    for (const label of [
      { apparmorProfile: "no-such-profile" },
      { selinuxLabel: "system_u:system_r:none_t:s0" },
    ]) {
      const box = lab.container();
      forgedProc(join(box.rootfs, "proc"), outside);
      Object.assign(box.config.process, label);
      box.writeConfig();
      const result = await box.create();
      t.equal(result.code, 1, Object.keys(label).join());
      await nothingLeft(t, lab, "after the refusal");
    }
  },
  tsrunOnly("on a host without the module it may ignore them"),
);

attack(
  "CVE-2025-52881",
  "exec sets the oom score from outside, past a forged /proc",
  async (t, lab, outside) => {
    const box = await forgedAtRun(lab, outside, { oomScoreAdj: 444 });
    const pidFile = join(lab.folder, "pid");
    const flags = ["--detach", "--pid-file", pidFile];
    mustSucceed(await lab.invoke(["exec", ...flags, box.id, "sleep", "1000"]));
    const pid = readFileSync(pidFile, "utf8");
    t.equal(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"), "444\n");
  },
  tsrunOnly("it refuses to execute there"),
);

/** A container that has put a forged tree over its own /proc. */
async function forgedAtRun(
  lab: Lab,
  outside: Outside,
  process: { readonly oomScoreAdj?: number } = {},
): Promise<Container> {
  const box = lab.container((config) => {
    Object.assign(config.process, process);
    Container.script("mount --bind /forged /proc && touch /forged/up && exec sleep 1000")(config);
    const capabilities = ["CAP_SYS_ADMIN"];
    config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  });
  forgedProc(join(box.rootfs, "forged"), outside);
  mustSucceed(await box.run({ flags: ["--detach"] }));
  const { until } = await import("../support/wait.ts");
  await until("the forgery", async () => (await lab.invoke(["exec", box.id, "ls", "/proc/up"])).code === 0);
  return box;
}
