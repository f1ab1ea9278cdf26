// The environment of the container's first process: arguments, variables, directory, ids, limits, and a clean
// start in general.

import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, runcFrom, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { parseStatus } from "../support/proc.ts";
import { without } from "../support/without.ts";

const args = (...words: string[]) => {
  return (config: Config) => {
    config.process.args = words;
  };
};

behaviour("arguments arrive as they are", async (t, lab) => {
  const words = ["", "a b", "'single'", '"double"', "$HOME", "line\nbreak", "\\n", "é", "--flag", "*"];
  const box = lab.container(args("/bin/printf", "[%s]", ...words));
  t.equal(await box.live(), words.map((word) => `[${word}]`).join(""));
});

behaviour("the environment arrives in order, and of a repeated name the last value", async (t, lab) => {
  const box = lab.container(args("/bin/env"));
  box.config.process.env = ["B=1", "HOME=/h", "A=with space", "EMPTY=", "B=2", "PATH=/bin", "EQ=a=b"];
  box.writeConfig();
  const lines = (await box.live()).trimEnd().split("\n");
  t.strictSame(lines.sort(), ["A=with space", "B=2", "EMPTY=", "EQ=a=b", "HOME=/h", "PATH=/bin"]);
});

behaviour("HOME is taken from the container's passwd when the environment has none", async (t, lab) => {
  const root = lab.container(args("/bin/sh", "-c", "echo $HOME"));
  t.equal(await root.live(), "/root\n");
  const user = lab.container(args("/bin/sh", "-c", "echo $HOME"));
  user.config.process.user = { uid: 1000, gid: 1000 };
  user.writeConfig();
  t.equal(await user.live(), "/tmp\n");
});

behaviour("HOME is found wherever in passwd the user stands, and in the first entry", async (t, lab) => {
  const box = lab.container(args("/bin/sh", "-c", "echo $HOME; exec sleep 1000"));
  box.config.process.user = { uid: 1000, gid: 1000 };
  box.writeConfig();
  const entries = "user:x:1000:1000::/far/away:/bin/sh\nuser:x:1000:1000::/second:/bin/sh\n";
  const other = "other:x:1001:1001::/other:/bin/sh\n";
  const passwd = join(box.rootfs, "etc/passwd");
  writeFileSync(passwd, entries);
  mustSucceed(await box.run({ flags: ["--detach"] }));
  // Across the boundaries of the pieces that are read, and far beyond.
  for (const before of [4090, 36_860, 40_000, 69_630, 200_000, 1_000_000]) {
    const lines = other.repeat(before / other.length);
    writeFileSync(passwd, `${lines}${"#".repeat(before - lines.length - 1)}\n${entries}`);
    const found = await lab.invoke(["exec", "--user", "1000", box.id, "sh", "-c", "echo $HOME"]);
    t.equal(found.stdout, "/far/away\n", `behind ${before} bytes`);
  }
});

