"""The names of all keys and channels, version 1.

What belongs to one account carries the hash tag `{user@domain}`, so that one script may touch
all of it on a Redis Cluster. No brace of a bare JID can end the tag early: `}` is escaped, because a
local part may have one, and so is `%`, so that no two accounts share their keys.

A newer release may add fields to the values below, at the end of a line of fields and, in r1, before the
flags, which stay last; hash fields of o1; fields of stream entries behind those that are there. Members
of sets and the names of hash fields say what something is, and stay as they are.

| name             | type              | holds                                                          |
|------------------|-------------------|----------------------------------------------------------------|
| r1:{bare}        | hash              | resource -> sid, pod, generation, priority or -, flags (tabs)  |
| p1:{bare}        | hash              | resource -> last available presence                            |
| q1:{bare}:sid    | stream            | the session's queue; entries 1-0, 1-1, ...                     |
| d1:{bare}:sid    | set               | JIDs that got directed presence                                |
| m1:{bare}        | counter           | messages on their way to the offline store                     |
| h1:{bare}        | set               | ids of stored messages handed on that the store may still have |
| j1:{bare}        | channel           | publications of q1                                             |
| i1:{pod}         | stream and channel| a pod's inbox: fan-out                                         |
| x1:{pod}         | set               | the sessions of a pod, for the sweep                           |
| l1:{pods}        | sorted set        | pod -> its lease's end, ms                                     |
| l1:{pods}:swept  | set               | dead pods whose sessions are being ended                       |
| l1:{pods}:looked | string            | when somebody last looked for dead pods, ms                    |
| s1:{service:N}   | stream and channel| a shard's entries                                              |
| a1:{service:N}   | hash              | shard -> how far what it forwarded to this one has come        |
| o1:{service:N}   | hash              | a shard's owner, fencing epoch and last finished entry         |
| w1:{service}     | sorted set        | a service's processes -> until when they count                 |
| v1:{service}     | channel           | accounts whose available sessions have changed                 |
| u1:{all}         | sorted set        | process -> its last sign of life, ms                           |
| u1:{all}:changed | channel           | that log levels have been asked for                            |
| u1:{all}:ID      | hash              | what a process says of itself (cluster.member.About)           |
| u1:{all}:levels  | hash              | p:POD, or *, -> a log level and until when, ms (tab)           |
| e1:{N}           | string            | one a master, made once: a new value means it came back empty  |
| n1:{name}        | counter           | a rate limit's window                                          |
| b1:token:{N}     | string and channel| a process's probe of a master, for a millisecond               |
"""

from __future__ import annotations

VERSION = 1
EPOCH = "e1"
PODS = "l1:{pods}"
PROCESSES = "u1:{all}"
LEVELS = "u1:{all}:levels"
LEVELS_CHANGED = "u1:{all}:changed"
SWEPT = "l1:{pods}:swept"


def tag(name: str) -> str:
    """`name` as a hash tag, braces included."""
    return "{" + name.replace("%", "%25").replace("}", "%7D") + "}"


def registry(bare: str) -> str:
    """The hash of an account's sessions."""
    return "r1:" + tag(bare)


def presences(bare: str) -> str:
    """The hash of an account's available presences."""
    return "p1:" + tag(bare)


def queue(bare: str, sid: str) -> str:
    """The stream of what a session is to get."""
    return f"q1:{tag(bare)}:{sid}"


def directed(bare: str, sid: str) -> str:
    """The set of those a session sent directed presence."""
    return f"d1:{tag(bare)}:{sid}"


def pending(bare: str) -> str:
    """The counter of messages on their way to the offline store."""
    return "m1:" + tag(bare)


def handed(bare: str) -> str:
    """The set of stored messages' ids that were handed on."""
    return "h1:" + tag(bare)


def channel(bare: str) -> str:
    """The channel on which an account's pods hear of its stanzas."""
    return "j1:" + tag(bare)


def inbox(pod: str) -> str:
    """A pod's inbox: a stream, and the channel of the same name."""
    return "i1:" + tag(pod)


def pod_sessions(pod: str) -> str:
    """The set of a pod's sessions."""
    return "x1:" + tag(pod)


def shard(service: str, number: int) -> str:
    """A shard's stream, and the channel of the same name."""
    return "s1:" + tag(f"{service}:{number}")


def shard_marks(service: str, number: int) -> str:
    """The hash that says how far other shards have come in what they forward to this one."""
    return "a1:" + tag(f"{service}:{number}")


def shard_owner(service: str, number: int) -> str:
    """The hash that says who owns a shard."""
    return "o1:" + tag(f"{service}:{number}")


def members(service: str) -> str:
    """The sorted set of a service's processes, and the channel on which one says that it leaves."""
    return "w1:" + tag(service)


def news(service: str) -> str:
    """The channel on which a service's processes tell each other what has changed."""
    return "v1:" + tag(service)


def about(process: str) -> str:
    """The hash of what a process says of itself."""
    return f"{PROCESSES}:{process}"


def rate(name: str) -> str:
    """A rate limit's counter."""
    return "n1:" + tag(name)


def probe(token: str) -> str:
    """The prefix of what a process probes each master with."""
    return "b1:" + token
