// Parses `binary://PATH?KEY=VALUE&…`, which names a program that takes a container's output. Pure.

export interface LoggerProgram {
  readonly path: string;
  /** Arguments of the program: each key, followed by its value, if any. */
  readonly args: readonly string[];
}

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
