"""Pictures of the dashboards without Grafana: the same queries, layout, titles, units and thresholds.

For documents, and for who has Prometheus at hand and no Grafana:

    python -m deploy.grafana.draw --prometheus http://127.0.0.1:9090 --minutes 15 --into docs/pictures
"""
