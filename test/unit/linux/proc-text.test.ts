// Fields of /proc/PID/status, whatever a process calls itself.

import t from "tap";
import { statusField, statusNumber } from "../../../src/linux/process/proc-text.ts";

const STATUS = "Name:\tsh\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t41\nTracerPid:\t0\n";

t.test("a field is what stands behind its name", async (t) => {
  t.equal(statusField(STATUS, "State"), "S (sleeping)");
  t.equal(statusNumber(STATUS, "Tgid"), 41);
  t.equal(statusNumber(STATUS, "TracerPid"), 0);
  t.equal(statusField("Name:\tsh\nTgid:\t41", "Tgid"), "41", "without an end of the line");
});

t.test("a field that is not there is empty, and no number", async (t) => {
  t.equal(statusField(STATUS, "Pid"), "", "part of another's name");
  t.equal(statusNumber("", "Tgid"), 0);
});

t.test("a name does not pass for a field", async (t) => {
  for (const end of ["\r", "\u2028", "\u2029", "\\n"]) {
    const status = STATUS.replace("sh", `${end}Tgid:\t1${end}`);
    t.equal(statusNumber(status, "Tgid"), 41, `U+${end.charCodeAt(0).toString(16)}`);
  }
});
