"""From rows of any source to people in a campaign, each once."""
