"""Mails to people, through the outbox."""
