import { once } from "node:events";
import WebSocket, { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, perMessageDeflate: true });
await once(server, "listening");
server.on("connection", (socket) => socket.on("message", (data) => socket.send(`echo: ${data}`)));
const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
await once(client, "open");
client.send("x".repeat(5000));
const [data] = await once(client, "message");
if (String(data) !== `echo: ${"x".repeat(5000)}`) throw new Error(`heard ${data}`);
client.terminate();
server.close();
console.log("ok");
