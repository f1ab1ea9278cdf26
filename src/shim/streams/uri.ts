// Parses `file://PATH` and `binary://PATH?KEY=VALUE&…`, which name a file and a program that take a
// container's output. Callers write them with percent-encoding (containerd, pkg/cio). Pure.

export interface LoggerProgram {
  readonly path: string;
  /** Arguments of the program: each key, followed by its value, if any. */
  readonly args: readonly string[];
}

export function parseLogger(uri: string): LoggerProgram {
  const { path, query } = parseUri(uri);
  const args = query
    .split("&")
    .filter((pair) => pair !== "")
    .flatMap((pair) => {
      const [key = "", value] = pair.split("=");
      return value === undefined || value === "" ? [decodeWord(key)] : [decodeWord(key), decodeWord(value)];
    });
  return { path, args };
}

/** The path, and what follows a question mark. */
export function parseUri(uri: string): { readonly path: string; readonly query: string } {
  const [path = "", query = ""] = uri.replace(/^[a-z]+:\/\//, "").split("?");
  return { path: decodePercent(path), query };
}

/** In a query a plus is a space. */
function decodeWord(word: string): string {
  return decodePercent(word.replace(/\+/g, " "));
}

/** Decodes percent-encoding; anything else stays as it is. */
function decodePercent(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
