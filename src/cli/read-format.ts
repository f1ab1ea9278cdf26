// The value of `--format` of `list` and `ps`. Pure.

import { TsrunError } from "../errors.ts";

export function readFormat(format: string): "table" | "json" {
  if (format === "table" || format === "json") return format;
  const words = `invalid format option: ${JSON.stringify(format)}`;
  throw new TsrunError("E_USAGE", words, { hint: "use table or json" });
}
