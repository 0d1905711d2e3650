// A web server in TypeScript: the build makes one file of it and of what it depends on.
import { createServer, STATUS_CODES } from "node:http";

import { render } from "./pages";

const PORT = 8000;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const page = render(url.pathname, {
    event: "Advent of DevOps",
    name: url.searchParams.get("name") ?? "nobody",
  });
  const allowed = request.method === "GET" || request.method === "HEAD";
  const status = page === undefined ? 404 : allowed ? 200 : 405;
  const body = status === 200 && page !== undefined ? page : `${STATUS_CODES[status]}`;
  response.writeHead(status, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(request.method === "HEAD" ? undefined : body);
});

// The first process of a container has no default for these signals: without a handler they are ignored.
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => process.exit(0));
}

server.listen(PORT, "0.0.0.0");
