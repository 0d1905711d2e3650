import aiohttp
from aiohttp import web


async def hello(request):
    return web.Response(text="Hello from aiohttp")


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"echo: {message.data}")
    return socket


async def relayed(request):
    async with aiohttp.ClientSession() as session, session.ws_connect("http://127.0.0.1:8000/echo") as socket:
        await socket.send_str("through a websocket")
        message = await socket.receive()
    return web.json_response({"text": message.data})


app = web.Application()
app.add_routes([web.get("/", hello), web.get("/echo", echo), web.get("/relayed", relayed)])
web.run_app(app, port=8000, print=None)
