"""What the figures of campaigns say, and whether that is still all right."""
