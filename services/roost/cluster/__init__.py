"""Everything that is kept in or sent through Redis (or Valkey)."""
