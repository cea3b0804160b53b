"""The bot: what people ask for in chat becomes a plan that people approve."""
