const assert = require("node:assert");
const http = require("node:http");
const { once } = require("node:events");
const { MockAgent, Pool, fetch, request } = require("undici");

async function main() {
  const server = http.createServer((message, response) => response.end(`heard ${message.method} ${message.url}`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}`;
  const answer = await request(`${url}/a`);
  assert.strictEqual(await answer.body.text(), "heard GET /a");
  assert.strictEqual(await (await fetch(`${url}/b`, { method: "POST", body: "x" })).text(), "heard POST /b");
  const pool = new Pool(url);
  assert.strictEqual((await pool.request({ path: "/c", method: "GET" })).statusCode, 200);
  await pool.close();
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.get("http://nowhere.test").intercept({ path: "/" }).reply(200, "mocked");
  assert.strictEqual(await (await fetch("http://nowhere.test/", { dispatcher: agent })).text(), "mocked");
  server.close();
  server.closeAllConnections();
  console.log("ok");
}

main();
