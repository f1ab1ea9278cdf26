// The page of `explain --html`: its markup, that nothing of a configuration gets out of its place, its
// colours, and its size.

import { createHash } from "node:crypto";
import t from "tap";
import type { Explanation } from "../../../src/explain/model.ts";
import { columnsOf, escaped, fitted } from "../../../src/explain/page/markup.ts";
import { page } from "../../../src/explain/page/page.ts";
import { DARK, LIGHT, LINES_ON, type Palette, TEXT_ON } from "../../../src/explain/page/palette.ts";
import { MOST_LINKS, STYLE, STYLE_HASH } from "../../../src/explain/page/style.ts";
import { readTrace } from "../../../src/explain/page/trace-events.ts";
import { exampleSpec } from "../../../src/spec/defaults.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { dockerLike } from "../../support/docker-like.ts";
import { explanationOf, FULL } from "../../support/explained.ts";
import { readMarkup } from "../../support/markup-check.ts";

const HOSTILE = [
  "</style></title><script>alert(1)</script>",
  `"><img src=x onerror=alert(1)>' onmouseover='x`,
  "&amp;&#x3c;<!--]]>",
  "\u202egnp.exe\u2066\u200b\ufeff\u2028",
  "\u0000\u0007\u001b[2J\r\n\t\u0085",
  "\ud800 half, \udc00 half, \ufffd, \ufffe",
  "javascript:alert(1)",
].join(" ");

function hostile(): Spec {
  const { process = { cwd: "/" }, linux } = FULL;
  return {
    ...FULL,
    hostname: HOSTILE,
    process: {
      ...process,
      args: [HOSTILE],
      env: [`A=${HOSTILE}`],
      apparmorProfile: HOSTILE,
      cwd: `/${HOSTILE}`,
    },
    mounts: [
      { destination: `/${HOSTILE}`, type: "tmpfs", source: HOSTILE, options: [HOSTILE.replaceAll(",", "")] },
      { destination: `/${HOSTILE}/below`, type: "bind", source: `/${HOSTILE}`, options: ["bind"] },
    ],
    hooks: { prestart: [{ path: `/${HOSTILE}`, args: [HOSTILE] }] },
    annotations: { "run.oci.hooks.stdout": `/${HOSTILE}` },
    linux: {
      ...linux,
      sysctl: { [`net.${HOSTILE}`]: HOSTILE },
      namespaces: [{ type: "mount" }, { type: "network", path: `/${HOSTILE}` }, { type: "user" }],
      maskedPaths: [`/${HOSTILE}`],
      netDevices: { [HOSTILE]: { name: HOSTILE } },
      timeOffsets: {},
    },
  };
}

function pageOf(explanation: Explanation): string {
  return page({ explanation, trace: undefined, program: "tsrun 0" });
}

t.test("the page is well-formed, and refers only to what it has", (test) => {
  const minimal: Spec = { ociVersion: "1.0.0", root: { path: "r" }, process: { cwd: "/", args: ["x"] } };
  for (const spec of [exampleSpec(), dockerLike(), FULL, minimal]) {
    const { faults, elements, attributes } = readMarkup(pageOf(explanationOf(spec)));
    test.strictSame(faults, []);
    test.notOk(elements.has("script"));
    test.notOk([...attributes].some((name) => name === "style" || name.startsWith("on")));
  }
  test.end();
});

