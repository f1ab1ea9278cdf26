// Writes docs/explain.svg. Run by `make pictures`.

import { writeFileSync } from "node:fs";
import { explainPicture } from "./pictures.ts";

writeFileSync("docs/explain.svg", explainPicture());
