"""The optional libraries of the study, asked for by name before they are imported."""

from importlib.util import find_spec

from ...codec import MissingToolError

STORE_MODULES = ("sqlalchemy",)
SERVER_MODULES = ("sqlalchemy", "starlette", "uvicorn")
CLIENT_MODULES = (*SERVER_MODULES, "httpx")


def require_modules(modules: tuple[str, ...]) -> None:
    """Make sure that libraries are installed.

    Raises:
        MissingToolError: one is not; says how to get it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingToolError(f"{', '.join(missing)} is not installed; pip install 'mgv[web]' brings it")
