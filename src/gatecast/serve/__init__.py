"""``gatecast serve``: the honest path over REST, and a page that uses it.

The server itself only takes bytes, keeps the folder and answers; whatever reads what a stranger
sent runs in a child process (:mod:`~gatecast.serve.workers`, :mod:`~gatecast.serve.tasks`), which
may crash, hang or run out of memory without anybody else noticing. FastAPI is imported by
:mod:`~gatecast.serve.app` alone and the routes.
"""

from __future__ import annotations

from gatecast.serve.settings import Settings

__all__ = ["Settings"]
