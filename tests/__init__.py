"""Everything that is tested; each folder says how."""
