"""The Grafana dashboards: their source in Python, and a way to draw them without Grafana.

`python -m deploy.grafana` writes `dashboards/*.json`, which is what is provisioned and packaged;
`python -m deploy.grafana.draw` makes a picture of one.
"""
