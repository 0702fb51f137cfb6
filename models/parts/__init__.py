"""What models are made of: helpers that are no models themselves."""
