"""The program: commands, settings, wiring. The only package that imports everything; imported by nothing."""

__version__ = "0.1.0"
