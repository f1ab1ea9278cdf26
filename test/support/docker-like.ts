// A configuration as Docker writes one for `docker run --memory 512m --cpus 1.5 --device /dev/fuse nginx`.

import { exampleSpec } from "../../src/spec/defaults.ts";
import type { Mount, Spec } from "../../src/spec/types.ts";
import { DOCKER_DEFAULT } from "../unit/seccomp/docker-default.ts";

const CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP"],
  ...["SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
].map((name) => `CAP_${name}`) as never;

const USUAL = exampleSpec();
const OWN = "/var/lib/docker/containers/5b3f0c";

export function dockerLike(): Spec {
  return {
    ociVersion: "1.2.0",
    process: {
      user: { uid: 0, gid: 0, additionalGids: [0, 1, 2, 3, 4, 6, 10, 11, 20, 26, 27] },
      args: ["nginx", "-g", "daemon off;"],
      env: [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=5b3f0c8d2a1e",
        "NGINX_VERSION=1.29.3",
      ],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      apparmorProfile: "docker-default",
      oomScoreAdj: 0,
    },
    root: { path: "/var/lib/docker/rootfs/overlayfs/5b3f0c" },
    hostname: "5b3f0c8d2a1e",
    mounts: mounts(),
    hooks: { poststop: [{ path: "/usr/bin/clean-up", args: ["clean-up", "5b3f0c"], timeout: 5 }] },
    linux: {
      cgroupsPath: "/docker/5b3f0c",
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
          { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
        ],
        memory: { limit: 536_870_912, swap: 1_073_741_824 },
        cpu: { shares: 1024, quota: 150_000, period: 100_000 },
        pids: { limit: 512 },
      },
      devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 }],
      namespaces: [
        { type: "mount" },
        { type: "network", path: "/var/run/docker/netns/5b3f0c" },
        { type: "uts" },
        { type: "pid" },
        { type: "ipc" },
        { type: "cgroup" },
      ],
      seccomp: DOCKER_DEFAULT,
      maskedPaths: [
        "/proc/asound",
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/sys/firmware",
      ],
      ...(USUAL.linux?.readonlyPaths && { readonlyPaths: USUAL.linux.readonlyPaths }),
    },
  };
}

/** A mount that Docker and `spec` have in common. */
function usual(destination: string): Mount {
  const found = USUAL.mounts?.find((mount) => mount.destination === destination);
  if (found === undefined) throw new Error(`spec mounts nothing on ${destination}`);
  return found;
}

function mounts(): Mount[] {
  const plain = ["nosuid", "noexec", "nodev"];
  return [
    { ...usual("/proc"), options: plain },
    usual("/dev"),
    usual("/dev/pts"),
    usual("/sys"),
    { ...usual("/sys/fs/cgroup"), options: ["ro", ...plain] },
    usual("/dev/mqueue"),
    { destination: "/dev/shm", type: "bind", source: `${OWN}/mounts/shm`, options: ["rbind", "rprivate"] },
    { destination: "/etc/resolv.conf", type: "bind", source: `${OWN}/resolv.conf`, options: ["rbind"] },
    { destination: "/etc/hostname", type: "bind", source: `${OWN}/hostname`, options: ["rbind"] },
    { destination: "/etc/hosts", type: "bind", source: `${OWN}/hosts`, options: ["rbind", "rprivate"] },
    {
      destination: "/usr/share/nginx/html",
      type: "bind",
      source: "/srv/web",
      options: ["rbind", "ro", "rprivate"],
    },
  ];
}
