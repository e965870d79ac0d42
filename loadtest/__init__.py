"""What puts load on a running server: Locust's users (docs/load-testing.md), and the bench."""
