"""What moves: a message becomes a job or a question, a click a verdict, a job one end."""
