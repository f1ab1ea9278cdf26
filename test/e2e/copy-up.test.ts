// `tmpcopyup` on trees that an image may have: thousands of entries, names of any bytes, sparse files of any
// length, nodes of every kind.

import {
  chmodSync,
  chownSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { behaviour, runcFrom, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { runProgram } from "../support/program.ts";

/** A container with a tmpfs over `/etc/kept`, which `fill` makes. */
function withKept(lab: Lab, script: string, fill: (kept: string) => void = () => {}): Container {
  const box = lab.container(Container.script(`cd /etc/kept; ${script}`));
  const kept = keptIn(box);
  mkdirSync(kept);
  fill(kept);
  box.config.mounts.push({ destination: "/etc/kept", type: "tmpfs", source: "x", options: ["tmpcopyup"] });
  box.writeConfig();
  return box;
}

function keptIn(box: Container): string {
  return join(box.rootfs, "etc/kept");
}

/** The output of a script about the tree on the host. */
function onHost(box: Container, script: string): string {
  return runProgram(["sh", "-c", `cd "$0" && ${script}`, keptIn(box)]).stdout;
}

behaviour("tmpcopyup copies every entry of a directory, however many there are", async (t, lab) => {
  const script = "find . | busybox sort | busybox md5sum; cat few/* many/last | busybox md5sum";
  const box = withKept(lab, script, (kept) => {
    for (const name of ["few", "many/sub"]) mkdirSync(join(kept, name), { recursive: true });
    for (let index = 0; index < 100; index++) writeFileSync(join(kept, `few/${index}`), `${index} `);
    // More entries than getdents64(2) returns at once, and more directories than tsrun keeps open.
    for (let index = 0; index < 2000; index++) {
      writeFileSync(join(kept, "many", `${"n".repeat(index % 200)}${index}`), "");
      mkdirSync(join(kept, `many/sub/${index}`));
    }
    writeFileSync(join(kept, "many/last"), "last");
  });
  t.equal(await box.live(), onHost(box, script));
});

behaviour(
  "tmpcopyup keeps owners, modes with their set-ID bits, and what a file holds",
  async (t, lab) => {
    const script = "busybox stat -c '%n %a %u:%g %F' * | busybox sort; cat large empty run | busybox md5sum";
    const box = withKept(lab, script, (kept) => {
      const made = (name: string, mode: number): void => {
        chownSync(join(kept, name), 1000, 100);
        chmodSync(join(kept, name), mode);
      };
      writeFileSync(join(kept, "large"), Buffer.alloc(5_000_001, "0123456789abcde"));
      writeFileSync(join(kept, "empty"), "");
      writeFileSync(join(kept, "run"), "x".repeat(100_000));
      mkdirSync(join(kept, "directory"));
      made("run", 0o6755);
      made("empty", 0o4755);
      made("large", 0o644);
      made("directory", 0o3770);
    });
    t.equal(await box.live(), onHost(box, script));
    t.match(box.output(), /run 6755 1000:100/);
  },
  runcFrom("1.2", "it loses set-ID bits of directories"),
);

behaviour(
  "tmpcopyup makes nodes and FIFOs anew, and leaves sockets out",
  async (t, lab) => {
    const box = withKept(lab, "busybox stat -c '%n %F %t:%T' * | busybox sort");
    const make = "mkfifo fifo; mknod null c 1 3; mknod loop b 7 200";
    const listen = "use Socket; socket S, AF_UNIX, SOCK_STREAM, 0; bind S, pack_sockaddr_un q(socket)";
    onHost(box, `${make}; perl -e '${listen}'`);
    const nodes = ["fifo fifo 0:0", "loop block special file 7:c8", "null character special file 1:3"];
    t.equal(await box.live(), `${nodes.join("\n")}\n`);
  },
  tsrunOnly("runc refuses the tree, crun makes sockets that nobody listens at"),
);

behaviour("tmpcopyup copies names and links of any bytes, and links of any length", async (t, lab) => {
  const script = `find . | busybox sort | busybox od -c; for link in link* long; do
      readlink $link | busybox od -c; done; cat */*/inside | busybox od -c`;
  const box = withKept(lab, script, (kept) => {
    symlinkSync("x".repeat(1024), join(kept, "long"));
    symlinkSync("y".repeat(4095), join(kept, "longest"));
  });
  const make = `
      ln -s "$(printf 'to\\377\\355\\240\\200')" "$(printf 'link\\376')"
      ln -s "$(printf '\\303\\251')" link-utf8
      mkdir -p "$(printf 'a\\300\\257/\\355\\262\\200\\377')" && cd "$(printf 'a\\300\\257')"
      echo one >"$(printf '\\355\\262\\200\\377')"/inside; echo two >"$(printf 'caf\\351')"
      echo 3 >"$(printf '\\357\\277\\275')"`;
  onHost(box, make);
  t.equal(await box.live(), onHost(box, script));
  t.match(box.output(), /377 +355 +240 +200/);
});

behaviour(
  "tmpcopyup copies what lies deeper than a path can say",
  async (t, lab) => {
    // Step by step, since no shell can go so deep: each time the content of the topmost directory replaces
    // it.
    const name = "n".repeat(200);
    const step = `busybox mv ${name}/${name} next && busybox rmdir ${name} && busybox mv next ${name}`;
    const count = `depth=1; while [ -d ${name}/${name} ]; do ${step}; depth=$((depth + 1)); done`;
    const box = withKept(lab, `${count}; cat ${name}/bottom; echo $depth`);
    lab.atClose(() => void runProgram(["rm", "-rf", keptIn(box)]));
    onHost(
      box,
      `perl -e 'mkdir(q(${name})) && chdir q(${name}) for 1..60; open F, q(>bottom); print F qq(deep\\n)'`,
    );
    t.equal(await box.live(), "deep\n60\n");
  },
  tsrunOnly("it goes by whole paths"),
);

behaviour(
  "tmpcopyup leaves holes where they are",
  async (t, lab) => {
    const script = "busybox md5sum *; busybox stat -c '%n %s' *";
    const box = withKept(lab, `${script}; busybox du -k many one`, (kept) => {
      const many = openSync(join(kept, "many"), "w");
      // More pieces than tsrun looks for at once.
      for (let index = 0; index < 200; index++) writeSync(many, `piece ${index}`, index * 65536 + 17);
      ftruncateSync(many, 200 * 65536 + 4097);
      const one = openSync(join(kept, "one"), "w");
      ftruncateSync(one, 1 << 28);
      writeSync(one, "x".repeat(100_000), (1 << 27) - 7);
      ftruncateSync(openSync(join(kept, "none"), "w"), 1 << 26);
    });
    const output = await box.live();
    t.equal(output.split("\n").slice(0, 6).join("\n"), onHost(box, script).trim());
    const [many = 0, one = 0] = output.match(/^[0-9]+(?=\t)/gm)?.map(Number) ?? [];
    t.ok(many <= 4 * 201 && one <= 128, `${many} and ${one} KiB`);
  },
  tsrunOnly("it writes zeros in their place"),
);

/** A tmpfs in a mount namespace that ends with the call: only a tmpfs allows a file of such a length. */
function withVolume(folder: string, fill: string): string[] {
  const script = `mount -t tmpfs volume "$0" && (cd "$0" && ${fill}) && exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, folder];
}

behaviour(
  "a sparse file of thousands of petabytes costs neither time nor memory",
  async (t, lab) => {
    const end = 8191 * 2 ** 38 - 1;
    const script = `busybox stat -c '%n %s' /vol/*; busybox du -k /vol/huge /vol/tera
    busybox tail -c 5 /vol/huge; busybox head -c 6 /vol/huge; busybox tail -c 5 /vol/tera`;
    const box = lab.container(Container.script(script));
    const volume = join(lab.folder, "volume");
    mkdirSync(volume);
    const put = (text: string, file: string, block: number): string =>
      `printf '${text}' | dd of=${file} bs=4096 seek=${block} conv=notrunc status=none`;
    const fill = ["truncate -s 8191P huge && truncate -s 4T tera", put("start\n", "huge", 0)];
    fill.push(`${put("", "huge", end)}; printf 'end\n' | dd of=huge oflag=append conv=notrunc status=none`);
    fill.push("printf 'more\n' >>tera");
    box.config.mounts.push(
      { destination: "/vol", type: "bind", source: volume, options: ["bind"] },
      { destination: "/vol", type: "tmpfs", source: "x", options: ["tmpcopyup"] },
    );
    box.writeConfig();
    const { stdout } = mustSucceed(await box.run({ wrapper: withVolume(volume, fill.join(" && ")) }));
    const lengths = "/vol/huge 9222246136947933188\n/vol/tera 4398046511109\n";
    t.equal(stdout, `${lengths}8\t/vol/huge\n4\t/vol/tera\n\0end\nstart\nmore\n`);
  },
  tsrunOnly("it copies zeros until there is no memory left"),
);

behaviour(
  "what does not fit the tmpfs is an error, and nothing is left",
  async (t, lab) => {
    const box = withKept(lab, "ls", (kept) => writeFileSync(join(kept, "file"), Buffer.alloc(300_000)));
    box.config.mounts.at(-1)?.options?.push("size=128k");
    box.writeConfig();
    const { code, stderr } = await box.create();
    t.equal(code, 1);
    t.match(stderr, /cannot fill .*no space left on device/);
  },
  tsrunOnly("its words are its own"),
);
