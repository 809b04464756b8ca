"""A TCP proxy between the processes and a server, whose line the tests can cut in several ways."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

Mode = Literal["pass", "blackhole", "reset", "refuse", "half-close"]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close() sends RST


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`.

    `pass` forwards · `blackhole` accepts and swallows, in both directions, as a dropped route does · `reset` answers
    every connection, old or new, with RST · `refuse` cuts old connections and takes no new ones · `half-close` shuts
    the server's side of old connections and swallows what the client still says. `delay` holds each chunk back.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode: Mode = "pass"
        self.delay = 0.0
        self.caught = 0
        self._trap: tuple[bytes, bool] | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._deaf: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        self._closed = False
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def set(self, mode: Mode) -> None:
        """Change the line, for connections that are open as well."""
        was, self.mode = self.mode, mode
        if mode == "refuse":
            self._stop_listening()
        elif was == "refuse":
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        if mode in ("reset", "refuse"):
            self.cut()
        if mode == "half-close":
            for client, server in self._open():
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
        if was == "blackhole" and mode == "pass":
            self.cut()  # bytes were swallowed: the streams are out of step, as after a timeout of the network's own

    def cut(self) -> None:
        """Reset every open connection."""
        for pair in self._open():
            self._reset(pair)

    def trap(self, words: bytes, *, after: bool) -> None:
        """Reset the next connection on which a client says `words`: before the server hears them, or after it did them.

        In the second case the answer is swallowed. The client can't tell the two apart. `caught` counts.
        """
        self._trap = (words, after)

    def _reset(self, pair: tuple[socket.socket, socket.socket]) -> None:
        for side in pair:
            with suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
        with self._lock:
            self._pairs.discard(pair)

    def _is_trapped(self, data: bytes) -> bool | None:
        """Whether `data` walks into the trap: None, or whether the server is to hear it."""
        with self._lock:
            if self._trap is None or self._trap[0] not in data:
                return None
            after, self._trap = self._trap[1], None
            return after

    def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self._stop_listening()
        self.cut()

    def _open(self) -> list[tuple[socket.socket, socket.socket]]:
        with self._lock:
            return list(self._pairs)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.mode == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        while self.mode == "blackhole" and not self._closed:
            time.sleep(0.05)  # the connection is taken by the kernel, and nobody answers
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink, pair), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        try:
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                if self.mode in ("blackhole", "half-close"):
                    continue
                after = self._is_trapped(data) if source is pair[0] else None
                if after:
                    self._deaf.add(pair)
                elif after is False or pair in self._deaf:
                    self._deaf.discard(pair)
                    self.caught += 1
                    self._reset(pair)
                    return
                sink.sendall(data)
        except OSError:
            pass
        if self.mode not in ("blackhole", "half-close"):
            for side in pair:
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            with self._lock:
                self._pairs.discard(pair)
