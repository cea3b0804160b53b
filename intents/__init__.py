"""Understanding what people write: text to an intent of the closed catalogue, or a question."""
