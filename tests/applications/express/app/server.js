const path = require("node:path");
const express = require("express");

const app = express();
app.use(express.json());
app.use("/static", express.static(path.join(__dirname, "public")));
app.get("/", (_request, response) => response.send("Hello from express"));
app.get("/json", (_request, response) => response.json({ words: ["reach"] }));
app.post("/echo", (request, response) => response.send(request.body));
app.listen(8000, "0.0.0.0");
