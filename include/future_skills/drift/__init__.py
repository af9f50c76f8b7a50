"""Has the data moved since the champion was deployed? Report and retraining policy."""
