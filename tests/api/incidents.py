"""A deployment whose database was put back: keys, guard and all else are today's."""

from api.home import Clock, Home, open_home
from tests.ledger.incidents import copy_of


def backup(home: Home) -> str:
    """Return the place of a copy of the database as it stands; the home goes on."""
    return copy_of(home.engine)


def put_back(home: Home, place: str, clock: Clock, *, guard: str | None = None) -> Home:
    """Open the deployment on a backup of its database."""
    home.close()
    changed = {"database_url": place} | ({} if guard is None else {"guard": guard})
    return open_home(home.settings.model_copy(update=changed), clock)
