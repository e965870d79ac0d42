"""The Grafana dashboards: their source in Python, and a way to draw them without Grafana.

`python -m deploy.grafana` writes `helm/roost/files/dashboards/*.json`, which Compose and the chart provision;
`python -m deploy.grafana.draw` makes a picture of one.
"""
