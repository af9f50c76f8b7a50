"""Estimators, training, evaluation, the gate."""
