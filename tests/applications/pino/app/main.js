const pino = require("pino");

const logger = pino({ level: "debug", redact: ["secret"] });
logger.child({ part: "main" }).info({ secret: "x", error: new Error("for a test") }, "in this thread");
const transport = pino.transport({ target: "pino/file", options: { destination: 1 } });
const other = pino(transport);
other.info("ok");
transport.on("ready", () => transport.end());
