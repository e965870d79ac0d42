from loadtest.delivery.ledger import MESSAGE

from free_ports import free_port


def test_two_workers_share_the_users_and_their_messages(locust):
    port = str(free_port())
    master = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
    users = ("--processes", "2", "--users", "10", "--spawn-rate", "20", "--only-summary")
    limits = ("--fail-loss", "0", "--fail-twice", "0", "--fail-ratio", "0")
    ran = locust(*master, *users, "--scenario", "chat", *limits, until={MESSAGE: 20})
    assert ran.code == 0, ran.said
    # neighbours are on different workers; a number that two users had would have thrown one of them out
    assert ran.times("login") == ran.times("register") == 10
    assert ran.times("reconnect") == 0
