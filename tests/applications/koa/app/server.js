const Koa = require("koa");

const app = new Koa();
app.use(async (context, next) => {
  await next();
  context.set("X-Seen", "yes");
});
app.use((context) => {
  if (context.path === "/") context.body = { text: "Hello from koa" };
});
app.listen(8000, "0.0.0.0");
