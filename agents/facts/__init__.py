"""The fact document: what agents collected, merged and completed for the judge. Pure."""
