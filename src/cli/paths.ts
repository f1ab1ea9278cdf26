// Paths as text. Pure.

/** An absolute path without `.`, `..`, doubled and trailing slashes, as Go's filepath.Abs makes it. */
export function absolutePath(path: string, cwd: () => string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${cwd()}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The part after the last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
