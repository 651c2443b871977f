"""The account and the region that every command acts on: those of the CDK CLI."""

from account.access import NoRegionError, account_id, announce, region, session, where

__all__ = ["NoRegionError", "account_id", "announce", "region", "session", "where"]
