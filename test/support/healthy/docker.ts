// What Docker asks for, by the flags of `docker run`.

import { needsController } from "../behaviour.ts";
import type { Config } from "../config.ts";
import { dockerLike } from "../docker-like.ts";
import { bound, give, type Healthy, mapUsers, type Place, PRIVILEGED, remount, share } from "./healthy.ts";

const MIB = 1 << 20;
const LIMITS = ["memory", "pids", "cpu"].map((name) => needsController(name));

/** As ../docker-like.ts has it, with what this host has instead of Docker's files, and without limits. */
function docker(config: Config, { folder, rootfs }: Place): void {
  const { process, mounts, linux } = dockerLike() as unknown as Config;
  const { args, env } = config.process;
  const { apparmorProfile: _, ...rest } = process as Config["process"] & { apparmorProfile?: string };
  const [devices = []] = [linux.resources?.devices];
  Object.assign(config, {
    process: { ...rest, args, env },
    root: { path: rootfs },
    hostname: "5b3f0c8d2a1e",
    hooks: { poststop: [{ path: "/bin/true", args: ["clean-up"], timeout: 5 }] },
    mounts: mounts.map((mount) =>
      mount.type === "bind" ? { ...mount, source: bound(folder, isFolder(mount.destination)).source } : mount,
    ),
    linux: {
      ...linux,
      cgroupsPath: config.linux.cgroupsPath,
      namespaces: linux.namespaces.map(({ type }) => ({ type })),
      resources: { devices },
    },
  });
}

const isFolder = (path: string): string => (/shm|html/.test(path) ? `${path}/` : path);

type Edit = (config: Config, place: Place) => void;

const flags = (name: string, edit: Edit, more: Omit<Healthy, "name" | "edit"> = {}): Healthy => ({
  ...more,
  name: `docker run ${name}`.trim(),
  edit: (config, place) => {
    docker(config, place);
    edit(config, place);
  },
});

export const DOCKER: readonly Healthy[] = [
  flags("--device /dev/fuse", () => {}),
  flags(
    "--memory 512m --memory-reservation 256m --cpus 1.5 --pids-limit 512",
    (config) => {
      config.linux.resources = {
        ...config.linux.resources,
        memory: { limit: 512 * MIB, reservation: 256 * MIB },
        cpu: { shares: 1024, quota: 150_000, period: 100_000 },
        pids: { limit: 512 },
      };
    },
    { conditions: LIMITS },
  ),
  flags("--privileged", (config) => {
    give(config, PRIVILEGED);
    const plain = ["nosuid", "noexec", "nodev"];
    remount(config, [
      { destination: "/sys", type: "sysfs", source: "sysfs", options: [...plain, "rw"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...plain, "rw"] },
    ]);
    config.linux.resources = { devices: [{ allow: true, access: "rwm" }] };
    for (const name of ["seccomp", "maskedPaths", "readonlyPaths"] as const) delete config.linux[name];
  }),
  flags("--read-only --tmpfs /tmp --tmpfs /run:size=1m,mode=750", (config) => {
    const tmpfs = (destination: string, ...options: string[]) => ({
      ...{ destination, type: "tmpfs", source: "tmpfs" },
      options: ["nosuid", "nodev", "noexec", ...options],
    });
    config.root.readonly = true;
    config.mounts.push(tmpfs("/tmp"), tmpfs("/run", "size=1m", "mode=750"));
  }),
  flags("--user 1000:1000 --cap-drop ALL --security-opt no-new-privileges", (config) => {
    config.process.user = { uid: 1000, gid: 1000, additionalGids: [1000] };
    config.process.noNewPrivileges = true;
    give(config, []);
  }),
  flags("--user 1000 --cap-add NET_ADMIN", (config) => {
    config.process.user = { uid: 1000, gid: 0 };
    give(config, [...(config.process.capabilities?.bounding ?? []), "CAP_NET_ADMIN"]);
  }),
  flags("--pid host", (config) => share(config, ["pid"])),
  flags("--network host", (config) => {
    share(config, ["network"]);
    delete config.linux.sysctl;
  }),
  flags("--ipc host --uts host --cgroupns host", (config, { folder }) => {
    share(config, ["ipc", "uts", "cgroup"]);
    delete config.hostname;
    remount(config, [bound(folder, "/dev/shm/"), bound(folder, "/dev/mqueue/")]);
  }),
  flags("under --userns-remap", (config, place) => {
    mapUsers(config, place, 100_000, 65_536);
    config.linux.sysctl = { "net.ipv4.ping_group_range": "0 65535" };
    config.linux.devices = [];
  }),
  flags("-v a:/a:ro -v b:/b:rslave -v file:/etc/file --mount type=tmpfs,dst=/t", (config, { folder }) => {
    config.mounts.push(
      bound(folder, "/a/", "ro", "rprivate"),
      bound(folder, "/b/", "rslave"),
      bound(folder, "/etc/file", "rprivate"),
      bound(folder, "/a/inner/", "rprivate"),
      {
        destination: "/t",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "nodev", "size=4m", "mode=700"],
      },
    );
  }),
  flags("--ulimit nofile=100:200 --ulimit core=0 --oom-score-adj 500 --sysctl …", (config) => {
    config.process.rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    ];
    config.process.oomScoreAdj = 500;
    config.linux.sysctl = {
      ...config.linux.sysctl,
      "net.core.somaxconn": "1024",
      "kernel.shmmax": "67108864",
    };
  }),
  flags("--gpus all --init", (config, { folder }) => {
    const gpu = (path: string, minor: number) => ({ path, type: "c", major: 195, minor, fileMode: 0o666 });
    config.linux.devices = [gpu("/dev/nvidia0", 0), gpu("/dev/nvidiactl", 255)];
    config.linux.resources?.devices?.push(
      { allow: true, type: "c", major: 195, minor: 0, access: "rw" },
      { allow: true, type: "c", major: 195, minor: 255, access: "rw" },
    );
    config.hooks = { prestart: [{ path: "/bin/true", args: ["nvidia-container-runtime-hook", "prestart"] }] };
    config.mounts.push(bound(folder, "/sbin/docker-init", "ro", "rprivate"));
  }),
];
