"""The two halves of scripts/hardship, and what both stand on."""
