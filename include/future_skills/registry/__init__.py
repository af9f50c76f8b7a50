"""Candidates, approvals, deployments, and the registry page rendered from the ledger."""
