// Features that older kernels lack, and the limit for following links.

import t from "tap";
import { EINVAL, ENOSYS, EPERM } from "../../../src/linux/numbers/errno.ts";
import { render } from "../../../src/proxy/calls/operation.ts";
import { bind, build, failure, tmpfs } from "./building.ts";
import { FakeKernel } from "./fake-kernel.ts";

t.test("a kernel without nosymfollow gets all other attributes", async (t) => {
  const kernel = new FakeKernel().with("/mnt/");
  // Linux 5.12 and 5.13: mount_setattr(2) without MOUNT_ATTR_NOSYMFOLLOW.
  kernel.fails = (one) => {
    return one.call === "mount_setattr" && /NOSYMFOLLOW/.test(render(one)) ? EINVAL : undefined;
  };
  build(kernel, [bind("/host/dir/", "/mnt", "ro", "noexec")]);
  t.equal(kernel.at("/mnt")?.covered, "/host/dir/");
  const changes = kernel.calls.filter(({ call, result }) => call === "mount_setattr" && result === 0);
  t.match(
    changes.map(render).join(),
    /attr_set=MOUNT_ATTR_RDONLY\|MOUNT_ATTR_NOEXEC, attr_clr=[A-Z_|]*NOSUID/,
  );
  t.equal(kernel.open.size, 0);
});

t.test("nosymfollow that a kernel does not know is refused", async (t) => {
  const kernel = new FakeKernel().with("/mnt/");
  kernel.fails = (one) => {
    return one.call === "mount_setattr" && /NOSYMFOLLOW/.test(render(one)) ? EINVAL : undefined;
  };
  t.match(failure(kernel, bind("/host/dir/", "/mnt", "nosymfollow")).message, /NOSYMFOLLOW.*= EINVAL/);
  t.equal(kernel.at("/mnt")?.covered, undefined);
});

const ST_NOSUID = 0x2;

/** Linux 5.12 and 5.13, and a source whose owner has locked nosuid. */
function withLockedFlag(): FakeKernel {
  const kernel = new FakeKernel().with("/mnt/");
  kernel.statfsFlags = ST_NOSUID;
  kernel.fails = (one) => {
    if (one.call !== "mount_setattr") return undefined;
    if (/NOSYMFOLLOW/.test(render(one))) return EINVAL;
    return /attr_clr=[A-Z_|]*NOSUID/.test(render(one)) ? EPERM : undefined;
  };
  return kernel;
}

t.test("a kernel without nosymfollow keeps locked flags", async (t) => {
  const kernel = withLockedFlag();
  build(kernel, [bind("/host/dir/", "/mnt", "ro")]);
  t.equal(kernel.at("/mnt")?.covered, "/host/dir/");
  const changes = kernel.calls.filter(({ call }) => call === "mount_setattr");
  t.strictSame(
    changes.map(({ result }) => result),
    [-EINVAL, -EPERM, 0],
  );
  t.match(changes.map(render).pop(), /attr_set=MOUNT_ATTR_RDONLY\|MOUNT_ATTR_NOSUID, attr_clr=[A-Z_|]*NODEV/);
  t.equal(kernel.open.size, 0);
});

t.test("a change that is refused for another reason is not tried for ever", async (t) => {
  const kernel = withLockedFlag();
  const { fails } = kernel;
  kernel.fails = (one) => fails(one) ?? (one.call === "mount_setattr" ? EPERM : undefined);
  t.match(failure(kernel, bind("/host/dir/", "/mnt", "ro")).message, /mount_setattr.*= EPERM/);
  t.equal(kernel.calls.filter(({ call }) => call === "mount_setattr").length, 3);
});

/** Without the newer calls, where cgroup2 may not be mounted, and with what statfs(2) says of a mount. */
function withoutMountCalls(statfsFlags: number): FakeKernel {
  const kernel = new FakeKernel().with("/mnt/");
  kernel.statfsFlags = statfsFlags;
  kernel.fails = (one) => {
    if (["mount_setattr", "fsopen", "open_tree"].includes(one.call)) return ENOSYS;
    return one.call === "mount" && one.args[2] === "cgroup2" ? EPERM : undefined;
  };
  return kernel;
}

const ST_NOSYMFOLLOW = 0x2000;

for (const [what, mounts] of [
  ["a file system", [tmpfs("/mnt", "nosymfollow")]],
  ["a bind mount", [bind("/host/dir/", "/mnt", "nosymfollow")]],
  ["what is bound in place of cgroup2", [{ destination: "/mnt", type: "cgroup", options: ["nosymfollow"] }]],
  ["a remount", [tmpfs("/mnt"), { destination: "/mnt", type: "none", options: ["remount", "nosymfollow"] }]],
  [
    "a remount of a mount alone",
    [tmpfs("/mnt"), { destination: "/mnt", type: "none", options: ["remount", "bind", "nosymfollow"] }],
  ],
] as const) {
  t.test(`nosymfollow that mount(2) ignores is refused for ${what}`, async (t) => {
    t.match(failure(withoutMountCalls(0), ...mounts), {
      code: "E_UNSUPPORTED",
      message: /^cannot (re)?mount .*: this kernel does not know "nosymfollow"$/,
      hint: /^it came with Linux 5.10; leave it out: /,
    });
    const kernel = withoutMountCalls(ST_NOSYMFOLLOW);
    build(kernel, [...mounts]);
    t.ok(
      kernel.calls.some((one) => /NOSYMFOLLOW/.test(render(one))),
      "it was asked for",
    );
    t.equal(kernel.open.size, 0);
  });
}

t.test("forty links are followed, and no more", async (t) => {
  const chain = (length: number): FakeKernel => {
    const links = Array.from({ length }, (_, index) => `/l${index} -> l${index + 1}`);
    return new FakeKernel().with(...links, `/l${length}/`);
  };
  const kernel = chain(40);
  build(kernel, [tmpfs("/l0")]);
  t.equal(kernel.at("/l40")?.covered, "tmpfs");
  t.match(failure(chain(41), tmpfs("/l0")).message, /= ELOOP/);
});
