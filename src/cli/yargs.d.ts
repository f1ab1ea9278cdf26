// Types for the parts of yargs and its packages that tsrun uses: the packages have none.

declare module "yargs" {
  export interface YargsOption {
    readonly type: "string" | "boolean" | "number";
    readonly describe?: string | undefined;
    readonly alias?: string | undefined;
    readonly array?: boolean | undefined;
    readonly default?: string | number | undefined;
    readonly defaultDescription?: string | undefined;
    readonly hidden?: boolean | undefined;
    readonly group?: string | undefined;
  }

  export interface Yargs {
    scriptName(name: string): Yargs;
    /** `null`: none. */
    usage(text: null): Yargs;
    command(name: string, describe: string, builder?: (yargs: Yargs) => Yargs): Yargs;
    option(name: string, option: YargsOption): Yargs;
    help(enabled: boolean): Yargs;
    version(enabled: boolean): Yargs;
    wrap(columns: number | null): Yargs;
    detectLocale(enabled: boolean): Yargs;
    exitProcess(enabled: boolean): Yargs;
    updateStrings(strings: Readonly<Record<string, string>>): Yargs;
    parserConfiguration(configuration: Readonly<Record<string, boolean>>): Yargs;
    getHelp(): Promise<string>;
  }

  const yargs: (words: readonly string[]) => Yargs;
  // biome-ignore lint/style/noDefaultExport: this is how yargs exports it
  export default yargs;
}

declare module "cliui" {
  const cliui: unknown;
  // biome-ignore lint/style/noDefaultExport: this is how cliui exports it
  export default cliui;
}

declare module "string-width" {
  const stringWidth: (text: string) => number;
  // biome-ignore lint/style/noDefaultExport: this is how string-width exports it
  export default stringWidth;
}

declare module "yargs-parser/browser" {
  const parser: unknown;
  // biome-ignore lint/style/noDefaultExport: this is how yargs-parser exports it
  export default parser;
}
