// The mounts of a container beside those that create makes.

import t from "tap";
import { foundMounts } from "../../../src/diff/found-mounts.ts";
import { compareMounts, type Look, type MountFacts } from "../../../src/diff/mounts.ts";
import { planRootfs } from "../../../src/rootfs/plan/plan.ts";
import type { Linux, Mount, Spec } from "../../../src/spec/types.ts";

interface Asked {
  readonly mounts?: readonly Mount[];
  readonly linux?: Partial<Linux>;
  readonly readonly?: boolean;
}

function planOf({ mounts = [], linux = {}, readonly = false }: Asked): MountFacts["plan"] {
  const namespaces = [{ type: "mount" }] as const;
  const spec: Spec = {
    ociVersion: "1.2.0",
    root: { path: "rootfs", readonly },
    mounts: [...mounts],
    linux: { ...linux, namespaces },
  };
  const cgroups = { v2: true, hierarchies: [], cgroupNamespace: true };
  return planRootfs({ spec, bundle: "/b", noPivot: false, cgroups, userNamespace: false });
}

const ROOT = "/ rw,relatime ext4";

/** Mounts as `POINT OPTIONS TYPE [TAG]`, numbered from 1. */
function told(asked: Asked, lines: readonly string[], more: Partial<MountFacts> = {}): string[] {
  const text = lines.map((line, index) => {
    const [point, options, type, tag = ""] = line.split(" ");
    const number = index + 1;
    return `${number} 0 0:${number} / ${point} ${`${options} ${tag}`.trim()} - ${type} source rw`;
  });
  const { differences, unseen } = compareMounts({
    plan: planOf(asked),
    found: foundMounts(`${text.join("\n")}\n`),
    below: [],
    liveMounts: [],
    terminal: false,
    hooks: false,
    mayBeLocked: false,
    look: () => "missing",
    ...more,
  });
  const shown = differences.map(({ what, asked, found, own }) => {
    return `${own === true ? "| " : ""}${what}: ${asked} -> ${found}`;
  });
  return [...shown, ...unseen.map(({ why }) => `? ${why}`)];
}

