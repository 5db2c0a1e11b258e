"""Studies: what is done with runs and cases beyond one solve."""
