// Finds a field in a line of /proc/PID/stat, as every command does that looks at a container. C takes a tenth
// of the time that TypeScript takes.

export { statField } from "native";
