"""Every claim about performance, measured side by side with what a user would take instead."""
