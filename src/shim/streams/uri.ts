// `binary://PATH?KEY=VALUE&…`: where a container's output goes to a program of the caller's. Pure.

export interface LoggerProgram {
  readonly path: string;
  /** Words of its command line: a key, and its value where it has one. */
  readonly args: readonly string[];
}

/** The parts of a URI of this kind. */
export function parseLogger(uri: string): LoggerProgram {
  const [path = "", query = ""] = uri.replace(/^binary:\/\//, "").split("?");
  const args = query
    .split("&")
    .filter((pair) => pair !== "")
    .flatMap((pair) => {
      const [key = "", value] = pair.split("=");
      return value === undefined || value === ""
        ? [decodePercent(key)]
        : [decodePercent(key), decodePercent(value)];
    });
  return { path: decodePercent(path), args };
}

/** Decodes percent-encoding; anything else stays as it is. */
function decodePercent(word: string): string {
  const plus = word.replace(/\+/g, " ");
  try {
    return decodeURIComponent(plus);
  } catch {
    return plus;
  }
}
