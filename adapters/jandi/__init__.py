"""Jandi: webhooks only, in and out."""
