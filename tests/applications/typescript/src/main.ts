import { readFile } from "node:fs/promises";
import { parse, type Settings } from "./parts/settings";

async function main(): Promise<void> {
  const settings: Settings = parse(JSON.stringify({ port: 8000, name: "application" }));
  const manifest = JSON.parse(await readFile("package.json", "utf8")) as { name: string };
  if (settings.name !== manifest.name) throw new Error(`${settings.name} is not ${manifest.name}`);
  const { late } = await import("./parts/late.js");
  console.log(late(settings));
}

void main();
