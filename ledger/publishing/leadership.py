"""Which of several publishers leads, so that not all of them read everything back."""

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger.storage.db import LOCK_SPACE


class Leadership:
    """One publisher leads, so that not everybody reads everything back: a lock of the session on PostgreSQL.

    It only saves work. What keeps two from signing different things is the guard.
    """

    def __init__(self, engine: Engine, log: int) -> None:
        self._engine = engine
        self._log = log
        self._held: Connection | None = None

    def lead(self) -> bool:
        """Tell whether this process leads, after trying to; on SQLite there is one process that serves."""
        if self._engine.dialect.name == "sqlite":
            return True
        try:
            if self._held is not None:
                self._held.execute(text("SELECT 1"))
                return True
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            query = text("SELECT pg_try_advisory_lock(:space, :log)")
            if connection.execute(query, {"space": LOCK_SPACE + 1, "log": self._log}).scalar_one():
                self._held = connection
                return True
            connection.close()
        except DBAPIError:
            self.resign()
        return False

    def resign(self) -> None:
        """Let others lead."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            held.execute(text("SELECT pg_advisory_unlock_all()"))
        except SQLAlchemyError:  # the session may have ended already, and the lock with it
            held.invalidate()
        held.close()
