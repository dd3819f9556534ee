"""Turns channel-neutral parts into what a channel can show."""
