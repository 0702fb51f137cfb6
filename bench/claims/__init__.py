"""What the papers claim, as checks: the catalogue, the verdict, the study that runs them."""
