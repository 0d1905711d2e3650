import asyncio
import socketserver
import threading

import redis
import redis.asyncio


class Handler(socketserver.StreamRequestHandler):
    store = {}

    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:length])
            command = words[0].upper()
            if command == b"SET":
                self.store[words[1]] = words[2]
                answer = b"+OK\r\n"
            elif command == b"GET":
                value = self.store.get(words[1])
                answer = b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
            elif command == b"PING":
                answer = b"+PONG\r\n"
            elif command == b"CLIENT":
                answer = b"+OK\r\n"
            else:
                answer = b"-ERR unknown command\r\n"
            self.wfile.write(answer)


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]

client = redis.Redis(port=port, decode_responses=True, protocol=2)
assert client.ping() and client.set("a", "ä") and client.get("a") == "ä" and client.get("b") is None
with client.pipeline(transaction=False) as pipeline:
    assert pipeline.set("b", 2).get("b").execute() == [True, "2"]
try:
    client.execute_command("NONSENSE")
    raise SystemExit("the server knows no such command")
except redis.ResponseError:
    pass


async def later():
    async with redis.asyncio.Redis(port=port, protocol=2) as client:
        assert await client.get("a") == "ä".encode()


asyncio.run(later())
try:
    redis.Redis(port=1).ping()
    raise SystemExit("nobody listens there")
except redis.ConnectionError:
    pass
print("ok")
