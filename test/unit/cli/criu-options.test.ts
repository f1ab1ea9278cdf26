// The flags of checkpoint and restore.

import t from "tap";
import { command as checkpoint } from "../../../src/cli/commands/checkpoint.ts";
import { command as restore } from "../../../src/cli/commands/restore.ts";
import {
  criuOptions,
  readCriuOptions,
  readPageServer,
  readParentPath,
} from "../../../src/cli/criu-options.ts";
import { parseLine, valuesOf } from "../../../src/cli/parse.ts";

function read(...words: string[]) {
  const { given } = parseLine([...words, "id"], { tables: [criuOptions], stopAfterArgs: undefined });
  return readCriuOptions(valuesOf(criuOptions, given[0]), { imagePath: undefined, cwd: () => "/here" });
}

t.test("defaults are runc's", async (t) => {
  t.match(read(), {
    imagePath: "/here/checkpoint",
    workPath: undefined,
    manageCgroupsMode: 6,
    networkLock: undefined,
    tcpEstablished: false,
  });
});

t.test("words are checked, paths become absolute", async (t) => {
  t.match(read("--work-path", "w", "--manage-cgroups-mode", "ignore", "--network-lock=skip"), {
    workPath: "/here/w",
    manageCgroupsMode: 0,
    networkLock: 3,
  });
  for (const [word, number] of Object.entries({ soft: 3, full: 4, strict: 5, ignore: 0 })) {
    t.equal(read("--manage-cgroups-mode", word).manageCgroupsMode, number, word);
  }
  t.throws(() => read("--manage-cgroups-mode", "none"), { message: "invalid manage-cgroups-mode value" });
  t.throws(() => read("--network-lock", "none"), { message: "invalid network-lock value" });
  t.doesNotThrow(() => read("--empty-ns", "network"));
  t.throws(() => read("--empty-ns", "ipc"), { message: 'namespace "ipc" is not supported' });
});

t.test("the page server", async (t) => {
  t.strictSame(readPageServer("10.0.0.1:27"), { address: "10.0.0.1", port: 27 });
  t.strictSame(readPageServer("[::1]:27"), { address: "::1", port: 27 });
  t.equal(readPageServer(""), undefined);
  for (const wrong of ["10.0.0.1", ":27", "host:", "::1:27"]) {
    t.throws(
      () => readPageServer(wrong),
      { message: "Use --page-server ADDRESS:PORT to specify page server" },
      wrong,
    );
  }
  t.throws(() => readPageServer("host:x"), { message: "Invalid port number" });
});

t.test("the parent's path is relative", async (t) => {
  t.equal(readParentPath("../p"), "../p");
  t.equal(readParentPath(""), undefined);
  t.throws(() => readParentPath("/p"), { message: "--parent-path must be relative" });
});

t.test("every flag that runc and crun have is there", async (t) => {
  const both = [
    ...["image-path", "work-path", "tcp-established", "ext-unix-sk", "shell-job", "lazy-pages", "file-locks"],
    ...["manage-cgroups-mode", "empty-ns", "auto-dedup", "network-lock", "parent-path"],
  ];
  for (const flag of [
    ...both,
    ...["leave-running", "tcp-skip-in-flight", "link-remap", "status-fd", "page-server", "pre-dump"],
  ]) {
    t.ok(Object.hasOwn(checkpoint.options, flag), `checkpoint --${flag}`);
  }
  for (const flag of [
    ...both,
    ...["bundle", "console-socket", "pid-file", "detach", "no-pivot", "no-subreaper", "tcp-close"],
    ...["lsm-profile", "lsm-mount-context", "no-new-keyring"],
  ]) {
    t.ok(Object.hasOwn(restore.options, flag), `restore --${flag}`);
  }
});
