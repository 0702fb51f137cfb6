"""Records become boards: columns, pairs, statistics over seeds. Pure."""
