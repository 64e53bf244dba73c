"""The preference study: people choose between two decodings of a clip, in a browser; scores with intervals.

A study is made of a rate-distortion run (`create`), served (`web`), and read at any time (`results`, `report`). What
needs the extra `web` is imported from its own module; the names below need nothing beyond the base.
"""

from .errors import StudyError
from .extras import CLIENT_MODULES, SERVER_MODULES, STORE_MODULES, require_modules
from .run_reader import RunClip, RunPoint, RunReader
from .settings import Settings, read_settings, settings_to_toml

__all__ = [
    "CLIENT_MODULES",
    "SERVER_MODULES",
    "STORE_MODULES",
    "RunClip",
    "RunPoint",
    "RunReader",
    "Settings",
    "StudyError",
    "read_settings",
    "require_modules",
    "settings_to_toml",
]
