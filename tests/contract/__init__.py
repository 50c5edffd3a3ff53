"""The sandbox and the hook against what is known of the real service."""
