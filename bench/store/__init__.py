"""Results on disk: records, run folders, locks, weights. The only code that knows the layout."""
