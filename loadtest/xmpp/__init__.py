"""A client's side of XMPP on gevent's sockets: one greenlet a session, no thread, no tree per stanza."""
