// `linux.resources.unified`: files of a v2 cgroup by name, with unchanged values. Pure.

import { TsrunError } from "../../errors.ts";
import type { CgroupWrite } from "../writes.ts";

/**
 * v2. Each line of a value is a separate write, since that is how the kernel reads `io.max` and similar
 * files.
 */
export function unifiedWrites(unified: Readonly<Record<string, string>>): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  for (const [file, value] of Object.entries(unified)) {
    if (file.includes("/")) {
      throw new TsrunError("E_CONFIG", `unified resource "${file}" must be a file name (no slashes)`);
    }
    for (const line of value.split("\n")) {
      if (line !== "" || value === "") writes.push({ file, value: line });
    }
  }
  return writes;
}

/**
 * Says in runc's words why a unified resource could not be written; `undefined` if the reason is not known.
 */
export function explainUnified(file: string, controllers: readonly string[]): string | undefined {
  const dot = file.indexOf(".");
  if (dot < 0) return `unified resource "${file}" must be in the form CONTROLLER.PARAMETER`;
  const controller = file.slice(0, dot);
  if (controller === "cgroup" || controllers.includes(controller)) return undefined;
  return `unified resource "${file}" can't be set: controller "${controller}" not available`;
}
