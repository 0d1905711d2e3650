"""The checks of scripts/end-to-end, a file for each thing that is checked or that checks."""
