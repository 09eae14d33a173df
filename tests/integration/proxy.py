# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A network between a client and a server that can be lost without a word: no RST, no FIN, nothing."""

from __future__ import annotations

import socket
import threading
from typing import Any


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = (client, server)
        self._open = threading.Event()
        self._open.set()
        for source, sink in (self.ends, self.ends[::-1]):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        except OSError:
            pass
        self._open.wait()
        self.close()

    def freeze(self) -> None:
        """Forward nothing any more; both ends stay connected, and TCP answers for us."""
        self._open.clear()

    def close(self) -> None:
        self._open.set()
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class Proxy:
    """Listens on 127.0.0.1 and forwards to a server's unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.links: list[_Link] = []
        self._frozen = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._path)
            self.links.append(_Link(client, server))
            if self._frozen:
                self.links[-1].freeze()

    def freeze(self) -> None:
        """All connections, and those that are made later."""
        self._frozen = True
        for link in self.links:
            link.freeze()

    def thaw(self) -> None:
        """New connections are forwarded again; the old ones never."""
        self._frozen = False

    def close(self) -> None:
        self._listener.close()
        for link in self.links:
            link.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_error: Any) -> None:
        self.close()
