"""Roost: a horizontally scaled XMPP server."""

__version__ = "0.1.0"
