"""Where the demo lives: one folder with its database, keys, documents and trust file."""

from pathlib import Path

from api.settings import Settings, settings

FOLDER = Path("var/demo")
# Written last: with it, a demo is whole.
LOGINS = "logins.json"


def demo_settings(folder: Path = FOLDER) -> Settings:
    """Return the settings of the demo; address and port stay as the environment says."""
    return settings().model_copy(
        update={
            "database_url": str(folder / "ctnh.db"),
            "data_dir": folder / "data",
            "origin": "ctnh-ledger.example/demo",
            "operator": "Đơn vị vận hành sổ cái (dữ liệu minh họa)",
            "master_passphrase": "",
        }
    )
