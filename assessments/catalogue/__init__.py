"""The catalogue: checks as data with their cases, site parameters, loader, lint. Pure."""
