"""What the platform sees of the provider's work: metrics and lineage."""
