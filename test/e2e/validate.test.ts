// validate: reports what create would refuse, without creating anything.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { asUser } from "../support/user.ts";

const ONLY_TSRUN = tsrunOnly("has no validate");

const BAD = `{
  "ociVersion": "1.2.0",
  "proces": { "cwd": "/" },
  "root": { "path": "rootfs" },
  "linux": { "namespaces": [{ "type": "netwrok" }] }
}
`;

behaviour(
  "a good bundle is said to have no faults, and exits with 0",
  async (t, lab) => {
    const box = lab.container();
    const file = join(box.bundle, "config.json");
    for (const words of [[box.bundle], ["--bundle", box.bundle], ["-b", box.bundle]]) {
      const { code, stdout, stderr } = await lab.invoke(["validate", ...words]);
      t.strictSame([code, stdout, stderr], [0, `${file}: no faults\n`, ""], words.join(" "));
    }
    const { stdout } = await lab.invoke(["validate", "--json", box.bundle]);
    t.strictSame(JSON.parse(stdout), {
      file,
      valid: true,
      faults: [],
      warnings: [],
      moreFaults: 0,
      moreWarnings: 0,
    });
    await nothingLeft(t, lab, "after looking");
  },
  ONLY_TSRUN,
);

behaviour(
  "every fault is told with its place, what may have been meant, and unknown keys as warnings",
  async (t, lab) => {
    const file = join(lab.folder, "bad.json");
    writeFileSync(file, BAD);
    const { code, stdout, stderr } = await lab.invoke(["validate", "--config", file]);
    t.strictSame([code, stderr], [1, ""]);
    t.strictSame(stdout.trimEnd().split("\n"), [
      `${file}:1:1: fault: /process: process property must not be empty: "proces" is unknown`,
      '    did you mean "process"?',
      `${file}:5:31: fault: /linux/namespaces/0/type: unknown word "netwrok"`,
      '    did you mean "network"? ' +
        '(allowed: "mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time")',
      `${file}:3:3: warning: /proces: unknown key "proces" (did you mean "process"?), ignoring`,
      `${file}: 2 faults, 1 warning`,
    ]);
  },
  ONLY_TSRUN,
);

behaviour(
  "a namespace that cannot be joined now is a warning",
  async (t, lab) => {
    const box = lab.container(({ linux }) => {
      linux.namespaces = [
        { type: "mount" },
        { type: "network", path: "/run/netns/no-such" },
        { type: "ipc", path: "/etc/hostname" },
        { type: "uts", path: "/proc/self/ns/net" },
        { type: "time", path: "/proc/self/ns/time" },
      ];
    });
    const { code, stdout } = await lab.invoke(["validate", box.bundle]);
    t.equal(code, 0);
    t.match(stdout, /namespaces\/1\/path: the host has no "\/run\/netns/);
    t.match(stdout, /make it: ip netns add "no-such"/);
    t.match(stdout, /namespaces\/2\/path: "\/etc\/hostname" is a file and not a namespace/);
    t.match(stdout, /namespaces\/3\/path: "\/proc\/self\/ns\/net" is a namespace of another kind, net/);
    t.notMatch(stdout, /namespaces\/4/);
    await nothingLeft(t, lab, "after looking");
  },
  ONLY_TSRUN,
);

behaviour(
  "a pointer is shortened for people, and whole for programs",
  async (t, lab) => {
    const key = "k".repeat(5000);
    const pointer = `/annotations/${key}`;
    const box = lab.container((config) => Object.assign(config, { annotations: { [key]: 5 } }));
    const { stdout } = await lab.invoke(["validate", "--json", box.bundle]);
    t.match(JSON.parse(stdout), { valid: false, faults: [{ pointer, reason: "must be a string, is 5" }] });
    const text = await lab.invoke(["validate", box.bundle]);
    t.match(text.stdout, /: fault: \/annotations\/k+…k+: must be a string, is 5\n/);
    const told = [text.stdout, (await box.create()).stderr];
    for (const line of told) t.ok(line.length < 1000, `${line.length} characters`);
    await nothingLeft(t, lab, "after looking");
  },
  ONLY_TSRUN,
);

behaviour(
  "the same is told as JSON, of standard input too",
  async (t, lab) => {
    const file = join(lab.folder, "bad.json");
    writeFileSync(file, BAD);
    const wrapper = ["sh", "-c", `exec "$@" <${file}`, "sh"];
    const { code, stdout } = await lab.invoke(["validate", "--json", "--config", "-"], { wrapper });
    t.equal(code, 1);
    const { file: name, valid, faults, warnings } = JSON.parse(stdout);
    t.strictSame([name, valid], ["standard input", false]);
    t.strictSame(
      faults.map(({ pointer, line, column }: Record<string, unknown>) => [pointer, line, column]),
      [
        ["/process", 1, 1],
        ["/linux/namespaces/0/type", 5, 31],
      ],
    );
    t.equal(faults[0].hint, 'did you mean "process"?');
    t.equal(warnings[0].pointer, "/proces");
  },
  ONLY_TSRUN,
);

behaviour(
  "what is no JSON is told with its place",
  async (t, lab) => {
    const file = join(lab.folder, "bad.json");
    writeFileSync(file, '{\n  "ociVersion": "1.2.0",\n}\n');
    const { code, stdout } = await lab.invoke(["validate", "--config", file]);
    t.equal(code, 1);
    t.match(stdout, `${file}:3:1: fault: invalid JSON: expected a key in double quotes, found "}"`);
    t.match(stdout, "JSON has no comma after the last entry");
  },
  ONLY_TSRUN,
);

behaviour(
  "what create finds out while it plans is told too, all of it",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.mounts?.push({ destination: "/a", type: "none", source: "none" });
      config.mounts?.push({ destination: "/proc/self", type: "tmpfs", source: "tmpfs" });
      if (config.process !== undefined) {
        config.process.capabilities = { ambient: ["CAP_KILL"] };
      }
    });
    const { code, stdout } = await lab.invoke(["validate", box.bundle]);
    t.equal(code, 1);
    t.match(stdout, /fault: \/mounts\/\d+: cannot mount "none" on "\/a": no file system has the type "none"/);
    t.match(stdout, /fault: \/mounts\/\d+: cannot mount "tmpfs" on "\/proc\/self"/);
    t.match(stdout, /warning: \/process\/capabilities: can't raise ambient capability CAP_KILL/);
    t.match(stdout, /: 2 faults, 1 warning\n$/);
    refused(t, await box.create(), /cannot mount "none" on "\/a"/);
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
);

