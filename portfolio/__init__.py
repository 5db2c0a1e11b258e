"""Choose which critical-raw-material projects public funds co-finance, with which instruments, and when."""
