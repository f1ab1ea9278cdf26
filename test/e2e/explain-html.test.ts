// explain --html: the file that it writes, what it leaves alone, and how little time it takes.

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import { dockerLike } from "../support/docker-like.ts";
import { readMarkup } from "../support/markup-check.ts";

const ONLY_TSRUN = tsrunOnly("has no explain --html");

behaviour(
  "the page of a bundle is written, or replaces the one from before, and nothing else is left",
  async (t, lab) => {
    const box = lab.container();
    const folder = join(lab.folder, "pages");
    mkdirSync(folder);
    const file = join(folder, "page.html");
    for (const round of ["written", "replaced"]) {
      const { code, stdout, stderr } = await lab.invoke(["explain", "--html", file, box.bundle]);
      t.strictSame([code, stdout, stderr], [0, "", ""], round);
      const text = readFileSync(file, "utf8");
      t.strictSame(readMarkup(text).faults, []);
      t.match(text, `<title>A container from ${box.bundle}</title>`);
      t.strictSame(readdirSync(folder), ["page.html"]);
      if (round === "written") writeFileSync(file, "older");
    }
    t.equal(statSync(file).mode & 0o111, 0);
    await nothingLeft(t, lab, "after explaining");
  },
  ONLY_TSRUN,
);

behaviour(
  "the page of a container says what it is now",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const { code, stdout } = await lab.invoke(["explain", "--html", "-", box.id]);
    t.equal(code, 0);
    t.strictSame(readMarkup(stdout).faults, []);
    t.match(stdout, `<title>The container ${box.id}</title>`);
    t.match(stdout, /<dd class="code">created, pid \d+<\/dd>/);
    t.match(stdout, new RegExp(`<dd class="code">[^<]*/${box.id}/config.json</dd>`));
  },
  ONLY_TSRUN,
);

behaviour(
  "a link, a directory and a device are left as they are",
  async (t, lab) => {
    const box = lab.container();
    const target = join(lab.folder, "target");
    writeFileSync(target, "mine");
    const link = join(lab.folder, "link.html");
    symlinkSync(target, link);
    for (const path of [link, lab.folder, "/dev/null"]) {
      const line = new RegExp(`cannot write the page to "${path}": it is no regular file`);
      refused(t, await lab.invoke(["explain", "--html", path, box.bundle]), line);
    }
    t.equal(readFileSync(target, "utf8"), "mine");
    t.ok(lstatSync(link).isSymbolicLink());
    const nowhere = join(lab.folder, "missing/page.html");
    const { code, stderr } = await lab.invoke(["explain", "--html", nowhere, box.bundle]);
    t.equal(code, 1);
    t.match(stderr, "cannot write the page: ");
  },
  ONLY_TSRUN,
);

behaviour(
  "options that do not go together are refused, and a trace that is none",
  async (t, lab) => {
    const box = lab.container();
    const file = join(lab.folder, "page.html");
    const odd = join(lab.folder, "trace.json");
    writeFileSync(odd, "[]");
    const cases: [string[], string][] = [
      [
        ["--html", file, "--json"],
        "cannot give --html and --json together: the output is either a page or JSON",
      ],
      [["--html", ""], "--html needs the name of a file, or - for standard output"],
      [["--timeline", odd], "--timeline is for the page that --html writes"],
      [["--html", file, "--timeline", odd], `cannot use "${odd}": it has no event with a duration`],
    ];
    for (const [words, message] of cases) {
      const { code, stderr } = await lab.invoke(["explain", ...words, box.bundle]);
      t.equal(code, 1);
      t.match(stderr, JSON.stringify(message).slice(1, -1), words.join(" "));
    }
    t.notOk(readdirSync(lab.folder).includes("page.html"));
    writeFileSync(odd, JSON.stringify([{ ph: "X", name: "the-event", cat: "call", ts: 1, dur: 2, pid: 3 }]));
    mustSucceed(await lab.invoke(["explain", "--html", file, "--timeline", odd, box.bundle]));
    t.match(readFileSync(file, "utf8"), "the-event");
  },
  ONLY_TSRUN,
);

behaviour(
  "a container like Docker's takes little time, and thousands of mounts go",
  async (t, lab) => {
    const box = lab.container();
    const like = dockerLike();
    const { root, linux } = box.config;
    Object.assign(box.config, { ...like, root });
    if (linux.cgroupsPath !== undefined) box.config.linux.cgroupsPath = linux.cgroupsPath;
    box.writeConfig();
    const before = performance.now();
    const { code, stdout } = await lab.invoke(["explain", "--html", "-", box.bundle]);
    // 20 ms on a machine that does nothing else; the limit allows for one that does much.
    t.ok(performance.now() - before < 2000);
    t.equal(code, 0);
    t.ok(Buffer.byteLength(stdout) < 300_000);
    const mounts = Array.from({ length: 4000 }, (_, index) => {
      return {
        destination: `/data/volume-${index}`,
        type: "bind",
        source: `/srv/${index}`,
        options: ["rbind"],
      };
    });
    Object.assign(box.config, { mounts });
    box.writeConfig();
    const large = await lab.invoke(["explain", "--html", "-", box.bundle]);
    t.equal(large.code, 0);
    t.match(large.stdout, 'id="mounts-3999"');
  },
  ONLY_TSRUN,
);
