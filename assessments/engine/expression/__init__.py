"""The expression language of checks: a small subset of CEL, checked, printed and evaluated."""
