"""What the platform sees of the provider's work."""