behaviour(
  "what is allowed and was hardly meant is a warning",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.cgroupsPath = "system.slice:docker:x";
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["read", "exceve"], action: "SCMP_ACT_ERRNO" }],
      };
      Object.assign(config.process.user, { username: "ContainerUser" });
    });
    const { code, stdout } = await lab.invokeBare(["validate", box.bundle]);
    t.equal(code, 0);
    t.match(stdout, /warning: \/linux\/cgroupsPath: .*--systemd-cgroup is not given/);
    t.match(stdout, /warning: \/linux\/seccomp\/syscalls\/0\/names\/1: "exceve" is no .*\n.*"execve"/);
    t.match(stdout, /warning: \/process\/user\/username: .*ignoring/);
    t.notMatch(stdout, /names\/0/);
  },
  ONLY_TSRUN,
);

behaviour(
  "a missing root file system is a fault of the bundle, and none of a file alone",
  async (t, lab) => {
    const box = lab.container();
    rmSync(box.rootfs, { recursive: true });
    const { code, stdout } = await lab.invoke(["validate", box.bundle]);
    t.equal(code, 1);
    t.match(stdout, /fault: \/root\/path: rootfs ".*" of \/root\/path does not exist/);
    const file = join(box.bundle, "config.json");
    t.equal((await lab.invoke(["validate", "--config", file])).code, 0);
  },
  ONLY_TSRUN,
);

behaviour(
  "a bundle that is not there is an error, on stderr",
  async (t, lab) => {
    const result = await lab.invoke(["validate", "/no/such/bundle"]);
    refused(t, result, /JSON specification file config.json not found in "\/no\/such\/bundle"/);
    t.equal(result.stdout, "");
  },
  ONLY_TSRUN,
);

behaviour(
  "an ordinary user may ask, and hears of what an ordinary user may not have",
  async (t, lab) => {
    const box = lab.container();
    const result = await lab.invoke(["validate", box.bundle], { wrapper: asUser(lab) });
    t.equal(result.code, 1);
    t.match(result.stdout, /fault: \/linux/);
    t.equal(result.stderr, "");
    t.ok(readFileSync(join(box.bundle, "config.json")).length > 0);
  },
  ONLY_TSRUN,
);

behaviour(
  "an annotation for systemd that its type cannot hold is a fault, and without systemd a warning",
  async (t, lab) => {
    const values = { OOMScoreAdjust: "int32 3000000000", CPUWeight: "uint64 -1", TasksMax: "uint64 100" };
    const box = lab.container((config) => {
      const named = Object.entries(values).map(([name, text]) => [`org.systemd.property.${name}`, text]);
      config.annotations = Object.fromEntries(named);
      config.linux.cgroupsPath = "system.slice:tsrun:validated";
    });
    const asked = await lab.invoke(["--systemd-cgroup", "validate", box.bundle]);
    t.equal(asked.code, 1);
    for (const words of [
      /fault: \/annotations\/org.systemd.property.OOMScoreAdjust: annotation .*: int32 must be from -2/,
      /fault: \/annotations\/org.systemd.property.CPUWeight: annotation .*: uint64 must be from 0 to 1/,
      /: 2 faults\n/,
    ])
      t.match(asked.stdout, words);
    const without = await lab.invokeBare(["validate", box.bundle]);
    t.equal(without.code, 0);
    t.match(without.stdout, /warning: \/annotations\/.*CPUWeight: is refused if --systemd-cgroup is given/);
  },
  ONLY_TSRUN,
);
