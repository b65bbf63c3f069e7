"""Where a deployment keeps what: the guard of each log, and the keys of its personal values."""

from pathlib import Path

from api.settings import Settings
from ledger.personal.subjects import KEYS, Subjects

GUARD = "guard.journal"
VAULT_KEYS = "vault-keys"


def vault_folder(settings: Settings) -> Path:
    """Return the folder of the subjects' keys."""
    return Path(settings.vault_keys) if settings.vault_keys else settings.data_dir / VAULT_KEYS


def kept_subjects(settings: Settings, origin: str) -> Subjects | None:
    """Return the subjects' keys of a log, None where the deployment that is set does not keep them."""
    folder = vault_folder(settings)
    there = settings.origin == origin and (folder / KEYS).is_file()
    return Subjects(folder, origin) if there else None


def guard_path(settings: Settings, origin: str) -> Path:
    """Return where the guard of a log lies; what goes on under another name has its own beside the first."""
    path = Path(settings.guard) if settings.guard else settings.data_dir / GUARD
    return path if origin == settings.origin else path.with_name(f"{path.name}.{origin.rpartition('/')[2]}")
