"""Copy this file to teach the bot one more thing to talk about; the copy is found by its name, nothing is registered.

* An intent's words stand here; every sentence that a person reads stands in `bot/texts`, Chinese and English.
* An effect is one use case; whether the person may is decided there (A8), never here.
* What moves money or supply is asked about first: `flows.ask_confirm` ties the yes to its question.
* `tests/fakes/rehearsed/` holds a file for each topic, with what the stage answers and the script of its transcript.

`emergency.py` is a short whole one to look at.
"""

from __future__ import annotations

from bot.conversations.topic import Topic

TOPIC = Topic()
