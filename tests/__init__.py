"""Tests of Underpin; each folder is one kind of test (CONTRIBUTING.md says which)."""
