const assert = require("node:assert");
const http = require("node:http");
const { once } = require("node:events");
const axios = require("axios");

async function main() {
  const server = http.createServer((message, response) => {
    response.statusCode = message.url === "/missing" ? 404 : 200;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ url: message.url, type: message.headers["content-type"] ?? null }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = axios.create({ baseURL: `http://127.0.0.1:${server.address().port}`, proxy: false });
  client.interceptors.request.use((config) => ({ ...config, params: { seen: "yes" } }));
  assert.strictEqual((await client.get("/a")).data.url, "/a?seen=yes");
  assert.match((await client.postForm("/form", { a: 1 })).data.type, /^multipart\/form-data/);
  const plain = axios.create({ baseURL: client.defaults.baseURL, proxy: false });
  await assert.rejects(plain.get("/missing"), (error) => axios.isAxiosError(error) && error.response.status === 404);
  server.close();
  server.closeAllConnections();
  console.log("ok");
}

main();
