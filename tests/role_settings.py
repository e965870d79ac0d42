"""Settings for a role that runs inside a test."""

from __future__ import annotations

from roost.runtime.config import load


def settings(redis_url, database_url, **more):
    known = {
        "redis_url": redis_url,
        "database_url": database_url,
        "domain": "example.net",
        "tls": "optional",
        "listen_host": "127.0.0.1",
        "starttls_port": 0,
        "direct_tls_port": 0,
        "metrics_port": 0,
        "redis_timeout_seconds": 1,
        "store_timeout_seconds": 2,
        "log_level": "error",
    }
    return load(known | more)
