// What the test suites of runtimes ask for: runc's, OCI runtime-tools' and this project's own.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exampleSpec } from "../../../src/spec/defaults.ts";
import { needsController } from "../behaviour.ts";
import type { Config, ConfigMount } from "../config.ts";
import { give, type Healthy, USUAL } from "./healthy.ts";

const MIB = 1 << 20;
const ALL = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_ADMIN"];
const every = (names: readonly string[]) => ({
  bounding: [...names],
  effective: [...names],
  permitted: [...names],
  inheritable: [...names],
  ambient: [...names],
});

export const SUITES: readonly Healthy[] = [
  { name: "the base configuration", edit: () => {} },
  {
    name: "what hello of bundle-fixtures asks for",
    edit: (config) => {
      const hello = JSON.parse(readFileSync("bundle-fixtures/hello/config.json", "utf8")) as Config;
      const { args, env } = config.process;
      Object.assign(config, { ...hello, process: { ...hello.process, args, env } });
    },
  },
  {
    name: "what runc spec writes",
    edit: (config) => {
      const { process, linux, ...rest } = exampleSpec() as unknown as Config;
      const { args, env } = config.process;
      Object.assign(config, { ...rest, process: { ...process, args, env, terminal: false } });
      config.linux = { ...linux, cgroupsPath: config.linux.cgroupsPath ?? "" };
    },
  },
  {
    name: "what OCI runtime-tools generates",
    edit: (config) => {
      give(config, USUAL);
      config.hostname = "mrsdalloway";
      config.process.noNewPrivileges = false;
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1024 }];
      config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
      const options = ["nosuid", "strictatime", "mode=755", "size=65536k"];
      config.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs", options });
    },
  },
  {
    name: "the limits of runc's update.bats",
    edit: (config) => {
      config.linux.resources = {
        memory: { limit: 32 * MIB, reservation: 24 * MIB },
        cpu: { shares: 100, quota: 500_000, period: 1_000_000, cpus: "0" },
        pids: { limit: 20 },
      };
    },
    conditions: ["memory", "pids", "cpu", "cpuset"].map((name) => needsController(name)),
  },
  {
    name: "an ordinary user inside, with capabilities, and no new privileges",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000, umask: 0o27, additionalGids: [5, 7] };
      config.process.capabilities = every(["CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    },
  },
  {
    name: "an ordinary user inside, with capabilities that it loses when it executes",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.noNewPrivileges = false;
      config.process.capabilities = { ...every(["CAP_KILL"]), ambient: [] };
    },
  },
  {
    name: "root that gets more of its capabilities when it executes, and one that may not",
    edit: (config) => {
      config.process.noNewPrivileges = false;
      config.process.capabilities = { bounding: ALL, permitted: ["CAP_KILL"], effective: [] };
    },
  },
  {
    name: "root with no new privileges and fewer capabilities than it is bounded by",
    edit: (config) => {
      config.process.capabilities = { bounding: ALL, permitted: ["CAP_KILL"], effective: [] };
    },
  },
  {
    name: "a read-only root with volumes of every kind, one through a link, one in another",
    edit: (config, { folder, rootfs }) => {
      const volume = join(folder, "volume");
      mkdirSync(join(volume, "inner"), { recursive: true });
      writeFileSync(join(volume, "file"), "");
      symlinkSync("../tmp", join(rootfs, "var/run"));
      for (const path of ["a", "b", "c", "d", "e"]) mkdirSync(join(rootfs, path));
      mkdirSync(join(rootfs, "tmp/secret"));
      config.root.readonly = true;
      const make = (destination: string, ...options: string[]): ConfigMount => ({
        ...{ destination, type: "bind", source: volume },
        options: ["rbind", ...options],
      });
      config.mounts.push(
        make("/a", "rprivate"),
        make("/b", "ro", "nosuid", "noatime"),
        make("/c", "rro", "rnoexec"),
        make("/d", "rw", "nodev"),
        make("/var/run/secret", "ro"),
        make("/d/inner", "ro"),
        { destination: "/e", type: "tmpfs", source: "tmpfs", options: ["ro", "nodiratime", "mode=700"] },
        { ...make("/etc/passwd", "ro"), source: join(volume, "file") },
        { destination: "/dev/shm", type: "", source: "", options: ["remount", "ro", "nosuid"] },
      );
      config.linux.maskedPaths = ["/tmp", "/var/run", "/etc/group", "/proc/keys"];
      config.linux.readonlyPaths = ["/a", "/etc", "/proc/sys", "/a"];
    },
  },
  {
    name: "hooks, devices, limits of the process, sysctls in odd forms",
    edit: (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/true" }], createContainer: [{ path: "/bin/true" }] };
      config.linux.devices = [{ type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666 }];
      config.linux.resources = {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
          { allow: true, type: "b", major: 7, access: "r" },
        ],
      };
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 64, hard: 128 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ];
      config.process.oomScoreAdj = 300;
      config.linux.sysctl = {
        "kernel.shmmni": "0x400",
        "net.ipv4.ip_local_reserved_ports": "8080,9000-9002,9003",
        "net/ipv4/conf/lo/forwarding": "1",
      };
    },
  },
  {
    name: "the host's namespaces but for mounts and processes",
    edit: (config) => {
      config.linux.namespaces = [{ type: "mount" }, { type: "pid" }];
      delete config.hostname;
      config.mounts = config.mounts.filter(({ type }) => type !== "sysfs" && type !== "mqueue");
    },
  },
  {
    // What is mounted on a shared mount is copied to its peers.
    name: "a shared root with paths that are masked and read-only twice",
    edit: (config, { rootfs }) => {
      symlinkSync("tmp", join(rootfs, "link"));
      config.linux.rootfsPropagation = "rshared";
      config.linux.maskedPaths = ["/etc/group", "/dev/null", "/proc/keys", "/var", "/etc/../var"];
      config.linux.readonlyPaths = ["/tmp", "/link", "/etc/../tmp", "/var"];
    },
  },
  {
    name: "limits that the kernel rounds",
    edit: (config) => {
      config.linux.resources = {
        memory: { limit: 64 * MIB + 1234, reservation: 12_345_678 },
        pids: { limit: 51 },
        cpu: { shares: 777, quota: 33_333, period: 100_000, cpus: "0", mems: "0" },
      };
    },
    conditions: ["memory", "pids", "cpu", "cpuset"].map((name) => needsController(name)),
  },
];
