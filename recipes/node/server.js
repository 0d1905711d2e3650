// A web server of Node's own modules alone: it answers every GET of `/` with one line.
"use strict";

const http = require("node:http");

const PORT = 8000;
const BODY = "Hello from Advent of DevOps!";

const server = http.createServer((request, response) => {
  const known = request.url.split("?")[0] === "/";
  const allowed = request.method === "GET" || request.method === "HEAD";
  const status = !known ? 404 : allowed ? 200 : 405;
  const body = status === 200 ? BODY : http.STATUS_CODES[status];
  response.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(request.method === "HEAD" ? undefined : body);
});

// The first process of a container has no default for these signals: without a handler they are ignored.
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => process.exit(0));
}

server.listen(PORT, "0.0.0.0");
