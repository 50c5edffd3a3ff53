"""Random faults at random moments, and what must hold in spite of them."""
