"""Lets `python -m chatwatt` do what the command does."""

from __future__ import annotations

from chatwatt.cli import main

raise SystemExit(main())
