"""A line to a registry that breaks: a proxy on the loopback that hangs up in the middle of what is sent through it."""

import contextlib
import socket
import threading


class Cutter:
    """Passes on to `host`, and hangs up, for the first `cuts` times, once a connection has carried `after` bytes upwards."""

    def __init__(self, host, after, cuts):
        self.target, self.after, self.cuts = host.split(":"), after, cuts
        self.made = 0  # how often it has hung up
        self.lock = threading.Lock()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                threading.Thread(target=self.carry, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self.carry, args=(server, client, False), daemon=True).start()

    def carry(self, source, sink, upwards):
        carried = 0
        with contextlib.suppress(OSError):
            while block := source.recv(1 << 16):
                carried += len(block)
                if upwards and carried > self.after and self.may_cut():
                    break
                sink.sendall(block)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def may_cut(self):
        with self.lock:
            if self.made < self.cuts:
                self.made += 1
                return True
            return False
