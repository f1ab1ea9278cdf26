// Security contexts: masked paths, users, devices.

import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { USER_NAMESPACE } from "../pod.ts";
import type { Scenarios } from "../scenario.ts";

/** The paths that a kubelet sends for `procMount: Default`. */
const MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi"];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
/** The purpose of an unmasked /proc: containers in the container. */
const NESTED = ["unshare", "-U", "-r", "-m", "-p", "-f", "mount", "-t", "proc", "proc", "/proc"];

export const confinement: Scenarios = {
  async proc_is_masked({ pod }) {
    const its = await pod({
      security: { ...USER_NAMESPACE, masked_paths: MASKED, readonly_paths: READ_ONLY },
    });
    const main = await its.run("main", ["sleep", "100"]);
    equal(await its.shell(main, "wc -c < /proc/keys"), "0");
    notEqual((await its.exec(main, NESTED)).code, 0);
    match((await its.exec(main, ["sh", "-c", "echo 1 > /proc/sys/kernel/domainname"])).err, /Read-only/);
    return undefined;
  },

  async proc_is_unmasked({ pod }) {
    const its = await pod({ security: { ...USER_NAMESPACE, masked_paths: [], readonly_paths: [] } });
    const main = await its.run("main", ["sleep", "100"]);
    equal(await its.shell(main, "grep -c ' /proc/' /proc/mounts || true"), "0");
    deepEqual(await its.exec(main, NESTED), { out: "", err: "", code: 0 });
    return undefined;
  },

  async device_for_reading_only({ pod }) {
    const its = await pod();
    const devices = [{ container_path: "/dev/messages", host_path: "/dev/kmsg", permissions: "r" }];
    const security = { capabilities: { add_capabilities: ["SYSLOG"] } };
    const main = await its.run("main", ["sleep", "100"], { devices, security });
    equal((await its.exec(main, ["sh", "-c", ": < /dev/messages"])).err, "");
    match((await its.exec(main, ["sh", "-c", ": > /dev/messages"])).err, /not permitted/);
    return undefined;
  },

  async device_of_a_user_namespace({ pod }) {
    const its = await pod({ security: USER_NAMESPACE });
    // runc searches it on the host by its name in the container.
    const devices = [{ container_path: "/dev/net/tun", host_path: "/dev/net/tun", permissions: "rw" }];
    const main = await its.run("main", ["sleep", "100"], { devices });
    const [kind, owner] = (await its.shell(main, "stat -c '%F,%u' /dev/net/tun")).split(",");
    equal(kind, "character special file");
    return `of ${owner}`;
  },

  async host_network_reads_sys_only({ pod }) {
    const namespace_options = { network: "NODE", pid: "CONTAINER", ipc: "POD" };
    const its = await pod({ security: { namespace_options } });
    const main = await its.run("main", ["sleep", "100"]);
    match((await its.exec(main, ["mkdir", "/sys/fs/cgroup/pids/x"])).err, /Read-only/);
    match(await its.shell(main, "grep ' /sys sysfs' /proc/mounts"), / ro,/);
    return undefined;
  },

  async user_by_name({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], { security: { run_as_username: "app" } });
    equal(await its.shell(main, "id -u; id -g; id -G; echo $HOME"), "1000\n1000\n1000 44 2000\n/home/app");
    return undefined;
  },

  async seccomp_errno_of_a_profile({ pod, folder }) {
    const profile = `${folder()}/profile.json`;
    const rules = [
      { names: ["chmod", "fchmodat", "fchmodat2"], action: "SCMP_ACT_ERRNO", errnoRet: 95 },
      { names: ["mknod", "mknodat"], action: "SCMP_ACT_KILL_PROCESS" },
    ];
    writeFileSync(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules }));
    const its = await pod();
    const seccomp = { profile_type: "Localhost", localhost_ref: profile };
    const main = await its.run("main", ["sleep", "100"], { security: { seccomp } });
    match((await its.exec(main, ["chmod", "700", "/tmp"])).err, /not supported/);
    equal((await its.exec(main, ["mknod", "/tmp/p", "p"])).code, 159);
    return undefined;
  },
};
