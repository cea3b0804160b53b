"""The commands of ``guardia``, one module per noun. Each returns an exit status."""
