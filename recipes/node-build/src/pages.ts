import Mustache from "mustache";

const PAGES: Record<string, string> = {
  "/": "Hello from {{event}}!",
  "/greet": "Hello, {{name}}!",
};

/** The page at `path`, filled in; `undefined` where there is none. */
export function render(path: string, values: Record<string, string>): string | undefined {
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  return page === undefined ? undefined : Mustache.render(page, values);
}
