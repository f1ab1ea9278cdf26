// Whom a file's mode lets through: the kernel's rules for the bit x, with ids, groups and capabilities.

import t from "tap";
import { type Seen, ST_NOEXEC, whyNotEntered, whyNotExecutable } from "../../../src/cause/access.ts";
import {
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  type Credentials,
  credentialsIn,
  insideId,
} from "../../../src/cause/credentials.ts";
import type { FileStatus } from "../../../src/linux/files/statx.ts";
import { S_IFDIR, S_IFREG } from "../../../src/linux/numbers/fcntl.ts";

const seen = (mode: number, of: Partial<FileStatus> = {}, mountFlags = 0): Seen => ({
  path: "/opt/app",
  status: { type: S_IFREG, mode, uid: 0, gid: 0, ...of } as FileStatus,
  mountFlags,
});
const folder = (mode: number, of: Partial<FileStatus> = {}): Seen => seen(mode, { type: S_IFDIR, ...of });
const user = (of: Partial<Credentials> = {}): Credentials => ({
  uid: 1000,
  gid: 1000,
  groups: [],
  capabilities: 0n,
  permitted: 0n,
  uids: undefined,
  gids: undefined,
  ...of,
});

t.test(
  "the owner's bit counts for the owner, the group's for the group, the last for all others",
  async (t) => {
    t.equal(whyNotExecutable(seen(0o100, { uid: 1000 }), user()), undefined);
    t.ok(whyNotExecutable(seen(0o011, { uid: 1000 }), user()), "the owner has only its own bit");
    t.equal(whyNotExecutable(seen(0o010, { gid: 1000 }), user()), undefined);
    t.equal(whyNotExecutable(seen(0o010, { gid: 7 }), user({ groups: [5, 7] })), undefined);
    t.ok(whyNotExecutable(seen(0o010, { gid: 7 }), user()));
    t.equal(whyNotExecutable(seen(0o001), user()), undefined);
  },
);

t.test("the words name mode, owner, and who is refused", async (t) => {
  const cause = whyNotExecutable(seen(0o750), user());
  t.equal(
    cause?.words,
    '"/opt/app" has mode 0750 and belongs to uid 0, gid 0, and uid 1000, gid 1000 may not execute it',
  );
  t.match(cause?.next, /chmod o\+x "\/opt\/app"/);
  t.match(whyNotEntered(folder(0o700), user())?.words, /may not enter it/);
});

t.test("a file that nobody may execute is closed to root as well", async (t) => {
  const root = user({ uid: 0, gid: 0, capabilities: CAP_DAC_OVERRIDE });
  t.match(whyNotExecutable(seen(0o644, { uid: 5 }), root)?.words, /mode 0644, so nobody/);
  t.equal(whyNotExecutable(seen(0o100, { uid: 5 }), root), undefined);
});

t.test("a folder opens to either of two capabilities", async (t) => {
  for (const capabilities of [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH]) {
    t.equal(whyNotEntered(folder(0o000, { uid: 5 }), user({ capabilities })), undefined);
  }
  t.ok(whyNotEntered(folder(0o000, { uid: 5 }), user()));
});

t.test("a capability counts only where the user namespace maps the file's owner", async (t) => {
  const uids = [{ containerID: 0, hostID: 100_000, size: 1000 }];
  const root = user({ uid: 100_000, gid: 100_000, capabilities: CAP_DAC_OVERRIDE, uids, gids: uids });
  t.equal(whyNotEntered(folder(0o000, { uid: 100_500, gid: 100_000 }), root), undefined);
  const cause = whyNotEntered(folder(0o700, { uid: 5, gid: 100_000 }), root);
  t.match(
    cause?.words,
    /belongs to uid 5 of the host, which the user namespace does not map, and uid 0, gid 0 /,
  );
});

t.test("noexec comes before the mode", async (t) => {
  t.match(whyNotExecutable(seen(0o755, {}, ST_NOEXEC), user())?.words, /option noexec/);
});

t.test("the credentials of a process are those for files, in ids of the reader", async (t) => {
  const status = "Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t10 11 \nCapEff:\t0000000000000006\n";
  const map = "         0     100000      65536\n";
  t.strictSame(credentialsIn({ status, uidMap: map, gidMap: "0 0 4294967295\n" }), {
    uid: 4,
    gid: 8,
    groups: [10, 11],
    capabilities: 6n,
    permitted: 0n,
    uids: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
    gids: undefined,
  });
  t.strictSame(credentialsIn({ status: "", uidMap: "", gidMap: "" }).capabilities, 0n);
});

t.test("an id of the host is that of the container, or none", async (t) => {
  const uids = [{ containerID: 0, hostID: 100_000, size: 10 }];
  t.equal(insideId(uids, 100_003), 3);
  t.equal(insideId(uids, 100_010), undefined);
  t.equal(insideId(undefined, 7), 7);
});
