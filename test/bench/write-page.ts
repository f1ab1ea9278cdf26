// `make bench-page`: README's table, docs/bench.md and docs/bench.svg, from the results that are checked in.

import { readFileSync, writeFileSync } from "node:fs";
import { chart } from "./chart.ts";
import { page, renewReadme } from "./page.ts";
import { readResults } from "./results.ts";

const blocks = readResults();
if (blocks.length === 0) throw new Error("no results: make bench SAVE=1 keeps some");
writeFileSync("README.md", renewReadme(readFileSync("README.md", "utf8"), blocks));
writeFileSync("docs/bench.md", page(blocks));
writeFileSync("docs/bench.svg", chart(blocks));
