// The page of `explain --html` in a real browser: no complaint, no request, axe-core finds nothing, nothing
// is cut or covers anything else, and pointer and keyboard reach the lines of config.json. `make test-page`
// installs what it needs, and leaves pictures in build/page/.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import t, { type Test } from "tap";
import { page } from "../../src/explain/page/page.ts";
import { readTrace } from "../../src/explain/page/trace-events.ts";
import { exampleSpec } from "../../src/spec/defaults.ts";
import type { Spec } from "../../src/spec/types.ts";
import { Browser, findChromium, type View } from "../support/chromium.ts";
import { dockerLike } from "../support/docker-like.ts";
import { explanationOf, FULL } from "../support/explained.ts";
import { FAULTS, FOCUSED, middleOf, ON_PAPER, SHOWN, STOPS, VIOLATIONS } from "./expressions.ts";

const AXE = "build/axe/node_modules/axe-core/axe.min.js";
const FOLDER = "build/page";
const WIDTHS = [400, 1000, 1600] as const;
const THEMES = ["light", "dark"] as const;
const VIEW: View = { width: 1600, height: 1000, theme: "light" };

const program = findChromium();

function skipped(): string | false {
  if (program === undefined) return "needs Chromium: make test-page";
  return existsSync(AXE) ? false : "needs axe-core: make test-page";
}

const EVENTS = [
  { ph: "M", name: "process_name", pid: 1, args: { name: "tsrun create" } },
  { ph: "X", name: "create", cat: "command", ts: 0, dur: 6300, pid: 1 },
  { ph: "X", name: "read the configuration", cat: "phase", ts: 0, dur: 2300, pid: 1 },
  { ph: "X", name: "openat", cat: "call", ts: 300, dur: 400, pid: 1, args: { what: "/srv/web/config.json" } },
  { ph: "X", name: "build the root", cat: "phase", ts: 2300, dur: 4000, pid: 1 },
  { ph: "X", name: "mount", cat: "inside", ts: 2400, dur: 1500, pid: 2, args: { what: "/proc" } },
];

/** Names as long as they may be, also of signs that are twice as wide. */
function long(): Spec {
  const name = "容器".repeat(40);
  return {
    ...FULL,
    mounts: [
      ...(FULL.mounts ?? []),
      { destination: `/${name}`, type: "bind", source: `/${"w".repeat(200)}`, options: ["bind"] },
      { destination: `/${name}/b`, type: "tmpfs", source: "x", options: [`context=${"c".repeat(300)}`] },
    ],
  };
}

/** Writes the pages; the paths of the files. */
function writePages(): Readonly<Record<"docker" | "usual" | "full" | "long", string>> {
  mkdirSync(FOLDER, { recursive: true });
  const trace = readTrace(JSON.stringify(EVENTS), "t");
  const write = (name: string, spec: Spec): string => {
    const explanation = { ...explanationOf(spec), command: spec.process?.args ?? [] };
    const file = resolve(FOLDER, `${name}.html`);
    writeFileSync(file, page({ explanation, trace, program: "tsrun 0" }));
    return file;
  };
  return {
    docker: write("docker", dockerLike()),
    usual: write("usual", exampleSpec()),
    full: write("full", FULL),
    long: write("long", long()),
  };
}

async function looksWell(test: Test, browser: Browser, file: string, name: string): Promise<void> {
  const axe = readFileSync(AXE, "utf8");
  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      await browser.open(file, { width, height: 1000, theme });
      test.equal(await browser.evaluate(FAULTS), "", `${width} ${theme}`);
      await browser.evaluate(axe);
      test.equal(await browser.evaluate(VIOLATIONS), "", `${width} ${theme}`);
      writeFileSync(`${FOLDER}/${name}-${width}-${theme}.png`, await browser.picture("page"));
    }
  }
}

/** Presses the Tab key until each element should have had the focus. */
async function tabThrough(test: Test, browser: Browser): Promise<void> {
  const total = Number(await browser.evaluate(STOPS));
  const lost: string[] = [];
  const covered: string[] = [];
  let withLines = 0;
  for (let step = 0; step < total; step++) {
    await browser.press("Tab", 9);
    const [name = "", isTold, isSeen] = String(await browser.evaluate(FOCUSED)).split("|");
    if (name.startsWith("BODY")) lost.push(`${name} ${step}`);
    if (isSeen !== "true") covered.push(name);
    if (isTold === "true") withLines++;
    if (step === 60) writeFileSync(`${FOLDER}/keyboard.png`, await browser.picture());
  }
  test.strictSame(lost, [], "no stop is lost");
  test.strictSame(covered, [], "what has the focus can be seen");
  test.ok(total > 150, `${total} stops`);
  test.ok(withLines > 130, `${withLines} of them show lines`);
}

t.test("the page in a browser", { skip: skipped(), timeout: 500_000 }, async (test) => {
  const files = writePages();
  const browser = await Browser.start(program ?? "");
  test.teardown(() => browser.close());

  for (const [name, file] of Object.entries(files)) {
    await test.test(`${name}: axe-core finds nothing, and nothing is cut or covered`, (one) =>
      looksWell(one, browser, file, name),
    );
  }

  await test.test("pointing at a part of the picture, or at a row, shows its lines", async (one) => {
    await browser.open(files.docker, VIEW);
    one.equal(await browser.evaluate(SHOWN), "");
    for (const selector of ['svg a[href="#namespaces-3"]', "#namespaces-3"]) {
      const [x = 0, y = 0] = String(await browser.evaluate(middleOf(selector)))
        .split(",")
        .map(Number);
      await browser.pointAt(x, y);
      one.equal(await browser.evaluate(SHOWN), "/linux/namespaces/1", selector);
      writeFileSync(`${FOLDER}/pointing.png`, await browser.picture());
      await browser.pointAt(1, 1);
      one.equal(await browser.evaluate(SHOWN), "", "and no longer than that");
    }
  });

  await test.test("the Tab key reaches everything, in order, and shows its lines", async (one) => {
    await browser.open(files.docker, VIEW);
    await tabThrough(one, browser);
  });

  await test.test("on paper there is nothing that only a window has", async (one) => {
    await browser.open(files.docker, { width: 800, height: 1000, theme: "dark", media: "print" });
    const dark = "none; none; none; rgb(31, 36, 41)";
    one.equal(await browser.evaluate(ON_PAPER), dark, "dark text, whatever the theme");
    writeFileSync(`${FOLDER}/print.png`, await browser.picture("page"));
    const pdf = await browser.pdf();
    one.equal(Buffer.from(pdf.subarray(0, 5)).toString(), "%PDF-");
    writeFileSync(`${FOLDER}/print.pdf`, pdf);
  });

  await test.test("the browser complains of nothing, and asks for nothing but the files", async (one) => {
    one.strictSame(browser.complaints, []);
    const others = browser.requests.filter((address) => !address.startsWith("file:///"));
    one.strictSame(others, []);
  });
});
