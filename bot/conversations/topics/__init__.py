"""One file for each topic; `bot.conversations.topic` says what a topic is and finds them."""