const PROC: Mount = { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec"] };
const bind = (destination: string, ...options: string[]): Mount => ({
  destination,
  source: "/s",
  options: ["bind", ...options],
});

t.test("what was asked for is there", async (t) => {
  t.strictSame(told({ mounts: [PROC] }, [ROOT, "/proc rw,nosuid,noexec,relatime proc"]), []);
  t.strictSame(told({ readonly: true }, ["/ ro,relatime ext4"]), []);
});

t.test("flags of a new file system are compared exactly, with access times", async (t) => {
  const flags = (options: string) => told({ mounts: [PROC] }, [ROOT, `/proc ${options} proc`]);
  t.strictSame(flags("rw,noexec,relatime"), ["/proc: nosuid,noexec,relatime -> noexec,relatime"]);
  t.strictSame(flags("ro,nosuid,noexec,relatime"), [
    "/proc: nosuid,noexec,relatime -> ro,nosuid,noexec,relatime",
  ]);
  t.strictSame(flags("rw,nosuid,noexec,noatime"), ["/proc: nosuid,noexec,relatime -> nosuid,noexec,noatime"]);
  t.strictSame(told({ readonly: true }, [ROOT]), ["/: ro -> rw"]);
});

t.test("a bind mount has the flags of its source, but those that are named", async (t) => {
  const flags = (options: string[], found: string, locked = false) =>
    told({ mounts: [bind("/v", ...options)] }, [ROOT, `/v ${found} ext4`], { mayBeLocked: locked });
  t.strictSame(flags([], "ro,nosuid,noatime"), []);
  t.strictSame(flags(["ro"], "ro,relatime"), []);
  t.strictSame(flags(["ro"], "rw,relatime"), ["/v: ro -> rw"]);
  t.strictSame(flags(["nosuid"], "ro,nosuid,relatime"), ["/v: nosuid -> ro,nosuid"]);
  t.strictSame(flags(["nosuid"], "ro,nosuid,relatime", true), [], "ro may be locked");
  t.strictSame(flags(["nosuid", "rw"], "ro,nosuid,relatime", true), ["/v: nosuid -> ro,nosuid"]);
  t.strictSame(flags(["rro"], "ro,relatime"), []);
  t.strictSame(flags(["rro"], "rw,relatime"), ["/v: ro -> rw"]);
});

t.test("a remount changes what is asked for", async (t) => {
  const shm: Mount = { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid"] };
  const mounts = [shm, { destination: "/dev/shm", options: ["remount", "ro", "nodev"] }];
  t.strictSame(told({ mounts }, [ROOT, "/dev/shm ro,nodev,relatime tmpfs"]), []);
});

t.test("one that is gone, one too many, and one over another", async (t) => {
  t.strictSame(told({ mounts: [PROC] }, [ROOT]), ["/proc: proc -> not mounted"]);
  t.strictSame(told({}, [ROOT, "/x rw,relatime tmpfs"]), ["/x: nothing -> tmpfs from source"]);
  const covered = [ROOT, "/proc rw,nosuid,noexec,relatime proc", "/proc rw,relatime tmpfs"];
  t.strictSame(told({ mounts: [PROC] }, covered), ["/proc: nothing -> tmpfs from source"]);
});

t.test("what came with a mount, with the root or from the host is not too many", async (t) => {
  const mounts: Mount[] = [{ destination: "/sys", source: "/sys", options: ["rbind"] }];
  t.strictSame(told({ mounts }, [ROOT, "/sys rw sysfs", "/sys/fs/cgroup rw cgroup2"]), []);
  t.strictSame(told({}, [ROOT, "/x rw tmpfs master:5"]), []);
  const [, below] = foundMounts("9 0 0:1 / / rw - ext4 s rw\n8 0 0:2 / /x rw - tmpfs s rw\n");
  t.strictSame(told({}, [ROOT, "/x rw tmpfs"], { below: below === undefined ? [] : [below] }), []);
  t.strictSame(told({}, [ROOT, "/x rw tmpfs"], { hooks: true }), ["| /x: nothing -> tmpfs from source"]);
});

t.test("what the kernel has copied to a peer of the mount below is not too many", async (t) => {
  const asked = { linux: { readonlyPaths: ["/tmp"] } };
  const bound: Look = { mount: 4, isMountRoot: true, isNull: false };
  const found = (over: string) =>
    compareMounts({
      ...{
        plan: planOf(asked),
        below: [],
        liveMounts: [],
        terminal: false,
        hooks: false,
        mayBeLocked: false,
      },
      found: foundMounts(
        [
          "1 0 0:1 / / rw shared:1 - ext4 s rw",
          "2 1 0:1 /tmp /tmp ro shared:1 - ext4 s rw",
          "3 2 0:1 /tmp /tmp ro shared:1 - ext4 s rw",
          `4 3 ${over} - ext4 s rw\n`,
        ].join("\n"),
      ),
      look: () => bound,
    }).differences.map(({ what }) => what);
  t.strictSame(found("0:1 /tmp /tmp ro shared:1"), []);
  t.strictSame(found("0:1 /etc /tmp ro shared:1"), ["/tmp"], "it shows something else");
  t.strictSame(found("0:1 /tmp /tmp ro shared:2"), ["/tmp"], "it is no peer");
  t.strictSame(found("0:1 /tmp /tmp ro"), ["/tmp"], "it is private");
});

t.test(
  "what a program has bound over something is too many, though it is a peer of its source",
  async (t) => {
    const lines = [
      "1 0 0:1 / / rw shared:1 - ext4 s rw",
      "2 1 0:2 / /v rw shared:2 - tmpfs s rw",
      "3 1 0:3 / /w rw shared:3 - tmpfs s rw",
      "4 3 0:2 / /w rw shared:2 - tmpfs s rw",
    ];
    const found = foundMounts(`${lines.join("\n")}\n`);
    const plan = planOf({ mounts: [bind("/v"), bind("/w")] });
    const none = { below: [], liveMounts: [], terminal: false, hooks: false, mayBeLocked: false };
    const { differences } = compareMounts({ ...none, plan, found, look: () => "missing" });
    t.match(differences, [{ what: "/w", asked: "nothing" }]);
    t.equal(differences.length, 1);
  },
);

t.test("each mask is matched with a mount of its own before copies are", async (t) => {
  const lines = [
    "1 0 0:1 / / rw shared:1 - ext4 s rw",
    "2 1 0:1 /tmp /tmp ro shared:1 - ext4 s rw",
    "3 2 0:2 / /tmp ro shared:2 - tmpfs s rw",
    "4 1 0:2 / /tmp ro shared:2 - tmpfs s rw",
    "5 3 0:3 / /tmp ro shared:3 - tmpfs s rw",
    "6 4 0:3 / /tmp ro shared:3 - tmpfs s rw",
  ];
  const { differences } = compareMounts({
    ...{ below: [], liveMounts: [], terminal: false, hooks: false, mayBeLocked: false },
    plan: planOf({ linux: { readonlyPaths: ["/tmp"], maskedPaths: ["/tmp", "/var/../tmp"] } }),
    found: foundMounts(`${lines.join("\n")}\n`),
    look: () => ({ mount: 5, isMountRoot: true, isNull: false }),
  });
  t.strictSame(differences, []);
});

t.test("links in the container lead a mount elsewhere", async (t) => {
  const mounts = [bind("/var/run/secret", "ro")];
  const led = (look: Look | "missing" | undefined) =>
    told({ mounts }, [ROOT, "/run/secret ro,relatime ext4"], { look: () => look });
  t.strictSame(led({ mount: 2, isMountRoot: true, isNull: false }), []);
  t.strictSame(led(undefined), [], "it may not be looked");
  t.strictSame(led("missing"), [], "it has been covered since");
  t.strictSame(led({ mount: 1, isMountRoot: false, isNull: false }), [], "the link has changed since");
});

t.test("masks and protections", async (t) => {
  const linux = { maskedPaths: ["/proc/keys", "/proc/acpi", "/no"], readonlyPaths: ["/proc/sys", "/not"] };
  const looks: Record<string, Look> = {
    "/proc/keys": { mount: 2, isMountRoot: true, isNull: true },
    "/proc/acpi": { mount: 3, isMountRoot: true, isNull: false },
    "/proc/sys": { mount: 4, isMountRoot: true, isNull: false },
  };
  const sealed = [ROOT, "/proc/keys rw tmpfs", "/proc/acpi ro tmpfs", "/proc/sys ro proc"];
  const look = (path: string) => looks[path] ?? "missing";
  t.strictSame(told({ linux }, sealed, { look }), []);
  t.strictSame(told({ linux }, sealed, { look: () => undefined }), [], "it may not be looked");
  const open: Look = { mount: 1, isMountRoot: false, isNull: false };
  const bare = (path: string) => (look(path) === "missing" ? "missing" : open);
  t.strictSame(told({ linux }, [ROOT], { look: bare }), [
    "/proc/keys: masked -> visible",
    "/proc/acpi: masked -> visible",
    "/proc/sys: read-only -> writable",
  ]);
});

t.test("what mounts add has added, and a terminal", async (t) => {
  const liveMounts = [{ destination: "/d", path: "/d", id: 2 }];
  t.strictSame(told({}, [ROOT, "/d ro ext4"], { liveMounts }), []);
  t.strictSame(told({}, [ROOT], { liveMounts }), ['/d: mounted by "mounts add" -> not mounted']);
  t.strictSame(told({}, [ROOT, "/dev/console rw devpts"], { terminal: true }), []);
});

t.test("a program with another root cannot be compared", async (t) => {
  t.match(told({ mounts: [PROC] }, []), [/^\? the program has changed its root/]);
});

t.test("names with blanks", async (t) => {
  const [one] = foundMounts(
    "5 1 0:3 /a\\040b /c\\134d rw,nosymfollow,strictatime shared:1 - fuse.x s\\040t rw\n",
  );
  t.match(one, {
    id: 5,
    device: "0:3",
    root: "/a b",
    point: "/c\\d",
    type: "fuse.x",
    source: "s t",
    isPropagated: false,
  });
});
