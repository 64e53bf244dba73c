"""`mgv study serve`: the application under uvicorn, on loopback unless told otherwise."""

import socket
from collections.abc import Callable, Sequence

import uvicorn

from ..errors import StudyError
from ..store import Store
from .app import LOOPBACK_HOSTS, make_app

MAX_CONNECTIONS = 1000


def serve(
    store: Store,
    admin_token: str,
    *,
    address: str = "127.0.0.1",
    port: int = 8000,
    host_names: Sequence[str] = (),
    behind_proxy: bool = False,
    on_ready: Callable[[int], None] = lambda port: None,
) -> None:
    """Serve a study until interrupted.

    Args:
        store: the study.
        admin_token: opens the admin pages.
        address: to listen at.
        port: 0 takes a free one.
        host_names: under which raters reach the page, beside loopback and `address`.
        behind_proxy: a proxy on this machine ends https and tells the client's address.
        on_ready: called with the port as soon as connections are taken.

    Raises:
        StudyError: the port is taken, or the address is not of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(MAX_CONNECTIONS)
        except OSError as error:
            raise StudyError(
                f"{address} port {port}: can't listen: {error.strerror}; choose another --port"
            ) from error
        hosts = (*LOOPBACK_HOSTS, address, *host_names)
        app = make_app(store, admin_token, hosts=hosts, https=behind_proxy)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # addresses of raters are written nowhere
            server_header=False,
            proxy_headers=behind_proxy,
            forwarded_allow_ips="127.0.0.1",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        on_ready(listener.getsockname()[1])
        uvicorn.Server(config).run(sockets=[listener])
