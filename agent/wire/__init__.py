"""What bot and agent say to each other. The only part of the agent that the bot may import."""
