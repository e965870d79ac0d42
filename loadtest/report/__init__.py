"""What a run tells: figures, thresholds, files, charts and a picture."""
