"""Assets of Instantly, for schedules that follow campaigns."""
