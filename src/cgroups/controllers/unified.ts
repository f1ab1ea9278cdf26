// `linux.resources.unified`: files of a v2 cgroup by name, as they are. Pure.

import { TsrunError } from "../../errors.ts";
import type { CgroupWrite } from "../writes.ts";

/**
 * v2. Each line of a value is a write of its own, since that is how the kernel reads `io.max` and its like.
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
 * Says why a unified resource could not be written, in runc's words; `undefined` when it is nothing known.
 */
export function explainUnified(file: string, controllers: readonly string[]): string | undefined {
  const dot = file.indexOf(".");
  if (dot < 0) return `unified resource "${file}" must be in the form CONTROLLER.PARAMETER`;
  const controller = file.slice(0, dot);
  if (controller === "cgroup" || controllers.includes(controller)) return undefined;
  return `unified resource "${file}" can't be set: controller "${controller}" not available`;
}
