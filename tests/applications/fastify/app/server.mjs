import Fastify from "fastify";

const app = Fastify({ logger: true });
const querystring = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
const response = { 200: { type: "object", properties: { text: { type: "string" } } } };
app.get("/", { schema: { querystring, response } }, async (request) => ({ text: `Hello, ${request.query.name}!` }));
await app.listen({ port: 8000, host: "0.0.0.0" });
