"""What scripts/bench measures, a file for each thing that is measured or that measures."""
