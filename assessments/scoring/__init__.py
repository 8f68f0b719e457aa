"""Likelihood, impact, level and posture. Pure arithmetic over published tables."""
