const assert = require("node:assert");
const _ = require("lodash");
const debounce = require("lodash/debounce");
const fp = require("lodash/fp");

assert.deepStrictEqual(_.groupBy([1, 2, 3], (n) => n % 2), { 0: [2], 1: [1, 3] });
assert.strictEqual(_.template("Hello, <%- name %>!")({ name: "<you>" }), "Hello, &lt;you&gt;!");
assert.deepStrictEqual(fp.flow(fp.map((n) => n * 2), fp.sum)([1, 2]), 6);
debounce(() => console.log("ok"), 10)();
