"""What the server's rules need from Redis and PostgreSQL, as the rules would say it.

`cluster` and `store` implement these; features and core see nothing else of them. All are imported
from here, whichever of the two files they stand in.
"""

from roost.core.ports.cluster import (
    ENTRIES_TOGETHER,
    Bound,
    Bus,
    BusUnavailable,
    Carried,
    Carrier,
    Choice,
    Fanout,
    Leftover,
    Leftovers,
    OfflinePassage,
    Presence,
    PresenceRegistry,
    RateLimit,
    Registry,
    Rest,
    ServiceStream,
    SessionRecord,
    SessionRegistry,
    ShardHandler,
    Sink,
)
from roost.core.ports.store import (
    Accounts,
    OfflineMessage,
    OfflineMessages,
    RosterChange,
    RosterItem,
    Rosters,
    StoreUnavailable,
)

__all__ = [
    "ENTRIES_TOGETHER",
    "Accounts",
    "Bound",
    "Bus",
    "BusUnavailable",
    "Carried",
    "Carrier",
    "Choice",
    "Fanout",
    "Leftover",
    "Leftovers",
    "OfflineMessage",
    "OfflineMessages",
    "OfflinePassage",
    "Presence",
    "PresenceRegistry",
    "RateLimit",
    "Registry",
    "Rest",
    "RosterChange",
    "RosterItem",
    "Rosters",
    "ServiceStream",
    "SessionRecord",
    "SessionRegistry",
    "ShardHandler",
    "Sink",
    "StoreUnavailable",
]