t.test("nothing of a configuration becomes markup, or cannot be seen", (test) => {
  const usual = readMarkup(pageOf(explanationOf(FULL)));
  const text = pageOf({ ...explanationOf(hostile()), id: HOSTILE, bundle: HOSTILE, warnings: [HOSTILE] });
  const { faults, elements, attributes } = readMarkup(text);
  test.strictSame(faults, []);
  const added = [...elements, ...attributes].filter(
    (name) => !usual.elements.has(name) && !usual.attributes.has(name) && name !== "ul" && name !== "wbr",
  );
  test.strictSame(added, []);
  test.equal(text.match(/<style>/g)?.length, 1);
  test.match(text, "&lt;/style&gt;&lt;/title&gt;&lt;script&gt;");
  test.match(text, "\\u202egnp.exe\\u2066\\u200b\\ufeff\\u2028");
  test.match(text, "\\u0000\\u0007\\u001b[2J\\r\\n\\t\\u0085");
  test.match(text, "\\ud800 half, \\udc00 half, \ufffd, \\ufffe");
  test.notMatch(text, /href="(?!#)/, "every link leads into the page");
  test.end();
});

t.test("texts are shortened to columns, not to signs", (test) => {
  test.equal(escaped("plain"), "plain");
  test.equal(fitted("/a/rather/long/path", 11), "/a/ra…/path");
  test.equal(columnsOf("容器"), 4);
  test.ok(columnsOf(fitted("容器".repeat(20), 11)) <= 11);
  test.equal(fitted("\u0007\u0007\u0007", 9), "\\u00…0007", "what escaping adds is counted");
  test.equal(fitted("<<<<", 4), "<<<<");
  test.end();
});

t.test("the policy allows the style sheet, by its hash, and nothing else", (test) => {
  test.equal(
    STYLE_HASH,
    createHash("sha256").update(STYLE).digest("base64"),
    "STYLE_HASH of style.ts is that of STYLE",
  );
  const text = pageOf(explanationOf(dockerLike()));
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1];
  test.equal(
    policy,
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`,
  );
  test.equal(/<style>([\s\S]*)<\/style>/.exec(text)?.[1], STYLE);
  test.notMatch(STYLE, /url\(|@import|[<&]/);
  const addresses = [...text.matchAll(/https?:[^"<\s]*/g)].map(([address]) => address);
  test.strictSame(
    new Set(addresses),
    new Set(["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"]),
  );
  test.end();
});

/** Relative luminance and contrast, WCAG 2.2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((one, other) => other - one);
  return (light + 0.05) / (dark + 0.05);
}

t.test("texts can be read on their ground in both themes, and lines seen", (test) => {
  test.equal(contrast("#000000", "#ffffff"), 21);
  const weak = (palette: Palette, pairs: typeof TEXT_ON, least: number): string[] =>
    pairs
      .filter(([one, ground]) => contrast(palette[one], palette[ground]) < least)
      .map(([one, ground]) => `${one} on ${ground}: ${contrast(palette[one], palette[ground]).toFixed(2)}`);
  for (const palette of [LIGHT, DARK]) {
    test.strictSame(weak(palette, TEXT_ON, 4.5), []);
    test.strictSame(weak(palette, LINES_ON, 3), []);
  }
  test.end();
});

t.test("a row has its difference as a sign and a word, and the lines that ask for it", (test) => {
  const text = pageOf(explanationOf(dockerLike()));
  const row = /<tr id="mounts-10"[\s\S]*?<\/tr>/.exec(text)?.[0] ?? "";
  test.match(row, /class="wider"/);
  test.match(row, '▲<span class="vh"> wider</span>');
  test.match(row, /<a href="#mounts-10" aria-describedby="t\d+">line \d+<\/a>/);
  test.match(row, "<code>/mounts/10</code>, lines ");
  test.match(row, "&quot;destination&quot;: &quot;/usr/share/nginx/html&quot;");
  test.match(row, "not by default");
  const missing = /<tr id="paths-no-\d+"[\s\S]*?<\/tr>/.exec(text)?.[0] ?? "";
  test.match(missing, "only by default");
  test.match(text, /<a id="p(\d+)" class="it wider" href="#mounts-10">/, "and a link in the picture");
  test.end();
});

t.test("Docker's container takes less than 300 KB, and thousands of mounts go, too", (test) => {
  const small = pageOf(explanationOf(dockerLike()));
  test.ok(Buffer.byteLength(small) < 300_000, `${Buffer.byteLength(small)} bytes`);
  const mounts = Array.from({ length: 4000 }, (_, index) => ({
    destination: `/data/${index % 50}/volume-${index}`,
    type: "bind",
    source: `/srv/${index}`,
    options: ["rbind", "ro"],
  }));
  const explanation = explanationOf({ ...dockerLike(), mounts });
  const before = performance.now();
  const large = pageOf(explanation);
  test.ok(performance.now() - before < 5000);
  const { faults, ids } = readMarkup(large);
  test.strictSame(faults, []);
  test.ok(ids.includes("mounts-3999"));
  test.match(large, "and 3964 more");
  const links = ids.filter((id) => /^p\d+$/.test(id)).map((id) => Number(id.slice(1)));
  test.ok(Math.max(...links) < MOST_LINKS, "every link of the picture has a rule of the style sheet");
  test.end();
});

t.test("with a trace the page has a time line, of texts that are escaped", (test) => {
  const events = [
    { ph: "M", name: "process_name", pid: 7, args: { name: HOSTILE } },
    { ph: "X", name: "create", cat: "command", ts: 1000, dur: 500, pid: 7 },
    { ph: "X", name: HOSTILE, cat: HOSTILE, ts: 1100, dur: 50, pid: 7, args: { what: HOSTILE } },
    { ph: "X", name: "mount", cat: "inside", ts: 1200, dur: 100, pid: 8, args: { what: "/proc" } },
  ];
  const trace = readTrace(JSON.stringify({ traceEvents: events }), "t.json");
  const text = page({ explanation: explanationOf(FULL), trace, program: "tsrun 0" });
  test.strictSame(readMarkup(text).faults, []);
  test.match(text, "0.50 ms in all, 3 events.");
  test.match(text, 'x="40.00%" width="20.00%"');
  test.match(text, "system call inside, process 8");
  test.end();
});
