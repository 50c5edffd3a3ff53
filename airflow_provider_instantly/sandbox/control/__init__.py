"""The control API under ``/_sandbox``: set the stage, make things fail, and see what was asked."""