behaviour("a program that has the name of tsrun's own first process ends like any other", async (t, lab) => {
  const box = lab.container(args("/bin/tsrun-init"));
  writeFileSync(join(box.rootfs, "bin/tsrun-init"), "#!/bin/sh\nexit 5\n", { mode: 0o755 });
  const running = lab.container(Container.script("exec sleep 1000"));
  writeFileSync(join(running.rootfs, "bin/tsrun-init"), "#!/bin/sh\nexit 6\n", { mode: 0o755 });
  mustSucceed(await running.run({ flags: ["--detach"] }));
  for (let tried = 0; tried < 5; tried += 1) {
    t.equal((await box.run()).code, 5);
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.equal((await lab.invoke(["exec", running.id, "tsrun-init"])).code, 6);
    mustSucceed(await lab.invoke(["exec", "--detach", running.id, "tsrun-init"]));
  }
  mustSucceed(await running.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("nothing of the runtime's own environment reaches the container", async (t, lab) => {
  const box = lab.container(args("/bin/env"));
  const output = await box.live({
    env: { PATH: "/usr/bin:/usr/sbin", SECRET: "x", LD_PRELOAD: "", BUN_DEBUG: "1" },
  });
  t.strictSame(
    output.split("\n").map((line) => line.split("=")[0]),
    ["PATH", "HOME", ""],
  );
});

behaviour(
  "without an environment a process has none, with an empty one it has HOME",
  async (t, lab) => {
    for (const [env, expected] of [
      [undefined, ""],
      [[], "HOME=/\n"],
    ] as const) {
      const box = lab.container((config) => {
        config.process.args = ["/bin/env"];
        delete config.process.env;
        if (env !== undefined) config.process.env = [...env];
      });
      rmSync(join(box.rootfs, "etc/passwd"), { force: true });
      t.equal(await box.live(), expected);
    }
    await nothingLeft(t, lab, "after delete");
  },
  runcFrom("1.3.0", "gives every process a HOME"),
  notOfCrun("it adds HOME"),
);

behaviour("an environment of 1 MiB arrives whole", async (t, lab) => {
  const box = lab.container(args("/bin/sh", "-c", "env | grep ^BIG | wc -c"));
  const value = "x".repeat(65_536);
  const big = Array.from({ length: 16 }, (_, index) => `BIG${index}=${value}`);
  box.config.process.env = ["PATH=/bin", ...big];
  box.writeConfig();
  const expected = big.reduce((sum, entry) => sum + entry.length + 1, 0);
  t.equal((await box.live()).trim(), String(expected));
});

behaviour("arguments of 1 MiB arrive whole", async (t, lab) => {
  const big = Array.from({ length: 12 }, () => "y".repeat(90_000));
  const box = lab.container(args("/bin/sh", "-c", 'printf %s "$@" | wc -c', "sh", ...big));
  t.equal((await box.live()).trim(), String(12 * 90_000));
});

behaviour("the working directory is made when it is missing", async (t, lab) => {
  const box = lab.container(args("/bin/sh", "-c", "pwd; stat -c '%a %u %g' ."));
  box.config.process.cwd = "/srv/made/here";
  box.writeConfig();
  t.equal(await box.live(), "/srv/made/here\n755 0 0\n");
});

behaviour(
  "a program is found in the container's PATH, or relative to the working directory",
  async (t, lab) => {
    const byPath = lab.container(args("mine"));
    writeFileSync(join(byPath.rootfs, "usr/bin/mine"), "#!/bin/sh\necho $0\n", { mode: 0o755 });
    t.equal(await byPath.live(), "/usr/bin/mine\n");
    const relative = lab.container(args("./mine"));
    writeFileSync(join(relative.rootfs, "tmp/mine"), "#!/bin/sh\necho $0\n", { mode: 0o755 });
    chmodSync(join(relative.rootfs, "tmp/mine"), 0o755);
    relative.config.process.cwd = "/tmp";
    relative.writeConfig();
    t.equal(await relative.live(), "./mine\n");
  },
  notOfCrun("it puts the working directory before a relative path"),
);

behaviour("user, group and additional groups are the configured ones", async (t, lab) => {
  const box = lab.container(args("/bin/cat", "/proc/self/status"));
  box.config.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 6000] };
  box.writeConfig();
  const status = parseStatus(await box.live());
  t.strictSame(status.get("Uid"), ["1000", "1000", "1000", "1000"]);
  t.strictSame(status.get("Gid"), ["1001", "1001", "1001", "1001"]);
  t.strictSame(status.get("Groups"), ["5", "6000"]);
});

behaviour("the caller's own groups do not reach the container", async (t, lab) => {
  const box = lab.container(args("/bin/cat", "/proc/self/status"));
  const status = parseStatus(await box.live({ wrapper: ["setpriv", "--groups=4,24,27"] }));
  t.strictSame(status.get("Groups"), []);
});

behaviour("umask is 0022 whatever the caller's is, or the configured one", async (t, lab) => {
  const wrapper = ["sh", "-c", 'umask 0077; exec "$@"', "sh"];
  const plain = lab.container(args("/bin/sh", "-c", "umask"));
  t.equal(await plain.live({ wrapper }), "0022\n");
  const strict = lab.container(args("/bin/sh", "-c", "umask"));
  strict.config.process.user = { uid: 0, gid: 0, umask: 0o027 };
  strict.writeConfig();
  t.equal(await strict.live({ wrapper }), "0027\n");
});

behaviour("resource limits are the configured ones", async (t, lab) => {
  const box = lab.container(args("/bin/cat", "/proc/self/limits"));
  box.config.process.rlimits = [
    { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
    { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    { type: "RLIMIT_NPROC", soft: 321, hard: 400 },
  ];
  box.writeConfig();
  const limits = await box.live();
  t.match(limits, /^Max open files +100 +200 /m);
  t.match(limits, /^Max core file size +0 +0 /m);
  t.match(limits, /^Max processes +321 +400 /m);
});

behaviour(
  "a low limit of open files is the program's alone, also on a kernel without mount_setattr",
  async (t, lab) => {
    const rlimits = [{ type: "RLIMIT_NOFILE", soft: 4, hard: 4 }];
    const seal = { readonlyPaths: ["/proc/sys"], maskedPaths: ["/proc/kcore", "/proc/fs"] };
    for (const options of [{}, without("mount_setattr")]) {
      const box = lab.container(args("/bin/sh", "-c", "ulimit -n"));
      box.config.process.rlimits = rlimits;
      box.config.root.readonly = true;
      Object.assign(box.config.linux, seal);
      box.writeConfig();
      t.equal(await box.live(options), "4\n");
    }
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const file = join(box.bundle, "process.json");
    const asked = { ...box.config.process, args: ["/bin/sh", "-c", "ulimit -n"], rlimits };
    writeFileSync(file, JSON.stringify(asked));
    t.match(await lab.invoke(["exec", "--process", file, box.id]), { code: 0, stdout: "4\n" });
  },
  tsrunOnly("runc needs a dozen descriptors itself"),
);

behaviour("a caller may have few open files, also on an older kernel", async (t, lab) => {
  const missing = ["mount_setattr", "open_tree", "move_mount", "fsopen"] as const;
  for (const { wrapper } of [{ wrapper: [] }, ...missing.map(without)]) {
    const box = lab.container(args("/bin/sh", "-c", "ulimit -n"));
    box.config.mounts.push({ destination: "/source", type: "bind", source: "/etc", options: ["bind", "ro"] });
    box.config.root.readonly = true;
    Object.assign(box.config.linux, { readonlyPaths: ["/proc/sys"], maskedPaths: ["/proc/kcore"] });
    box.writeConfig();
    const few = ["sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh"];
    t.equal(await box.live({ wrapper: [...few, ...wrapper] }), "64\n", wrapper.join(" "));
  }
});

behaviour("noNewPrivileges is set only when asked for", async (t, lab) => {
  for (const value of [true, false]) {
    const box = lab.container(args("/bin/cat", "/proc/self/status"));
    box.config.process.noNewPrivileges = value;
    box.writeConfig();
    t.strictSame(parseStatus(await box.live()).get("NoNewPrivs"), [value ? "1" : "0"]);
  }
});

behaviour("oomScoreAdj is the configured one", async (t, lab) => {
  const box = lab.container(args("/bin/cat", "/proc/self/oom_score_adj"));
  box.config.process.oomScoreAdj = 321;
  box.writeConfig();
  t.equal(await box.live(), "321\n");
});

behaviour("the host name is the container's own", async (t, lab) => {
  const box = lab.container(args("/bin/hostname"));
  box.config.hostname = "my-box.example";
  box.writeConfig();
  t.equal(await box.live(), "my-box.example\n");
});

behaviour(
  "the domain name is the container's own",
  async (t, lab) => {
    const box = lab.container(args("/bin/cat", "/proc/sys/kernel/domainname"));
    box.config.domainname = "example.org";
    box.writeConfig();
    t.equal(await box.live(), "example.org\n");
  },
  tsrunOnly("domainname came with 1.2"),
);

behaviour("only descriptors 0 to 2 reach the container, whatever the caller leaks", async (t, lab) => {
  const script =
    "i=0; while [ $i -lt 64 ]; do [ -e /proc/self/fd/$i ] && echo $i; i=$((i+1)); done; echo done";
  const box = lab.container(args("/bin/sh", "-c", script));
  mustSucceed(await box.create({ leakFds: 7 }));
  mustSucceed(await box.start({ leakFds: 7 }));
  await box.waitForStatus("stopped");
  t.equal(box.output(), "0\n1\n2\ndone\n");
});

behaviour("--preserve-fds hands on as many descriptors after 2, and no more", async (t, lab) => {
  const script = "cd /proc/self/fd; for i in *; do [ $i -lt 3 ] || readlink $i; done; head -1 <&3; echo done";
  const box = lab.container(args("/bin/sh", "-c", script));
  const options = { leakFds: 4 };
  mustSucceed(await box.create({ ...options, flags: ["--preserve-fds", "1"] }));
  mustSucceed(await box.start(options));
  await box.waitForStatus("stopped");
  t.match(box.output(), /^\/.*passwd\n(.*\/fd\n)?root:.*\ndone\n$/);
});

behaviour(
  "--preserve-fds hands on nothing that the runtime itself has open",
  async (t, lab) => {
    const log = join(lab.folder, "log");
    const running = lab.container();
    mustSucceed(await running.create());
    for (const command of ["create", "run", "exec"]) {
      const box = lab.container();
      const words = command === "exec" ? [running.id, "true"] : ["--bundle", box.bundle, box.id];
      for (const globals of [[], ["--log", log]]) {
        const refusal = await lab.invoke([...globals, command, "--preserve-fds", "1", ...words]);
        refused(t, refusal, /unable to stat preserved-fd 0 \(of 1\)/, command === "exec" ? 255 : 1);
      }
    }
  },
  tsrunOnly("runc hands on its log or /sys/fs/cgroup, and crun goes without"),
);

behaviour("the first process leads a session and a process group of its own", async (t, lab) => {
  const box = lab.container(args("/bin/cat", "/proc/self/stat"));
  const fields = (await box.live()).split(") ")[1]?.split(" ") ?? [];
  const [, parent, group, session, terminal] = fields;
  t.strictSame(
    { parent, group, session, terminal },
    { parent: "0", group: "1", session: "1", terminal: "0" },
  );
});

behaviour(
  "no signal is ignored or blocked, even when the caller ignores and blocks some",
  async (t, lab) => {
    const box = lab.container(args("/bin/cat", "/proc/self/status"));
    const wrapper = ["env", "--ignore-signal=PIPE", "--block-signal=USR1"];
    const status = parseStatus(await box.live({ wrapper }));
    t.strictSame(status.get("SigIgn"), ["0000000000000000"]);
    t.strictSame(status.get("SigBlk"), ["0000000000000000"]);
  },
  tsrunOnly("hands the caller's mask on, and leaves signal 32 as glibc wants it"),
);

behaviour("stdin, stdout and stderr are the caller's own", async (t, lab) => {
  const box = lab.container(args("/bin/sh", "-c", "cat; echo apart >&2"));
  const stdin = join(lab.folder, "input");
  writeFileSync(stdin, "from the caller\n");
  t.equal(await box.live({ stdin }), "from the caller\n");
  t.equal(box.errorOutput(), "apart\n");
});

behaviour("the process can be traced and read by its own user once it runs", async (t, lab) => {
  const box = lab.container(args("/bin/sh", "-c", "readlink /proc/self/exe; cat /proc/self/environ | wc -c"));
  box.config.process.user = { uid: 1000, gid: 1000 };
  box.writeConfig();
  t.match(await box.live(), /^\/bin\/busybox\n[1-9]/);
});

behaviour("a container may share the host's processes and still end", async (t, lab) => {
  const box = lab.container(Container.script("echo $$"));
  box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "pid");
  box.writeConfig();
  mustSucceed(await box.create());
  const { pid } = await box.stateDocument();
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.equal(box.output(), `${pid}\n`);
});

behaviour(
  "--preserve-fds hands on a thousand descriptors, also on an older kernel",
  async (t, lab) => {
    const count = 960;
    const raised = ["sh", "-c", 'ulimit -n 4096; exec "$@"', "sh"];
    const script =
      "cd /proc/self/fd; n=0; for i in *; do [ -e $i ] && [ $i -gt 2 ] && n=$((n+1)); done; echo $n";
    const missing = ["mount_setattr", "open_tree", "move_mount", "fsopen"] as const;
    for (const { wrapper } of [{ wrapper: [] }, ...missing.map(without)]) {
      const box = lab.container(args("/bin/sh", "-c", `ulimit -n; ${script}; head -1 <&${2 + count}`));
      box.config.mounts.push({
        destination: "/source",
        type: "bind",
        source: "/etc",
        options: ["bind", "ro"],
      });
      box.config.root.readonly = true;
      Object.assign(box.config.linux, { readonlyPaths: ["/proc/sys"], maskedPaths: ["/proc/kcore"] });
      box.writeConfig();
      const options = { leakFds: count, wrapper: [...wrapper, ...raised] };
      mustSucceed(await box.create({ ...options, flags: ["--preserve-fds", `${count}`] }));
      mustSucceed(await box.start());
      await box.waitForStatus("stopped");
      // The program has opened the directory itself.
      t.match(box.output(), new RegExp(`^\\d+\n(${count}|${count + 1})\nroot:.*\n$`), wrapper.join(" "));
      mustSucceed(await box.delete());
    }
  },
  tsrunOnly("keeps its own descriptors elsewhere"),
);
