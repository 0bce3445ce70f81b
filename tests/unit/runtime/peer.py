"""Another company's server on this machine, that does to a caller whatever a real one may."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket, bytes], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"
GOOD_BODY = b'{"url": "https:"}'


class Peer:
    """Accepts connections; each request read whole is handed to the behaviour of the moment."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = answer_well
        self.requests: list[bytes] = []
        self.stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self.stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.05)
            data = b""
            while not self.stop.is_set():
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if not part:
                    return
                data += part
                while (request := _whole(data)) is not None:
                    data = data[len(request) :]
                    self.requests.append(request)
                    try:
                        self.behaviour(connection, request)
                    except OSError:
                        return


def _whole(data: bytes) -> bytes | None:
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + end + body[:length] if len(body) >= length else None


@contextmanager
def peer() -> Iterator[Peer]:
    running = Peer()
    try:
        yield running
    finally:
        running.close()


def answer_well(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(OK + GOOD_BODY)


def sends(*parts: bytes, then_close: bool = True) -> Behaviour:
    """Answer with these bytes, then hang up (or not)."""

    def behave(connection: socket.socket, _request: bytes) -> None:
        for part in parts:
            connection.sendall(part)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)

    return behave


def hang(connection: socket.socket, _request: bytes) -> None:
    """Say nothing for longer than any test waits; an end of the other side ends it."""
    connection.settimeout(30)
    connection.recv(1)


def drips(data: bytes, seconds: float) -> Behaviour:
    """One byte at a time: no single wait is long, all of them together are."""

    def behave(connection: socket.socket, _request: bytes) -> None:
        for byte in data:
            connection.sendall(bytes((byte,)))
            time.sleep(seconds)

    return behave


def reset(connection: socket.socket, _request: bytes) -> None:
    """Close with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
    raise OSError("closed")
