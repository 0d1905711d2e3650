import { z } from "zod";

const schema = z.object({ port: z.number().int().positive(), name: z.string().min(1) });

export type Settings = z.infer<typeof schema>;

export function parse(text: string): Settings {
  return schema.parse(JSON.parse(text));
}
