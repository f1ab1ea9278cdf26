// docs/explain.svg: the picture of a page, by itself. README shows it. Pure.

import { DARK, LIGHT, variables } from "../../src/explain/page/palette.ts";
import { picture } from "../../src/explain/page/picture.ts";
import { PICTURE_STYLE } from "../../src/explain/page/picture-style.ts";
import { Numbers } from "../../src/explain/page/row.ts";
import { exampleSpec } from "../../src/spec/defaults.ts";
import type { Spec } from "../../src/spec/types.ts";
import { explanationOf } from "../support/explained.ts";
import { DOCKER_DEFAULT } from "../unit/seccomp/docker-default.ts";

/** What `spec` writes, with some of all that people change. */
function example(): Spec {
  const usual = exampleSpec({ cgroupV2: true });
  const { process = { cwd: "/" }, mounts = [], linux } = usual;
  const names = ["CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"] as const;
  return {
    ...usual,
    process: {
      ...process,
      args: ["nginx", "-g", "daemon off;"],
      capabilities: { bounding: names, effective: names, permitted: names },
    },
    mounts: [
      ...mounts,
      { destination: "/srv/web", type: "bind", source: "/home/web", options: ["rbind", "ro"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "size=64m"] },
    ],
    linux: {
      ...linux,
      namespaces: (linux?.namespaces ?? []).filter(({ type }) => type !== "network"),
      seccomp: DOCKER_DEFAULT,
      resources: { ...linux?.resources, memory: { limit: 512 * 1024 * 1024 }, pids: { limit: 100 } },
    },
  };
}

/** Its colours follow the reader's choice of light or dark. */
export function explainPicture(): string {
  const spec = example();
  const drawn = picture({ ...explanationOf(spec), command: spec.process?.args ?? [] }, new Numbers());
  const [, height = ""] = /viewBox="0 0 \d+ (\d+)"/.exec(drawn) ?? [];
  const style = [
    `svg{${variables(LIGHT)}}`,
    `@media (prefers-color-scheme:dark){svg{${variables(DARK)}}}`,
    PICTURE_STYLE.trim(),
  ].join("\n");
  // Nobody can follow a link of an image.
  const still = drawn
    .replace(/<a id="\w+" class="([^"]*)"[^>]*>/g, '<g class="$1">')
    .replaceAll("</a>", "</g>")
    .replace('role="group" aria-labelledby="picture-title"', `width="380" height="${height}" role="img"`);
  return still.replace(">\n", `>\n<style>${style}</style>\n`);
}
