const assert = require("node:assert");
const Ajv = require("ajv");
const Ajv2020 = require("ajv/dist/2020");
const standalone = require("ajv/dist/standalone").default;

const schema = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
const ajv = new Ajv({ allErrors: true, code: { source: true } });
const validate = ajv.compile(schema);
assert(validate({ n: 1 }));
assert(!validate({ n: 0 }) && validate.errors[0].keyword === "minimum");
assert(standalone(ajv, validate).includes("validate"));
assert(new Ajv2020().compile({ prefixItems: [{ type: "string" }], items: false })(["x"]));
assert.throws(() => new Ajv().compile({ type: "nonsense" }), /must be equal to one of the allowed values/);
console.log("ok");
