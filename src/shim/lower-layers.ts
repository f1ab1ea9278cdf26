// The option `lowerdir=` of an overlay mount, whose paths begin alike. Pure.

import { TsrunError } from "../errors.ts";
import { utf8 } from "../linux/call/words.ts";

/** mount(2) takes a page of data, with its NUL. */
const MOST_DATA = 4095;
const OPTION = "lowerdir=";

export interface Layers {
  readonly data: readonly string[];
  /** Where relative paths begin; absent if all are absolute. */
  readonly directory: string | undefined;
}

/**
 * The paths of a large image's layers can be longer than a page. They begin alike, so they are given relative
 * to the directory that they share.
 */
export function fitInPage(data: readonly string[]): Layers {
  if (utf8(data.join(",")).length <= MOST_DATA) return { data, directory: undefined };
  const layers = layersOf(data);
  const directory = sharedDirectory(layers);
  const words = withLayers(
    data,
    layers.map((path) => path.slice(directory.length + 1)),
  );
  if (directory === "" || utf8(words.join(",")).length > MOST_DATA) {
    throw new TsrunError("E_CONFIG", "cannot mount the root file system: its options are longer than a page");
  }
  return { data: words, directory };
}

export function layersOf(data: readonly string[]): string[] {
  const layers = data.find((word) => word.startsWith(OPTION))?.slice(OPTION.length) ?? "";
  return layers === "" ? [] : layers.split(":");
}

/** The same options with other layers. */
export function withLayers(data: readonly string[], layers: readonly string[]): string[] {
  return data.map((word) => (word.startsWith(OPTION) ? `${OPTION}${layers.join(":")}` : word));
}

/** The longest directory that all these paths lie below. */
export function sharedDirectory(paths: readonly string[]): string {
  const [first = "", ...others] = paths;
  let directory = first.slice(0, first.lastIndexOf("/"));
  for (const path of others) {
    while (directory !== "" && !path.startsWith(`${directory}/`)) {
      directory = directory.slice(0, directory.lastIndexOf("/"));
    }
  }
  return directory;
}
