import type { Settings } from "./settings";

export function late(settings: Settings): string {
  return settings.port === 8000 ? "ok" : "not ok";
}
