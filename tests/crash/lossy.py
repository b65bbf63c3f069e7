"""A connection that breaks at the worst moment: between the server's commit and the word that it happened."""

import socket
import threading
from pathlib import Path
from select import select
from typing import Self

NAME = ".s.PGSQL.5432"
_MOST = 1 << 16


class Lossy:
    """Stands between clients and a PostgreSQL server's socket, with a socket of its own in ``folder``.

    Once ``armed``, the next COMMIT goes to the server and its answer nowhere. With ``and_shut`` nobody gets
    through from then on, until ``shut`` is set back.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.armed = self.and_shut = self.shut = False
        self.lost = 0
        self._server = str(server / NAME)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / NAME))
        self._listening.listen()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.shut:
                client.close()
                continue
            thread = threading.Thread(target=self._pass_on, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            while True:
                ready, _, _ = select([client, server], [], [])
                for one, other in ((client, server), (server, client)):
                    if one not in ready:
                        continue
                    data = one.recv(_MOST)
                    if not data:
                        return
                    other.sendall(data)
                    if one is client and self.armed and b"COMMIT\0" in data:
                        self.armed, self.shut = False, self.and_shut
                        self.lost += 1
                        assert server.recv(_MOST), "it stands when the server says so"
                        return
