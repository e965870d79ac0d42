"""The presence service: who hears of whom (RFC 6121 sections 3 and 4)."""
