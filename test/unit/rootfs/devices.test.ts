// The nodes and links of /dev.

import t from "tap";
import { S_IFBLK, S_IFCHR, S_IFIFO } from "../../../src/linux/numbers/fcntl.ts";
import { planDevices, planLinks } from "../../../src/rootfs/plan/devices.ts";

t.test("every container has the default devices", async (t) => {
  const devices = planDevices([]);
  t.same(
    devices.map((device) => device.path),
    ["/dev/null", "/dev/random", "/dev/full", "/dev/tty", "/dev/zero", "/dev/urandom"],
  );
  t.same(devices[0], { path: "/dev/null", mode: S_IFCHR | 0o666, major: 1, minor: 3, uid: 0, gid: 0 });
});

t.test("a configured device replaces the default one of its path", async (t) => {
  const devices = planDevices([{ path: "/dev/tty", type: "c", major: 5, minor: 0, fileMode: 0o620, gid: 5 }]);
  const ttys = devices.filter((device) => device.path === "/dev/tty");
  t.same(ttys, [{ path: "/dev/tty", mode: S_IFCHR | 0o620, major: 5, minor: 0, uid: 0, gid: 5 }]);
  t.equal(devices.at(-1)?.path, "/dev/tty", "own devices come last");
});

t.test("types are c, u, b and p; a mode's own type bits are dropped", async (t) => {
  const [u, b, p] = planDevices([
    { path: "/dev/u", type: "u", major: 1, minor: 2, fileMode: S_IFBLK | 0o600 },
    { path: "/dev/b", type: "b", major: 1, minor: 2 },
    { path: "/dev/p", type: "p" },
  ]).slice(-3);
  t.equal(u?.mode, S_IFCHR | 0o600);
  t.equal(b?.mode, S_IFBLK | 0o666);
  t.same([p?.mode, p?.major, p?.minor], [S_IFIFO | 0o666, 0, 0]);
});

t.test("of several with the same path the first is made: what is there stays", async (t) => {
  const twice = ["/dev/a", "/dev/b", "/dev//a"].map((path, minor) => {
    return { path, type: "c" as const, major: 1, minor };
  });
  const own = planDevices(twice).slice(-2);
  t.same(
    own.map(({ path, minor }) => [path, minor]),
    [
      ["/dev/a", 0],
      ["/dev/b", 1],
    ],
  );
});

t.test("/dev/ptmx is never made as a node", async (t) => {
  const devices = planDevices([{ path: "/dev/ptmx", type: "c", major: 5, minor: 2 }]);
  t.notOk(devices.some((device) => device.path === "/dev/ptmx"));
});

t.test("the links are runc's; core depends on the kernel", async (t) => {
  const links = planLinks({ kcore: true });
  t.same(
    links.map((link) => `${link.path} ${link.target}`),
    [
      "/dev/ptmx pts/ptmx",
      "/dev/fd /proc/self/fd",
      "/dev/stdin /proc/self/fd/0",
      "/dev/stdout /proc/self/fd/1",
      "/dev/stderr /proc/self/fd/2",
      "/dev/core /proc/kcore",
    ],
  );
  t.same(
    links.filter((link) => link.replaces).map((link) => link.path),
    ["/dev/ptmx"],
  );
  t.equal(planLinks({ kcore: false }).length, 5);
});
