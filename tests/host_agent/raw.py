"""Servers that break HTTP: each connection is handed to a function with the socket."""

import socket
import struct
import threading
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read_request(connection):
    """One whole request; b"" when the agent has ended the connection."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = connection.recv(65_536)
        if not part:
            return b""
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def reset(connection):
    """End the connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class RawServer:
    """Its address, and the number of connections so far."""

    def __init__(self, url):
        self.url = url
        self.connections = 0
        self.stop = threading.Event()


@contextmanager
def serving(talk, *, tls=None):
    """Call ``talk(connection, server)`` in a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "https" if tls else "http"
        server = RawServer("%s://127.0.0.1:%d" % (scheme, listener.getsockname()[1]))
        threads, open_connections = [], []

        def one(connection):
            with suppress(OSError), connection:
                if not tls:
                    talk(connection, server)
                    return
                with tls.wrap_socket(connection, server_side=True) as wrapped:
                    talk(wrapped, server)

        def accept():
            while True:
                connection, _address = listener.accept()
                if server.stop.is_set():
                    connection.close()
                    return
                server.connections += 1
                open_connections.append(connection)
                threads.append(threading.Thread(target=one, args=(connection,), daemon=True))
                threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            server.stop.set()
            with suppress(OSError):
                socket.create_connection(listener.getsockname(), 1).close()
            acceptor.join(5)
            for connection in open_connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
